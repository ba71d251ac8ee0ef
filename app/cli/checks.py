"""What `sayathing doctor` looks at. A check takes some seconds at most, and changes nothing but to make the data folder."""

import shutil
import subprocess
from pathlib import Path

from app.audio import FolderAudioStore
from app.cli.errors import CommandFailed
from app.cli.files import make_writable
from app.cli.findings import Finding
from app.domain.errors import VoiceUnavailable
from app.domain.voices import BEST_ESPEAK_VOICE
from app.models import AssetState, KokoroFile, ModelsError, SpacyModel, look_over
from app.services.list_voices import VoiceDirectory
from app.settings import Settings

LOW_DISK_BYTES = 512 * 1024**2
ENGINE_SECONDS = 120.0
_CACHE_SLACK_BYTES = 1024**3

WAL_RESET_BUG = ((3, 7, 0), (3, 51, 2))
"""First and last SQLite with the rare corruption of sqlite.org/wal.html#walresetbug."""

# In a process of its own: whoever checks must not load a model, nor die with it.
SPEAK_ONE_WORD = """
import sys
from actors.container import build_container
from actors.speech import render
from app.domain.speech import Utterance
from app.domain.stopping import StopToken
from app.domain.voices import VoiceMix
from app.settings import Settings

speech = render(build_container(Settings.load()).engines(), Utterance("Hello", VoiceMix.parse(sys.argv[1])), StopToken())
print(f"{len(speech.samples) / speech.sample_rate:.2f}")
"""
ENCODE_ONE_SECOND = """
import tempfile
from pathlib import Path
import numpy as np
from app.domain.audio_formats import AudioFormat
from app.sound import SoundStream, level_of, wav_bytes

formats = [format for format in AudioFormat if format.streams]
with tempfile.TemporaryDirectory() as folder:
    samples = np.sin(np.arange(24000, dtype=np.float32) / 10)
    tone, level = Path(folder, "tone.wav"), level_of(samples, 24000)
    tone.write_bytes(wav_bytes(samples, 24000))
    for format in formats:
        sound = SoundStream(format, volume=1.0, output_rate=None)
        assert b"".join(sound.sound(tone, level, 24000)) + sound.end(), f"no {format}"
        sound.close()
print(", ".join(formats))
"""
AGAIN = "Install it again: `make clean install` in the project's folder, or `pip install --force-reinstall {}`."


def check_data_folder(folder: Path, setting: str = "SAYATHING_DATA_DIR") -> Finding:
    """`setting` is the name of the one that says where the folder is."""
    name = "data folder" if setting == "SAYATHING_DATA_DIR" else f"folder of {setting}"
    try:
        make_writable(folder)
    except CommandFailed as error:
        advice = f"`sudo chown -R $(id -un) {folder.absolute()}`, or set {setting} to one that can be written."
        return Finding(name, "fail", f"{error}.", advice)
    return Finding(name, "ok", f"{folder} can be written")


def check_disk(folder: Path, min_free_bytes: int) -> Finding:
    """Is there room? Below `min_free_bytes` the API accepts nothing."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding("disk", "fail", f"{folder}: {error.strerror}.", "Mend the folder first.")
    detail = f"{_size(free)} free for {folder}"
    if free < min_free_bytes:
        return Finding(
            "disk",
            "fail",
            f"{detail}: below {_size(min_free_bytes)} (SAYATHING_MIN_FREE_BYTES) no task is accepted.",
            "Make room, delete tasks, or let them expire (SAYATHING_RESULT_TTL).",
        )
    if free < LOW_DISK_BYTES:
        return Finding(
            "disk", "warn", f"{detail}.", "Make room: audio that does not fit is tried again and then given up."
        )
    return Finding("disk", "ok", detail)


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GiB" if count >= 1024**3 else f"{count / 1024**2:.0f} MiB"


def check_cache(audio_dir: Path, max_bytes: int) -> Finding:
    """How much the rendered segments take."""
    size = FolderAudioStore(audio_dir).cache_size()
    if size is None:
        return Finding("cache", "ok", "no worker has looked yet")
    taken = f"{size.segments} segments take {size.bytes / 1024**2:.0f} MiB of {max_bytes / 1024**2:.0f}"
    if size.bytes > max(2 * max_bytes, max_bytes + _CACHE_SLACK_BYTES):
        return Finding("cache", "warn", f"{taken}.", "Unfinished tasks need them, or no worker runs to remove some.")
    return Finding("cache", "ok", taken)


def check_sqlite(version: tuple[int, int, int]) -> Finding:
    name = ".".join(map(str, version))
    if WAL_RESET_BUG[0] <= version <= WAL_RESET_BUG[1]:
        return Finding(
            "sqlite",
            "warn",
            f"{name} has a rare bug when two connections reset the write-ahead log at once.",
            "Keep backups; a Python with SQLite 3.51.3 or newer is free of it.",
        )
    return Finding("sqlite", "ok", name)


def check_espeak(python: str) -> Finding:
    return _speaks("espeak", python, BEST_ESPEAK_VOICE, AGAIN.format("espeakng-loader"))


def check_default_voice(python: str, settings: Settings) -> Finding:
    """Does the voice speak that is taken where a request names none?"""
    name = "default voice"
    voices = VoiceDirectory(settings.model_dir, settings.engine)
    voice = voices.default()
    try:
        voices.check(voice)
    except VoiceUnavailable as error:
        advice = f"Mend that, or take SAYATHING_ENGINE={settings.engine} back."
        return Finding(name, "fail", f"{voice} cannot speak: {error}", advice)
    if voice.engine == "espeak":
        return Finding(name, "ok", str(voice))
    return _speaks(name, python, str(voice), AGAIN.format("sayathing"))


def check_encoder(python: str) -> Finding:
    """Does FFmpeg load, and has it the encoders that we need?"""
    name = "encoder"
    failed, told = _last_words(python, ENCODE_ONE_SECOND)
    if failed:
        return Finding(
            name, "fail", f"FFmpeg, as the package `av` brings it, does not work: {told}.", AGAIN.format("av")
        )
    return Finding(name, "ok", told)


def _speaks(name: str, python: str, voice: str, advice: str) -> Finding:
    failed, told = _last_words(python, SPEAK_ONE_WORD, voice)
    if failed:
        return Finding(name, "fail", f"{voice} cannot speak: {told}.", advice)
    return Finding(name, "ok", f"{voice} speaks; one word lasts {told} s")


def _last_words(python: str, program: str, *arguments: str) -> tuple[bool, str]:
    """Whether the program failed, and the last line that it printed."""
    try:
        ended = subprocess.run(
            [python, "-P", "-c", program, *arguments],
            capture_output=True,
            text=True,
            timeout=ENGINE_SECONDS,
            check=False,
        )
    except OSError as error:
        return True, f"{python} does not start ({error.strerror})"
    except subprocess.TimeoutExpired:
        return True, f"it was not done within {ENGINE_SECONDS:.0f} s; this machine may be busy"
    if ended.returncode:
        return True, (ended.stderr.strip().splitlines() or [f"exit status {ended.returncode}"])[-1].rstrip(".")
    return False, ended.stdout.strip()


def check_models(model_dir: Path) -> Finding:
    """Is there a Kokoro model, and is everything what it should be? Reads every file."""
    name, pull = "models", "`sayathing models pull` fetches it."
    try:
        inventory = look_over(model_dir)
    except ModelsError as error:
        return Finding(name, "fail", str(error), "Make it readable for whoever runs the service.")
    if inventory.damaged:
        return Finding(name, "fail", f"not what it should be: {', '.join(inventory.damaged)}.", pull)
    if inventory.in_use is None:
        return Finding(name, "warn", f"there is no Kokoro model in {model_dir}; espeak voices speak without it.", pull)
    here = {asset for asset, found in inventory.assets if found.state is AssetState.VERIFIED}
    voices = [asset for asset in here if isinstance(asset, KokoroFile) and asset.voice is not None]
    detail = f"{inventory.in_use} and {len(voices)} voices, all verified"
    if any(voice.language in {"en-us", "en-gb"} for voice in voices) and not any(
        isinstance(asset, SpacyModel) for asset in here
    ):
        return Finding(name, "warn", f"{detail}; spaCy's model for English is missing.", pull)
    return Finding(name, "ok", detail)
