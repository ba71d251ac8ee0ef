"""Finished files back into samples, to be given out in another format."""

from collections.abc import Generator, Iterator
from pathlib import Path

import av
import numpy as np

from app.domain.audio_formats import AudioFormat
from app.domain.errors import AudioMissing
from app.domain.tasks import FinishedAudio
from app.sound.encoding import Encoder, Sink
from app.sound.wav import Samples

_BLOCK_SECONDS = 1.0


def decoded(path: Path, audio: FinishedAudio) -> Iterator[Samples]:
    """The samples of a finished file at its own sample rate, float32 of shape (n,), about a second at a time.

    Raises:
      AudioMissing: the file is gone or damaged.
    """
    raw = audio.format is AudioFormat.PCM  # nothing in the file itself says what it is
    options = {"sample_rate": str(audio.sample_rate), "ch_layout": "mono"} if raw else {}
    try:
        with av.open(str(path), format=audio.format.encoding.container if raw else None, options=options) as container:
            resampler = av.AudioResampler("flt", "mono", audio.sample_rate, round(_BLOCK_SECONDS * audio.sample_rate))
            for frame in container.decode(audio=0):
                for block in resampler.resample(frame):
                    yield _samples(block)
            for block in resampler.resample(None):
                yield _samples(block)
    except (OSError, av.FFmpegError) as error:
        raise AudioMissing(f"The finished file {path.name} cannot be read: {type(error).__name__}.") from error


def _samples(frame: av.AudioFrame) -> Samples:
    return frame.to_ndarray().reshape(-1).astype(np.float32, copy=False)


def converted(path: Path, audio: FinishedAudio, format: AudioFormat, out: Path | Sink) -> Generator[bool]:
    """Write a finished file in another format to `out`, about a second at each step, which gives True. What is left
    before its end is no whole file.

    Raises:
      AudioMissing: the file is gone or damaged.
    """
    with Encoder(out, format=format, sample_rate=audio.sample_rate, volume=1.0) as encoder:
        for samples in decoded(path, audio):
            encoder.add_samples(np.clip(samples, -1.0, 1.0))
            yield True
        encoder.end()
