"""From the bytes of a body to a `SpeechRequest` that cannot be wrong, or to a problem that says what is."""

from pydantic import ValidationError

from app.api import problems
from app.api.json_bodies import parse_json
from app.api.problems import BodyError, Kind, Problem, misfit, pointer
from app.api.request_lexicons import RequestLexicons
from app.api.speech_bodies import ItemBody, OneTextBody, SeveralTextsBody, SpokenAs
from app.api.validation import advice_of
from app.domain.audio_formats import AudioFormat
from app.domain.errors import VoiceUnavailable
from app.domain.markup import MARKUP
from app.domain.tasks import BookRequest, ItemRequest, Priority, SpeechRequest
from app.domain.voices import UnknownVoice, VoiceMix
from app.services.find_lexicons import LexiconFinder, NoLexicons
from app.services.list_voices import VoiceDirectory

BODY_BYTES_PER_CHARACTER = 12
"""JSON needs at most this many bytes for a character: one outside the BMP as an escaped surrogate pair."""

BODY_BYTES_BESIDE_TEXT = 1024 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024


def body_limit_bytes(max_text_chars: int) -> int:
    """The largest body that is read: room for one text of the longest kind, and never more than 64 MiB."""
    return min(MAX_BODY_BYTES, BODY_BYTES_PER_CHARACTER * max_text_chars + BODY_BYTES_BESIDE_TEXT)


def parse_speech_request(
    body: bytes, voices: VoiceDirectory, max_text_chars: int, lexicons: LexiconFinder | None = None
) -> SpeechRequest:
    """What a body of POST /api/tts asks for. It may take a while: call it off the event loop.

    Raises:
      Problem: the body is not JSON, does not fit, names a voice that cannot do it, or a lexicon that is not there;
        with a pointer to each.
    """
    request = _shape_of(parse_json(body))
    book = _book_of(request)
    items = _Items(
        voices, max_text_chars, lexicons or NoLexicons(), AudioFormat.WAV if book is None else AudioFormat.M4B
    )
    wanted = (items.only(request),) if isinstance(request, OneTextBody) else items.several(request)
    return SpeechRequest(wanted, Priority[request.priority.upper()], book=book, webhook_url=_webhook_url(request))


def _book_of(request: OneTextBody | SeveralTextsBody) -> BookRequest | None:
    """What binds the items into one file; None where nothing does.

    Raises:
      Problem: the titles are not as many as the items, or an item has another format than a book.
    """
    if "book" not in request.model_fields_set:
        return None
    book = request.book
    spoken: list[tuple[str, SpokenAs]] = [("", request)]
    if isinstance(request, SeveralTextsBody):
        spoken += [(f"/items/{index}", item) for index, item in enumerate(request.items)]
    count = max(1, len(spoken) - 1)
    errors = [
        BodyError(
            f"{place}/format", f"The items of a book are `m4b`, not `{one.format}`. Leave `format` or `book` out."
        )
        for place, one in spoken
        if "format" in one.model_fields_set and one.format is not AudioFormat.M4B
    ]
    if book.chapters and len(book.chapters) != count:
        detail = f"There are {len(book.chapters)} titles for {count} items. Give one for each."
        errors.append(BodyError("/book/chapters", detail))
    if errors:
        raise misfit(errors)
    return BookRequest(
        title=book.title,
        author=book.author or None,
        language=book.language or None,
        chapters=tuple(book.chapters) or tuple(str(number) for number in range(1, count + 1)),
    )


def item_request(
    body: OneTextBody, voices: VoiceDirectory, max_text_chars: int, lexicons: LexiconFinder | None = None
) -> ItemRequest:
    """What one text asks for, once its shape is right.

    Raises:
      Problem: it is too long, or names a voice that cannot do it.
    """
    return _Items(voices, max_text_chars, lexicons or NoLexicons()).only(body)


def misfit_of(error: ValidationError) -> Problem:
    """The problem of a body that does not have its shape."""
    return misfit(errors_of(error))


def _webhook_url(request: OneTextBody | SeveralTextsBody) -> str | None:
    return request.webhook.url if "webhook" in request.model_fields_set else None


def _shape_of(value: object) -> OneTextBody | SeveralTextsBody:
    if not isinstance(value, dict):
        raise misfit([BodyError("", "Send a JSON object with `text`, or with `items`.")])
    if "items" in value and "text" in value:
        raise misfit([BodyError("/items", "Give either `text` or `items`, not both.")])
    shape = SeveralTextsBody if "items" in value else OneTextBody
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise misfit_of(error) from None


def errors_of(error: ValidationError) -> list[BodyError]:
    """What a model found in a body, with a pointer to each."""
    found = error.errors(include_url=False)
    return [BodyError(pointer(*each["loc"]), advice_of(each)) for each in found]


class _Items:
    """Turns what fits the shape into items; remembers what does not fit the voices or the limits."""

    def __init__(
        self,
        voices: VoiceDirectory,
        max_text_chars: int,
        lexicons: LexiconFinder,
        default_format: AudioFormat = AudioFormat.WAV,
    ) -> None:
        self._voices = voices
        self._default_format = default_format
        self._max_text_chars = max_text_chars
        self._lexicons = RequestLexicons(lexicons)
        self._chosen: dict[str | None, VoiceMix | tuple[Kind, str]] = {}
        self._misfits: list[tuple[Kind, BodyError]] = []

    def only(self, body: OneTextBody) -> ItemRequest:
        item = self._item(body, body, ())
        self._raise_misfits()
        assert item is not None, "an item without a misfit is there"
        return item

    def several(self, body: SeveralTextsBody) -> tuple[ItemRequest, ...]:
        items = [self._item(item, body, ("items", index)) for index, item in enumerate(body.items)]
        self._raise_misfits()
        return tuple(item for item in items if item is not None)

    def _raise_misfits(self) -> None:
        misfits = [*self._lexicons.misfits, *self._misfits]
        if misfits:
            kinds = {kind for kind, _ in misfits}
            kind = kinds.pop() if len(kinds) == 1 else problems.INVALID_INPUT
            raise misfit([error for _, error in misfits], kind)

    def _item(self, body: OneTextBody | ItemBody, top: SpokenAs, at: tuple[str | int, ...]) -> ItemRequest | None:
        before = len(self._misfits)
        if len(body.text) > self._max_text_chars:
            detail = f"The text has {len(body.text)} characters; at most {self._max_text_chars} are taken. Split it."
            self._misfits.append((problems.INVALID_INPUT, BodyError(pointer(*at, "text"), detail)))
        speaks = _with_defaults(body, top)
        lexicon = None
        if "lexicon" in speaks.model_fields_set:
            own_lexicon = at if "lexicon" in body.model_fields_set else ()
            lexicon = self._lexicons.choose(speaks.lexicon, *own_lexicon, "lexicon")
        voice = self._voice(speaks.voice if "voice" in speaks.model_fields_set else None)
        if isinstance(voice, tuple):
            kind, detail = voice
            own = at if "voice" in body.model_fields_set else ()
            self._misfits.append((kind, BodyError(pointer(*own, "voice"), detail)))
        elif voice.engine == "espeak" and (markup := MARKUP.search(body.text)) is not None:
            detail = (
                f"There are phonemes at character {markup.start()}, and {voice} cannot speak them. "
                "Take a Kokoro voice, or write the word as it is spelled."
            )
            self._misfits.append((problems.PHONEMES_UNSUPPORTED, BodyError(pointer(*at, "text"), detail)))
        elif voice.engine == "espeak" and lexicon and (place := lexicon.lexicon.first_phonemes(body.text)) is not None:
            detail = (
                f"The lexicon has phonemes for the word at character {place}, and {voice} cannot speak them. "
                "Take a Kokoro voice, or a lexicon with a respelling for it."
            )
            self._misfits.append((problems.PHONEMES_UNSUPPORTED, BodyError(pointer(*at, "text"), detail)))
        if len(self._misfits) > before or isinstance(voice, tuple):
            return None
        return ItemRequest(
            text=body.text,
            voice=str(voice),
            speed=speaks.speed,
            volume=speaks.volume,
            format=speaks.format if "format" in speaks.model_fields_set else self._default_format,
            metadata=speaks.metadata,
            lexicon=lexicon,
        )

    def _voice(self, name: str | None) -> VoiceMix | tuple[Kind, str]:
        """The voice of that name, asked of the folder once a request however many items want it."""
        if name not in self._chosen:
            try:
                self._chosen[name] = self._voices.choose(name)
            except UnknownVoice as error:
                self._chosen[name] = (problems.UNKNOWN_VOICE, str(error))
            except VoiceUnavailable as error:
                self._chosen[name] = (problems.VOICE_UNAVAILABLE, str(error))
        return self._chosen[name]


def _with_defaults(item: SpokenAs, top: SpokenAs) -> SpokenAs:
    """How an item is spoken: as it says itself, else as the top says."""
    if item is top:
        return item
    fields = {name: getattr(top, name) for name in SpokenAs.model_fields if name in top.model_fields_set}
    fields |= {name: getattr(item, name) for name in SpokenAs.model_fields if name in item.model_fields_set}
    return SpokenAs.model_construct(_fields_set=set(fields), **fields)
