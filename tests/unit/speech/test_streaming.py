"""What a listener hears while a file is made: the file, and from its first segment on."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from app.domain.audio_formats import AudioFormat
from app.domain.errors import AudioMissing
from app.domain.tasks import FinishedAudio
from app.sound import (
    Evenness,
    Silence,
    Sound,
    SoundStream,
    Written,
    assemble,
    converted,
    level_of,
    read_wav,
    wav_bytes,
)

RATE = 22_050
LIVE = [format for format in AudioFormat if format.streams]


def segments(folder: Path) -> list[Path]:
    """Tones of several levels, the second far below the others."""
    paths = []
    for number, level in enumerate((0.5, 0.01, 0.2, 0.9)):
        time = np.arange(round((1.3 + 0.2 * number) * RATE)) / RATE
        path = folder / f"{number}.wav"
        path.write_bytes(wav_bytes((level * np.sin(2 * np.pi * (180 + 40 * number) * time)).astype(np.float32), RATE))
        paths.append(path)
    return paths


def heard(stream: SoundStream, path: Path) -> Iterator[bytes]:
    samples, rate = read_wav(path)
    return stream.sound(path, level_of(samples, rate), rate)


def samples_of(content: bytes, format: AudioFormat, folder: Path) -> np.ndarray:
    path = folder / "heard"
    path.write_bytes(content)
    raw = format is AudioFormat.PCM
    with av.open(
        str(path), format="s16le" if raw else None, options={"sample_rate": str(RATE)} if raw else {}
    ) as container:
        heard = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])
    return heard / 32767 if heard.dtype == np.int16 else heard


@pytest.mark.parametrize("format", LIVE)
def test_a_stream_is_the_sound_of_the_finished_file(format: AudioFormat, tmp_path: Path) -> None:
    paths = segments(tmp_path)
    evenness = Evenness()
    gains = [evenness.gain(level_of(*read_wav(path))) for path in paths]
    out = tmp_path / "file"
    sounds = [Silence(0.5), *(Sound(path, gain) for path, gain in zip(paths, gains, strict=True)), Silence(0.25)]
    finished = assemble(sounds, out, format=format, sample_rate=RATE, volume=0.8)

    stream = SoundStream(format, volume=0.8)
    parts = [*stream.pause(0.5)]
    for path in paths:
        parts += heard(stream, path)
    parts += [*stream.pause(0.25), stream.end()]

    streamed = samples_of(b"".join(parts), format, tmp_path)
    filed = samples_of(out.read_bytes(), format, tmp_path)
    skipped = streamed.size - filed.size  # MP3's padding: only a finished file can say how much there is
    if format is AudioFormat.MP3:
        assert 0 <= skipped < 0.15 * RATE
        lag = max(range(skipped + 1), key=lambda n: float(streamed[n : n + filed.size] @ filed))
        streamed = streamed[lag : lag + filed.size]
    assert streamed.size == filed.size
    assert np.array_equal(streamed, filed)
    assert stream.seconds == finished.duration_seconds
    assert stream.sample_rate == finished.sample_rate


@pytest.mark.parametrize("format", LIVE)
def test_most_of_a_segment_comes_out_with_it(format: AudioFormat, tmp_path: Path) -> None:
    """Nothing but what an encoder looks ahead is kept back until the next one."""
    path, *_ = segments(tmp_path)
    stream = SoundStream(format, volume=1.0)

    first = [*heard(stream, path)]

    assert first[0], "the first quarter of a second comes out before the rest is encoded"
    sound = samples_of(b"".join(first), format, tmp_path)
    rate = stream.sample_rate
    stream.close()
    assert sound.size / rate > 1.3 - 0.3, "of 1.3 seconds"


def test_a_pause_before_the_first_sound_waits_for_its_sample_rate(tmp_path: Path) -> None:
    stream = SoundStream(AudioFormat.PCM, volume=1.0)
    assert [*stream.pause(0.5)] == []
    first = b"".join(heard(stream, segments(tmp_path)[0]))
    assert len(first) == 2 * round((0.5 + 1.3) * RATE)


def test_another_rate_may_be_asked_for(tmp_path: Path) -> None:
    stream = SoundStream(AudioFormat.PCM, volume=1.0, output_rate=24_000)
    content = b"".join(heard(stream, segments(tmp_path)[0])) + stream.end()
    assert stream.sample_rate == 24_000
    assert len(content) / 2 / 24_000 == pytest.approx(1.3, abs=0.01)


def test_a_segment_that_is_gone_adds_nothing(tmp_path: Path) -> None:
    path, second, *_ = segments(tmp_path)
    stream = SoundStream(AudioFormat.PCM, volume=1.0)
    assert b"".join(heard(stream, path))
    content, level = second.read_bytes(), level_of(*read_wav(second))
    second.write_bytes(content[:-100])
    with pytest.raises(AudioMissing):
        next(stream.sound(second, level, RATE))
    second.write_bytes(content)
    assert len(b"".join(heard(stream, second))) == 2 * round(1.5 * RATE)


@pytest.mark.parametrize("live", LIVE)
@pytest.mark.parametrize("format", list(AudioFormat))
def test_a_finished_file_turns_into_any_other_format(format: AudioFormat, live: AudioFormat, tmp_path: Path) -> None:
    path, out = segments(tmp_path)[0], tmp_path / "file"
    finished = assemble([Sound(path)], out, format=format, sample_rate=RATE, volume=1.0)
    written = Written()

    for _ in converted(out, finished, live, written):
        pass

    heard = tmp_path / "heard"
    heard.write_bytes(written.taken())
    raw = live is AudioFormat.PCM
    options = {"sample_rate": str(finished.sample_rate)} if raw else {}
    with av.open(str(heard), format="s16le" if raw else None, options=options) as container:
        frames = list(container.decode(audio=0))
    seconds = sum(frame.samples for frame in frames) / frames[0].sample_rate
    assert seconds == pytest.approx(1.3, abs=0.15)


def test_a_damaged_file_is_missing_audio(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"not a sound")
    audio = FinishedAudio(AudioFormat.FLAC, 1.0, 11, RATE, "0" * 64)
    with pytest.raises(AudioMissing):
        list(converted(path, audio, AudioFormat.MP3, Written()))
