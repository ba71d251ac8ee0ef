"""Keep lexicons, and let no editor undo another's changes without knowing."""

from collections.abc import Callable
from dataclasses import dataclass

from app.domain.lexicons import MAX_LEXICONS, Lexicon, StoredLexicon
from app.ports import Clock
from app.results import (
    ResultsStore,
    add_lexicon,
    count_lexicons,
    find_lexicon_to_change,
    remove_lexicon,
    replace_lexicon,
)

Condition = Callable[[StoredLexicon | None], bool]
"""Whether a change may be made, given what is there (None where nothing is)."""


class LexiconChanged(Exception):
    """What is there is not what the editor knows."""


class TooManyLexicons(Exception):
    """There is no room for another name."""


@dataclass(frozen=True, slots=True)
class Put:
    stored: StoredLexicon
    is_new: bool


def put_lexicon(store: ResultsStore, name: str, lexicon: Lexicon, *, condition: Condition, clock: Clock) -> Put:
    """The lexicon under that name. The entries that it has already change nothing, and make no new revision.

    Raises:
      LexiconChanged: `condition` does not hold.
      TooManyLexicons
    """
    before = find_lexicon_to_change(store, name)
    if not condition(before):
        raise LexiconChanged
    now = int(clock() * 1000)
    if before is None:
        if count_lexicons(store) >= MAX_LEXICONS:
            raise TooManyLexicons
        added = add_lexicon(store, name, lexicon, now=now)
        if added is None:
            raise LexiconChanged
        return Put(added, is_new=True)
    if before.lexicon.version == lexicon.version:
        return Put(before, is_new=False)
    return Put(replace_lexicon(store, before.heading, lexicon, now=now), is_new=False)


def delete_lexicon(store: ResultsStore, name: str, *, condition: Condition) -> bool:
    """Forget the name; tasks that were accepted with it keep what they need. False where there is none.

    Raises:
      LexiconChanged: `condition` does not hold.
    """
    before = find_lexicon_to_change(store, name)
    if before is None:
        return False
    if not condition(before):
        raise LexiconChanged
    remove_lexicon(store, name)
    return True
