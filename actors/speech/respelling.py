"""A text with words written as they are to be read, and where each of its characters came from."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Self

from app.domain.pronunciations import Pronunciations, occurrences


@dataclass(frozen=True, slots=True)
class Respelled:
    """`shifts` are places of `text` from which on an offset is another one in the original text.

    Each is (place in `text`, the same place in the original, whether that place stands for a whole respelled word).
    """

    text: str
    shifts: tuple[tuple[int, int, bool], ...] = ((0, 0, False),)

    @classmethod
    def of(cls, text: str, pronunciations: Pronunciations) -> Self:
        """`text` with its respelled words. A word that is given phonemes stays as it is."""
        pieces: list[str] = []
        shifts = [(0, 0, False)]
        place = length = 0
        for found in occurrences(text, pronunciations):
            if found.phonemes is not None:
                continue
            pieces += text[place : found.start], found.said
            length += found.start - place
            shifts.append((length, found.start, True))
            length += len(found.said)
            shifts.append((length, found.end, False))
            place = found.end
        return cls("".join([*pieces, text[place:]]), tuple(shifts))

    def origin(self, offset: int) -> int:
        """Where in the original text the character at `offset` stands; of a respelled word, where the word begins."""
        place, original, whole = self.shifts[bisect_right(self.shifts, offset, key=lambda shift: shift[0]) - 1]
        return original if whole else original + offset - place
