"""An item's segments as they come, as the bytes of one answer."""

from collections.abc import Iterator
from pathlib import Path

from app.domain.audio_formats import AudioFormat
from app.sound.encoding import Encoder, Silence, Sound
from app.sound.loudness import Evenness, Level


class Written:
    """The `Sink` of a stream: keeps what was written until it is taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """All that was written since this was last called."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


class SoundStream:
    """Turns segments, in their order, into bytes; holds at most what the encoder has not given out yet.

    The sound is that of the finished file: same levels, fades, limiter and encoder. Its sample rate is that of the
    first segment with a sound, so a pause before it comes out together with it. Each call may take a while: make
    them off the event loop, one at a time.
    """

    def __init__(self, format: AudioFormat, *, volume: float, output_rate: int | None = None) -> None:
        self._format = format
        self._volume = volume
        self._output_rate = output_rate
        self._encoder: Encoder | None = None
        self._evenness = Evenness()
        self._waiting: list[Silence] = []
        self._written = Written()

    @property
    def seconds(self) -> float:
        """How long what was added lasts."""
        return self._encoder.seconds if self._encoder is not None else 0.0

    @property
    def sample_rate(self) -> int:
        """The rate of what comes out; 0 before the first sound."""
        return self._encoder.sample_rate if self._encoder is not None else 0

    def pause(self, seconds: float) -> Iterator[bytes]:
        """Nothing to hear, for so long."""
        silence = Silence(seconds)
        if self._encoder is None:
            self._waiting.append(silence)
        else:
            yield from self._pieces(self._encoder, silence)

    def sound(self, wav: Path, level: Level, sample_rate: int) -> Iterator[bytes]:
        """A stored segment, as loud as `level` says and at `sample_rate` samples a second, piece by piece.

        Raises:
          AudioMissing: it is gone, damaged, or of another sample rate; nothing of it was added.
        """
        if self._encoder is None:
            self._encoder = Encoder(
                self._written,
                format=self._format,
                sample_rate=sample_rate,
                volume=self._volume,
                output_rate=self._output_rate,
            )
            for silence in self._waiting:
                yield from self._pieces(self._encoder, silence)
        yield from self._pieces(self._encoder, Sound(wav, self._evenness.gain(level)))

    def _pieces(self, encoder: Encoder, sound: Sound | Silence) -> Iterator[bytes]:
        for _ in encoder.adding(sound):
            yield self._written.taken()

    def end(self) -> bytes:
        """The last bytes, after which the answer is a whole file."""
        assert self._encoder is not None, "there is a sound in what ends well"
        self._encoder.end()
        return self._written.taken()

    def close(self) -> None:
        """Let go of the encoder, wherever it is."""
        if self._encoder is not None:
            self._encoder.close()
