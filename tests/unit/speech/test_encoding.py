import hashlib
import io
import subprocess
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from app.domain.audio_formats import AudioFormat
from app.domain.errors import AudioMissing
from app.sound import Chapter, Silence, Sound, assemble, read_wav, wav_bytes
from tests.support.processes import PROJECT

RATE = 24_000


def sine(seconds: float, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * 220 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def segment(folder: Path, samples: np.ndarray, name: str = "segment") -> Path:
    path = folder / name
    path.write_bytes(wav_bytes(samples, RATE))
    return path


def opened(path: Path, format: AudioFormat = AudioFormat.WAV) -> av.container.InputContainer:
    """The file as a player sees it, which is told of raw samples what the content type says."""
    options = {"sample_rate": str(RATE)} if format is AudioFormat.PCM else {}
    return av.open(str(path), format="s16le" if format is AudioFormat.PCM else None, options=options)


def decoded(path: Path, format: AudioFormat = AudioFormat.WAV) -> np.ndarray:
    with opened(path, format) as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    samples = np.concatenate(frames)
    return samples / 32767 if samples.dtype == np.int16 else samples


def test_wav_bytes_are_a_16_bit_mono_file_that_others_read() -> None:
    with wave.open(io.BytesIO(wav_bytes(sine(0.5), RATE))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()) == (
            1,
            2,
            RATE,
            12_000,
        )


def test_samples_survive_the_way_through_a_file(tmp_path: Path) -> None:
    samples, rate = read_wav(segment(tmp_path, sine(0.5)))
    assert rate == RATE
    assert np.abs(samples - sine(0.5)).max() < 1 / 32767


def test_sound_beyond_full_scale_is_clipped_and_never_wraps(tmp_path: Path) -> None:
    samples, _ = read_wav(segment(tmp_path, np.array([2.0, -2.0], np.float32)))
    assert samples.tolist() == [1.0, -1.0]


@pytest.mark.parametrize(
    "damage",
    [
        lambda wav: b"",
        lambda wav: wav[:30],
        lambda wav: wav[:-1],
        lambda wav: wav[:-100],
        lambda wav: b"OggS" + wav[4:],
        lambda wav: wav[:22] + b"\x02" + wav[23:],
        lambda wav: wav[:24] + bytes(4) + wav[28:],
        lambda wav: wav[:36],
    ],
)
def test_a_damaged_segment_is_missing_audio(damage, tmp_path: Path) -> None:
    path = tmp_path / "segment"
    path.write_bytes(damage(wav_bytes(sine(0.1), RATE)))
    with pytest.raises(AudioMissing):
        read_wav(path)


def test_a_segment_that_is_gone_is_missing_audio(tmp_path: Path) -> None:
    with pytest.raises(AudioMissing):
        read_wav(tmp_path / "nowhere")


DECODED_PADDING = {AudioFormat.AAC: 2 * 1024 / 48_000, AudioFormat.M4B: 1024 / 48_000}
"""What a decoder may give beyond the samples, in seconds. ADTS cannot say where the sound begins and ends; an edit
list can, but FFmpeg's decoder leaves the last frame whole."""

DELAY = {AudioFormat.AAC: 1024 / 48_000}


@pytest.mark.parametrize("format", list(AudioFormat))
def test_the_file_lasts_as_long_as_its_samples(format: AudioFormat, tmp_path: Path) -> None:
    path = segment(tmp_path, sine(1.3))
    out = tmp_path / "finished.part"
    calls = []
    audio = assemble(
        [Sound(path), Silence(0.7), Sound(path)],
        out,
        format=format,
        sample_rate=RATE,
        volume=1.0,
        progress=lambda: calls.append(1),
    )
    rate = format.encoding.sample_rate or RATE
    assert audio.duration_seconds == pytest.approx(3.3)
    padding = len(decoded(out, format)) / rate - 3.3
    assert -1 / rate <= padding <= DECODED_PADDING.get(format, 0.0) + 1 / rate
    with opened(out, format) as container:
        assert container.streams.audio[0].rate == rate
        assert container.streams.audio[0].channels == 1
        if format is not AudioFormat.AAC:  # whose length is guessed from its size
            assert container.duration == pytest.approx(3.3e6, abs=0.025e6)
    assert (audio.format, audio.sample_rate, audio.bytes) == (format, rate, out.stat().st_size)
    assert audio.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert len(calls) == 3


@pytest.mark.parametrize("format", list(AudioFormat))
def test_each_format_keeps_tone_level_silence_and_the_very_end(format: AudioFormat, tmp_path: Path) -> None:
    click = np.zeros(RATE // 2, np.float32)
    click[-240:-200] = 0.9
    out = tmp_path / "out"
    tone, ending = segment(tmp_path, sine(1.0), "tone"), segment(tmp_path, click, "ending")
    assemble([Sound(tone), Silence(0.5), Sound(tone), Sound(ending)], out, format=format, sample_rate=RATE, volume=0.5)
    rate = format.encoding.sample_rate or RATE
    samples = decoded(out, format)[round(DELAY.get(format, 0.0) * rate) :]

    for start in (0.1, 1.6):
        part = samples[round(start * rate) : round((start + 0.8) * rate)]
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part))))
        assert np.argmax(spectrum) * rate / len(part) == pytest.approx(220, abs=2)
        assert np.sqrt(np.mean(part**2)) == pytest.approx(0.25 / np.sqrt(2), rel=0.06)
    silence = samples[round(1.05 * rate) : round(1.45 * rate)]
    assert np.abs(silence).max() < 0.003
    loud = np.flatnonzero(np.abs(samples[round(2.55 * rate) :]) > 0.1) / rate + 2.55
    assert (loud[0], loud[-1]) == (pytest.approx(2.99, abs=0.006), pytest.approx(2.9917, abs=0.006))


@pytest.mark.parametrize("format", list(AudioFormat))
@pytest.mark.parametrize("sounds", [[], [Silence(0)], [Silence(0.01)], [Silence(2.5)]])
def test_silence_alone_is_a_file(format: AudioFormat, sounds: list[Silence], tmp_path: Path) -> None:
    audio = assemble(sounds, tmp_path / "out", format=format, sample_rate=22_050, volume=1.0)
    assert audio.duration_seconds == pytest.approx(sum(sound.seconds for sound in sounds), abs=1 / 22_050)
    samples = decoded(tmp_path / "out", format)
    rate = format.encoding.sample_rate or 22_050
    assert len(samples) / rate == pytest.approx(
        audio.duration_seconds, abs=DECODED_PADDING.get(format, 0) + (2 / rate if audio.duration_seconds else 0.0102)
    )


@pytest.mark.parametrize(
    ("format", "minutes"),
    [(AudioFormat.WAV, 6), (AudioFormat.MP3, 6), (AudioFormat.M4B, 6)]
    + [pytest.param(each, 60, marks=pytest.mark.long) for each in AudioFormat],
)
def test_memory_does_not_grow_with_the_length(format: AudioFormat, minutes: int, tmp_path: Path) -> None:
    code = (
        "import sys, resource\n"
        "from pathlib import Path\n"
        "from app.sound import Sound, assemble\n"
        "from app.domain.audio_formats import AudioFormat\n"
        "def run(minutes):\n"
        "    assemble([Sound(Path(sys.argv[2]))] * minutes * 6, Path(sys.argv[3]), format=AudioFormat(sys.argv[1]),"
        " sample_rate=24_000, volume=1.0)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(run(1)); print(run(int(sys.argv[4])))\n"
    )
    path = segment(tmp_path, sine(10.0))
    command = [sys.executable, "-c", code, format.value, path, tmp_path / "out", str(minutes)]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    first, second = map(int, ended.stdout.split())
    assert second - first < 16 * 1024, f"{second - first} KiB"
    with opened(tmp_path / "out", format) as container:
        if format is not AudioFormat.AAC:
            assert container.duration == pytest.approx(minutes * 60e6, abs=0.025e6)


def test_a_book_has_its_title_and_chapters_and_begins_with_its_index(tmp_path: Path) -> None:
    out = tmp_path / "out"
    chapters = [Chapter("One", 0.0, 1.2), Chapter("Two & <more>", 1.2, 2.0)]
    assemble(
        [Sound(segment(tmp_path, sine(2.0)))], out, format=AudioFormat.M4B, sample_rate=RATE, volume=1.0, title="A book",
        chapters=chapters,
    )  # fmt: skip
    with opened(out) as container:
        assert container.metadata["title"] == "A book"
        found = [(c["metadata"]["title"], float(c["start"] * c["time_base"])) for c in container.chapters()]
    assert found == [("One", 0.0), ("Two & <more>", 1.2)]
    content = out.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_joins_do_not_click(tmp_path: Path) -> None:
    path = segment(tmp_path, np.full(RATE // 10, 0.5, np.float32))
    out = tmp_path / "out"
    assemble([Sound(path)] * 3, out, format=AudioFormat.WAV, sample_rate=RATE, volume=1.0)
    samples = decoded(out)
    assert np.abs(np.diff(np.concatenate([[0], samples, [0]]))).max() < 0.02
    assert samples[RATE // 20] == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize("volume", [0.1, 0.25, 1.0, 1.3])
def test_volume_is_an_exact_gain_where_there_is_room(volume: float, tmp_path: Path) -> None:
    out = tmp_path / "out"
    sound = Sound(segment(tmp_path, sine(0.5, level=0.3)), gain=2.0)
    assemble([sound], out, format=AudioFormat.WAV, sample_rate=RATE, volume=volume)
    middle = slice(200, -200)
    assert np.abs(decoded(out) - sine(0.5, level=0.6) * volume)[middle].max() < 0.001


@pytest.mark.parametrize("format", list(AudioFormat))
@pytest.mark.parametrize("volume", [1.5, 2.0, 8.0])
def test_no_volume_clips_in_any_format(volume: float, format: AudioFormat, tmp_path: Path) -> None:
    beating = sine(2.0, level=0.6) * np.abs(np.sin(np.pi * np.arange(2 * RATE) / RATE)).astype(np.float32)
    out = tmp_path / "out"
    assemble([Sound(segment(tmp_path, beating))], out, format=format, sample_rate=RATE, volume=volume)
    samples = decoded(out, format)
    assert 0.7 < np.abs(samples).max() < 0.98
    top = np.sort(np.abs(samples))[-len(samples) // 100 :]
    assert len(np.unique(top)) > len(top) / 20, "bent down, not cut off"


def test_a_segment_of_another_rate_is_refused(tmp_path: Path) -> None:
    path = segment(tmp_path, sine(0.1))
    with pytest.raises(AudioMissing, match="22050"):
        assemble([Sound(path)], tmp_path / "out", format=AudioFormat.WAV, sample_rate=22_050, volume=1.0)


def test_progress_may_end_the_work(tmp_path: Path) -> None:
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        assemble([Silence(1)], tmp_path / "out", format=AudioFormat.MP3, sample_rate=RATE, volume=1.0, progress=stop)


def test_a_wav_file_keeps_room_for_the_header_of_a_file_beyond_4_gib(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assemble([Silence(0.1)], out, format=AudioFormat.WAV, sample_rate=24_000, volume=1.0)
    assert out.read_bytes()[12:16] == b"JUNK"
