"""The lexicons of one request: named ones are looked up and inline ones checked once, however many items have them."""

from app.api import problems
from app.api.lexicon_bodies import entry_errors
from app.api.problems import BodyError, Kind, pointer, quoted
from app.domain.lexicons import BadLexicon, ChosenLexicon, Lexicon
from app.services.find_lexicons import LexiconFinder

MAX_NAMED = 20
"""How many of the names that there are a problem tells."""


class RequestLexicons:
    """`misfits` are what cannot be, in the order in which it was met."""

    def __init__(self, stored: LexiconFinder) -> None:
        self._stored = stored
        self._chosen: dict[tuple[str | int, ...], ChosenLexicon | None] = {}
        self._named: dict[str, ChosenLexicon | None] = {}
        self.misfits: list[tuple[Kind, BodyError]] = []

    def choose(self, value: object, *at: str | int) -> ChosenLexicon | None:
        """The lexicon that stands at this place of the body; None where it is empty, or cannot be."""
        if at not in self._chosen:
            self._chosen[at] = self._by_name(value, at) if isinstance(value, str) else self._inline(value, at)
        return self._chosen[at]

    def _by_name(self, name: str, at: tuple[str | int, ...]) -> ChosenLexicon | None:
        if name not in self._named:
            found = self._stored.find(name)
            self._named[name] = ChosenLexicon(found.lexicon, name, found.heading.revision) if found else None
        if self._named[name] is None:
            self.misfits.append((problems.UNKNOWN_LEXICON, BodyError(pointer(*at), self._no_such(name))))
        return self._named[name]

    def _no_such(self, name: str) -> str:
        names = self._stored.names()
        if not names:
            return f"There is no lexicon {quoted(name)}, nor any other. PUT /tts/lexicons/{name} makes it."
        more = " and others" if len(names) > MAX_NAMED else ""
        return f"There is no lexicon {quoted(name)}. There are {', '.join(names[:MAX_NAMED])}{more}."

    def _inline(self, value: object, at: tuple[str | int, ...]) -> ChosenLexicon | None:
        assert isinstance(value, dict), "the body's shape was checked before"
        try:
            lexicon = Lexicon.parse(value)
        except BadLexicon as error:
            self.misfits += [(problems.INVALID_INPUT, each) for each in entry_errors(error, *at)]
            return None
        return ChosenLexicon(lexicon) if lexicon.entries else None
