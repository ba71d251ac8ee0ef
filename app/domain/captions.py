"""Words with their times, and the document that keeps them."""

import json
from dataclasses import dataclass
from enum import StrEnum


class CaptionFormat(StrEnum):
    """A format by its name, which is also its suffix."""

    SRT = "srt"
    VTT = "vtt"
    JSON = "json"

    @property
    def media_type(self) -> str:
        return {"srt": "application/x-subrip; charset=utf-8", "vtt": "text/vtt; charset=utf-8"}.get(
            self, "application/json"
        )


@dataclass(frozen=True, slots=True)
class CaptionWord:
    """A word from `start` to `end` seconds of the finished file, at `[start_char, end_char)` of the original text."""

    start: float
    end: float
    start_char: int
    end_char: int
    text: str

    def to_json(self) -> dict[str, object]:
        return {
            "start": self.start,
            "end": self.end,
            "start_char": self.start_char,
            "end_char": self.end_char,
            "text": self.text,
        }


def read_words(document: bytes) -> list[CaptionWord]:
    """The words of a document as `actors.speech.WordList` writes it.

    Raises:
      ValueError: it is no such document.
    """
    try:
        return [CaptionWord(**word) for word in json.loads(document)["words"]]
    except (KeyError, TypeError) as error:
        raise ValueError("These are no words.") from error
