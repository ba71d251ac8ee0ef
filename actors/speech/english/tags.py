"""Parts of speech for the words whose sound depends on them, without a model.

The tags are those of the Penn Treebank, which misaki's dictionaries ask for. What nothing is known about has none, and
takes its dictionary's default.
"""

from collections.abc import Sequence

from actors.speech.english.said import word_set

_MARK_TAGS = {
    ".": ".", "!": ".", "?": ".", "…": ":", ",": ",", ";": ":", ":": ":", "—": ":", "“": "``", "”": "''", "(": "-LRB-", ")": "-RRB-",
}  # fmt: skip
_DETERMINERS = word_set(
    "a an the this that these those my your his her its our their no some any every each another either neither"
)
_PREPOSITIONS = word_set(
    "in on at by for with from of about into over under between through during before after against without within "
    "across toward towards upon near per via onto off behind beyond among despite since until as vs"
)
_MODALS = word_set(
    "to will would can could shall should may might must do does did don't doesn't didn't won't wouldn't can't "
    "couldn't shouldn't let's please cannot not never i'll you'll we'll they'll he'll she'll it'll i'd you'd we'd "
    "they'd"
)
_PRONOUNS = word_set("i you we they who people")
_THIRD_PERSON = frozenset(["he", "she", "it", "who", "which"])
_HAVE = word_set("have has had having i've you've we've they've be been was were is are being he's she's it's")
_ADJECTIVES = word_set(
    "new old good bad big small great high low long short first second third last next own other same different many "
    "few more most early late large little whole full best better world hot cold strong weak public annual final main "
    "single"
)


def mark_tag(token: str) -> str | None:
    """The tag of a token of punctuation; None of any other."""
    return _MARK_TAGS.get(token[:1]) if not token[:1].isalnum() else None


def tags_of(words: Sequence[str], guessed: Sequence[str] | None = None) -> list[str]:
    """A tag, or nothing, for each token of a sentence, in order.

    `guessed` are those of a tagger, which goes before the rules here but for marks and the letter A.
    """
    if guessed is None:
        return [_tag(words, place) for place in range(len(words))]
    return [_surely(words, place) or guess for place, guess in enumerate(guessed)]


def _surely(words: Sequence[str], place: int) -> str | None:
    word = words[place]
    if word in {"'", "’"}:
        return "POS"  # a script has no quotation marks but curly double ones
    if word in {"a", "A"} and _tag(words, place) == "NN":
        return "NN"
    return mark_tag(word)


def _tag(words: Sequence[str], place: int) -> str:
    word = words[place]
    lower = word.lower()
    before = _lower(words, place - 1)
    after = _lower(words, place + 1)
    if (tag := mark_tag(word)) is not None:
        return tag
    if lower == "a":
        names_itself = not after[:1].isalpha() or after in _NO_NOUNS or (word == "A" and len(after) == 1)
        return "NN" if names_itself or (word == "A" and before[:1].isalpha()) else "DT"
    if lower == "i":
        return "PRP" if word == "I" else "NN"
    if lower == "that":
        return "DT" if not before[:1].isalpha() or after in {"is", "was", "'s", "’s", "one"} else "IN"
    if lower in _DETERMINERS:
        return "DT"
    if lower in _PREPOSITIONS:
        return "IN"
    if lower == "to":
        return "TO"
    if lower == "used":
        return "VBD"
    if before in _HAVE or (_lower(words, place - 2) in _HAVE and before in {"not", "never", "just", "already", "ever"}):
        return "VBN" if before not in {"be", "is", "are", "was", "were", "being"} or lower in {"read", "wound"} else ""
    if before in _MODALS or before in _PRONOUNS:
        return "VB"
    if before in _THIRD_PERSON or (
        lower in {"lives", "winds"}
        and after in _PREPOSITIONS | {"alone", "here", "there", "through"}
        and before not in _DETERMINERS
    ):
        return "VBZ"
    if before in _DETERMINERS or before in _ADJECTIVES or before in _PREPOSITIONS:
        return "NN"
    return ""


_NO_NOUNS = word_set("is are and or to in of was with plus minus sharp flat equals times dot slash dash")


def _lower(words: Sequence[str], place: int) -> str:
    return words[place].lower() if 0 <= place < len(words) else ""
