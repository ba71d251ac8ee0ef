"""The things that a pull brings, one download each: what is there of them, and how they are put in place."""

import csv
import hashlib
import os
import shutil
import zipfile
from abc import ABC, abstractmethod
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.domain.kokoro_voices import KOKORO_LANGUAGES, KOKORO_VOICES
from app.domain.model_files import (
    KOKORO_PRECISIONS,
    KOKORO_TOKENIZER,
    SPACY_WHEEL,
    Precision,
    kokoro_folder,
    kokoro_voice_file,
    spacy_folder,
)
from app.models.errors import ModelsError
from app.models.pins import Pin, Pins

_DIST_INFO = f"{SPACY_WHEEL}.dist-info"
_IN_WHEEL = f"en_core_web_sm/{SPACY_WHEEL}"


class AssetState(StrEnum):
    VERIFIED = "verified"
    DAMAGED = "damaged"
    """It is there, and is not what it should be."""
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Found:
    """`bytes` is the size on the disk; None where nothing is there."""

    state: AssetState
    bytes: int | None = None


class Asset(ABC):
    """`pin` is what its download has to be; `language` is the one that it is for, None: all."""

    pin: Pin
    language: str | None

    @property
    @abstractmethod
    def name(self) -> str:
        """Its place below MODEL_DIR."""

    @abstractmethod
    def found(self, model_dir: Path) -> Found:
        """Read what is there.

        Raises:
          ModelsError: it cannot be read.
        """

    @abstractmethod
    def place(self, model_dir: Path, download: Path) -> None:
        """Put the checked download in place: at once, so that nobody sees half of it.

        Raises:
          OSError: it cannot be written.
        """


@dataclass(frozen=True, slots=True)
class KokoroFile(Asset):
    """A file of the model's repository; `file` is its name there."""

    file: str
    pin: Pin
    language: str | None = None
    voice: str | None = None
    precision: Precision | None = None

    @property
    def name(self) -> str:
        return str(kokoro_folder(Path()) / self.file)

    def found(self, model_dir: Path) -> Found:
        path = model_dir / self.name
        sha256 = _digest(path)
        if sha256 is None:
            return Found(AssetState.MISSING)
        state = AssetState.VERIFIED if sha256.hex() == self.pin.sha256 else AssetState.DAMAGED
        return Found(state, path.stat().st_size)

    def place(self, model_dir: Path, download: Path) -> None:
        path = model_dir / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(download, path)
        _sync(path.parent)


@dataclass(frozen=True, slots=True)
class SpacyModel(Asset):
    """spaCy's model for English: what its wheel holds for `spacy.load`, with the wheel's licences and RECORD.

    The wheel's own RECORD says what each file should be.
    """

    pin: Pin
    language: str | None = "en"

    @property
    def name(self) -> str:
        return str(spacy_folder(Path()))

    def found(self, model_dir: Path) -> Found:
        folder = model_dir / self.name
        if not folder.exists():
            return Found(AssetState.MISSING)
        listed = _recorded(folder / "RECORD")
        digests = {file: _digest(folder / file) if (folder / file).is_file() else None for file in listed}
        size = sum((folder / file).stat().st_size for file, digest in digests.items() if digest is not None)
        return Found(AssetState.VERIFIED if listed and digests == listed else AssetState.DAMAGED, size)

    def place(self, model_dir: Path, download: Path) -> None:
        folder, unpacked, old = model_dir / self.name, download.with_suffix(".new"), download.with_suffix(".old")
        for rest in (unpacked, old):
            shutil.rmtree(rest, ignore_errors=True)
        with zipfile.ZipFile(download) as wheel:
            wheel.extractall(unpacked)
        new = unpacked / _IN_WHEEL
        for file in ("LICENSE", "LICENSES_SOURCES", "RECORD"):
            os.replace(unpacked / _DIST_INFO / file, new / file)
        for path in new.rglob("*"):
            _sync(path)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            os.replace(folder, old)
        os.replace(new, folder)
        _sync(folder.parent)
        for rest in (unpacked, old):
            shutil.rmtree(rest, ignore_errors=True)
        download.unlink()


def every_asset(pins: Pins) -> Sequence[Asset]:
    """In the order in which they are put in place: the model last, for without it no voice counts as here."""
    files = pins.kokoro.files
    voices = {kokoro_voice_file(voice): voice for voice in KOKORO_VOICES}
    return (
        SpacyModel(pins.spacy),
        *(KokoroFile(file, files[file], KOKORO_LANGUAGES[voice[0]], voice) for file, voice in voices.items()),
        KokoroFile(KOKORO_TOKENIZER, files[KOKORO_TOKENIZER]),
        *(KokoroFile(file, files[file], precision=precision) for precision, file in KOKORO_PRECISIONS.items()),
    )


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _recorded(record: Path) -> dict[str, bytes]:
    """The model's files that a wheel's RECORD lists, and their SHA-256 (PEP 427); none where it is not whole."""
    try:
        rows = list(csv.reader(record.read_text().splitlines()))
        if not rows or rows[-1] != [f"{_DIST_INFO}/RECORD", "", ""]:
            return {}
        return {
            file.removeprefix(f"{_IN_WHEEL}/"): urlsafe_b64decode(f"{given.removeprefix('sha256=')}=")
            for file, given, _ in rows
            if file.startswith(f"{_IN_WHEEL}/")
        }
    except (FileNotFoundError, NotADirectoryError, ValueError, csv.Error):
        return {}
    except OSError as error:
        raise ModelsError(f"Cannot read {record}: {error.strerror}.") from error


def _digest(path: Path) -> bytes | None:
    """None: it is not there."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ModelsError(f"Cannot read {path}: {error.strerror}.") from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
