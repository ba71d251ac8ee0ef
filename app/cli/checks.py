"""What `sayathing doctor` looks at. A check takes some seconds at most, and changes nothing but to make the data folder."""

import shutil
import subprocess
from pathlib import Path

from app.audio import FolderAudioStore
from app.cli.client import Service
from app.cli.errors import CommandFailed
from app.cli.files import make_writable
from app.cli.findings import Finding
from app.models import AssetState, KokoroFile, ModelsError, SpacyModel, look_over

LOW_DISK_BYTES = 512 * 1024**2
ENGINE_SECONDS = 60.0
_CACHE_SLACK_BYTES = 1024**3

WAL_RESET_BUG = ((3, 7, 0), (3, 51, 2))
"""First and last SQLite with the rare corruption of sqlite.org/wal.html#walresetbug."""

# In a process of its own: whoever checks must not load a model, nor die with it.
SPEAK_ONE_WORD = """
from actors.speech import EspeakEngine
from app.domain.speech import Utterance
from app.domain.stopping import StopToken
from app.domain.voices import BEST_ESPEAK_VOICE, VoiceMix

speech = EspeakEngine().synthesize(Utterance("Hello", VoiceMix.parse(BEST_ESPEAK_VOICE)), StopToken())
assert len(speech.samples), "no sound"
print(f"{len(speech.samples) / speech.sample_rate:.2f}")
"""


def check_data_folder(folder: Path) -> Finding:
    try:
        make_writable(folder)
    except CommandFailed as error:
        return Finding("data folder", "fail", str(error), "Set SAYATHING_DATA_DIR to a folder that can be written.")
    return Finding("data folder", "ok", f"{folder} can be written")


def check_disk(folder: Path) -> Finding:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding("disk", "fail", f"{folder}: {error.strerror}.")
    detail = f"{free / 1024**3:.1f} GiB free"
    if free < LOW_DISK_BYTES:
        return Finding(
            "disk", "warn", f"{detail}.", "Make room: audio that does not fit is tried again and then given up."
        )
    return Finding("disk", "ok", detail)


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
    name = "espeak"
    advice = "Install the package again: `pip install --force-reinstall espeakng-loader`."
    try:
        spoken = subprocess.run(
            [python, "-P", "-c", SPEAK_ONE_WORD], capture_output=True, text=True, timeout=ENGINE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Finding(name, "fail", f"it did not speak one word within {ENGINE_SECONDS:.0f} s.", advice)
    if spoken.returncode:
        last = (spoken.stderr.strip().splitlines() or [f"exit status {spoken.returncode}"])[-1]
        return Finding(name, "fail", f"it cannot speak: {last}.", advice)
    return Finding(name, "ok", f"it speaks; one word lasts {spoken.stdout.strip()} s")


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


def check_service(url: str, key: str = "") -> Finding:
    with Service(url, key=key) as service:
        if not service.answers():
            return Finding("service", "warn", f"nobody answers at {url}.", "Start it with `sayathing serve`.")
        health = service.health()
    if health["status"] in {401, 403}:  # the status of a problem
        return Finding("service", "warn", f"it answers at {url}, and wants a key.", "Set SAYATHING_API_KEY.")
    reasons = health.get("reasons")
    if health["status"] == "ok":
        return Finding("service", "ok", f"it answers at {url}")
    detail = " ".join(map(str, reasons)) if isinstance(reasons, list) and reasons else f"it is {health['status']}."
    return Finding("service", "warn" if health["status"] == "degraded" else "fail", detail)
