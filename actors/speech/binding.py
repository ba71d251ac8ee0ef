"""The files of a book's chapters as one: M4B with chapter marks, nothing of the sound encoded again."""

import hashlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import av

from app.domain.audio_formats import AudioFormat
from app.domain.errors import AudioMissing
from app.domain.tasks import BookRequest, FinishedAudio

_FRAME_SAMPLES = 1024
"""Samples in each packet of AAC-LC. An encoder begins with one packet of silence, to be left out by an edit list."""

_AS_STORED = {"ignore_editlist": "1"}
_AUDIOBOOK = "2"
"""What the MP4 atom `stik` says of a file that is an audiobook."""

_PROGRESS_PACKETS = 4096


class PartMissing(AudioMissing):
    """`part` counts from 0."""

    def __init__(self, part: int) -> None:
        super().__init__(f"The file of item {part} is gone or damaged.")
        self.part = part


def bind(
    parts: Sequence[Path], out: Path, about: BookRequest, *, progress: Callable[[], None]
) -> tuple[FinishedAudio, tuple[float, ...]]:
    """Write the M4B files `parts` one after the other to `out`; the file, and when each part's first sample sounds.

    The packets are copied as they are. Where two parts meet, the first one's padding and the second one's priming
    stay as up to 43 ms of silence; the times count them, sample by sample. `progress` is called now and then; what
    it raises ends the work.

    Raises:
      PartMissing: a part is gone or damaged.
      AudioMissing: the parts do not go together.
    """
    counts, rate = _measured(parts)
    starts = [packets * _FRAME_SAMPLES / rate for packets in accumulate(counts, initial=0)]
    encoding = AudioFormat.M4B.encoding
    copied, total, last_samples = 0, sum(counts), _FRAME_SAMPLES
    with av.open(str(out), "w", format=encoding.container, options=dict(encoding.container_options)) as book:
        book.metadata.update(_tags(about))
        book.set_chapters(_marks(about.chapters, starts))
        stream: av.AudioStream | None = None
        for number, part in enumerate(parts):
            with _opened(part, number) as chapter:
                source = chapter.streams.audio[0]
                if stream is None:
                    stream = book.add_stream_from_template(source)
                for packet in chapter.demux(source):
                    if not packet.size:
                        continue
                    copied += 1
                    last_samples = (packet.duration or _FRAME_SAMPLES) if copied == total else _FRAME_SAMPLES
                    packet.pts = packet.dts = (copied - 2) * _FRAME_SAMPLES
                    packet.duration = last_samples
                    packet.time_base = Fraction(1, rate)
                    packet.stream = stream
                    book.mux(packet)
                    if copied % _PROGRESS_PACKETS == 0:
                        progress()
            if copied * _FRAME_SAMPLES != round(starts[number + 1] * rate):
                raise PartMissing(number)
            progress()
    with out.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    seconds = ((copied - 2) * _FRAME_SAMPLES + last_samples) / rate
    return FinishedAudio(AudioFormat.M4B, seconds, out.stat().st_size, rate, digest), tuple(starts[:-1])


def _measured(parts: Sequence[Path]) -> tuple[list[int], int]:
    """How many packets each part has, and their sample rate."""
    counts, rates = [], set()
    for number, part in enumerate(parts):
        with _opened(part, number) as chapter:
            source = chapter.streams.audio[0]
            counts.append(source.frames)
            rates.add(source.rate)
    if len(rates) != 1:
        raise AudioMissing(f"The items' files have different sample rates: {sorted(rates)}.")
    return counts, rates.pop()


def _opened(part: Path, number: int) -> "av.container.InputContainer":
    try:
        found = av.open(str(part), options=dict(_AS_STORED))
    except (OSError, av.FFmpegError) as error:
        raise PartMissing(number) from error
    if not found.streams.audio or not found.streams.audio[0].frames:
        found.close()
        raise PartMissing(number)
    return found


def _tags(about: BookRequest) -> dict[str, str]:
    tags = {"title": about.title, "album": about.title, "genre": "Audiobook", "media_type": _AUDIOBOOK}
    if about.author is not None:
        tags |= {"artist": about.author, "album_artist": about.author}
    return tags


def _marks(titles: Sequence[str], starts: Sequence[float]) -> "list[av.container.core.Chapter]":
    return [
        {
            "id": number,
            "start": round(begin * 1000),
            "end": round(end * 1000),
            "time_base": Fraction(1, 1000),
            "metadata": {"title": title},
        }
        for number, (title, begin, end) in enumerate(zip(titles, starts, starts[1:], strict=False), start=1)
    ]
