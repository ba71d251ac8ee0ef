"""What a reader says, and what of the original it is said for."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from actors.speech.english.said import Said

_MARKS = frozenset(",.;:!?…")
_LONGEST_RUN = 16
"""So many pieces may follow each other without a space; what looks at such a run takes much longer for a longer one."""


@dataclass(frozen=True, slots=True)
class Script:
    """What a reader says, in one string, and which piece of the original each stretch of it is for.

    `pieces` are in order in both; `places` are their beginnings in `text`.
    """

    text: str
    pieces: Sequence[Said]
    places: Sequence[int]

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The stretch of the original that `[start, end)` of `text` is said for."""
        first = max(0, bisect_right(self.places, start) - 1)
        last = max(first, bisect_right(self.places, max(start, end - 1)) - 1)
        return self.pieces[first].start, self.pieces[last].end

    def given(self) -> Iterator[tuple[int, int, str]]:
        """Stretches of `text` whose phonemes are given, with those."""
        for piece, place in zip(self.pieces, self.places, strict=True):
            if piece.phonemes is not None:
                yield place, place + len(piece.text), piece.phonemes

    def shown(self, original: str) -> str:
        """`text` with the words themselves where it has what stands for those whose phonemes are given."""
        parts: list[str] = []
        end = 0
        for piece, place in zip(self.pieces, self.places, strict=True):
            if piece.phonemes is not None:
                parts += self.text[end:place], original[piece.start : piece.end]
                end = place + len(piece.text)
        return "".join([*parts, self.text[end:]])

    @classmethod
    def of(cls, readings: Iterable[Said]) -> Self:
        """The readings one after the other, with spaces between words and none before the marks."""
        said: list[str] = []
        pieces: list[Said] = []
        places: list[int] = []
        length = run = 0
        last = " "
        for piece in readings:
            spoken = piece.text.lstrip(" ") if last.isspace() else piece.text
            if not spoken:
                continue
            is_behind_word = pieces and pieces[-1].text == " " and said[-1] == " " and said[-2:][0][-1:] not in _MARKS
            if is_behind_word and spoken[0] in _MARKS:
                said.pop()
                pieces.pop()
                places.pop()
                length -= 1
                last = "."
            run = 0 if last.isspace() or spoken[0].isspace() else run + 1
            if _needs_space(last, spoken[0]) or run > _LONGEST_RUN:
                said.append(" ")
                length += 1
                run = 0
            pieces.append(piece if piece.text == spoken else Said(piece.start, piece.end, spoken, piece.phonemes))
            places.append(length)
            said.append(spoken)
            length += len(spoken)
            last = spoken[-1]
        return cls("".join(said), pieces, places)


def _needs_space(last: str, following: str) -> bool:
    if last.isspace() or following.isspace():
        return False
    if following.isalnum() or following in "“(":
        return last not in ("-'“(" if following.isalnum() else "“(")
    return following == "—"
