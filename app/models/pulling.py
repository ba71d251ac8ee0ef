"""Fetch what is missing or damaged; each download is checked, then put in place at once."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from app.models.assets import Asset, AssetState, KokoroFile, every_asset, sha256_of
from app.models.errors import PullFailed, SourceAway, SourceRefuses
from app.models.pins import shipped_pins
from app.models.wanted import Wanted

if TYPE_CHECKING:
    from app.models.sources import Address, Sources

PARTS = ".pull"
LOCK = ".pull.lock"

MIB = 1024**2


class PullWatcher(Protocol):
    """Whoever shows a person how far a pull is."""

    def waiting(self) -> None:
        """Another pull is at work; this one begins when it ends."""

    def planned(self, total_bytes: int) -> None:
        """So many bytes are to come, those of an earlier pull among them. May be told again, with more."""

    def begun(self, name: str) -> None: ...

    def fetched(self, count: int) -> None:
        """So many bytes came; below zero: had to be thrown away."""

    def replaced(self, path: Path) -> None:
        """What was there is not what it should be."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """`fetched` came over the network, `kept` were there; names below `model_dir`."""

    model_dir: Path
    fetched: tuple[str, ...]
    kept: tuple[str, ...]


def pull(model_dir: Path, wanted: Wanted, watcher: PullWatcher, *, sources: "Sources | None" = None) -> Pulled:
    """Bring what is wanted into `model_dir`. Where all of it is there and whole, nobody is asked.

    A worker sees each file whole or not at all. A pull that is stopped, by whatever, leaves what it has for the next
    one. One download that fails does not keep the others from coming. `sources` is where they come from; None: the hub
    that `HF_ENDPOINT` names, and the addresses in `pins.json`.

    Raises:
      SourceAway: what is lacking could not be reached, or broke off.
      PullFailed: something could not be fetched, is not what it should be, or could not be written.
      ModelsError: what is there cannot be read.
    """
    try:
        model_dir.mkdir(parents=True, exist_ok=True)
        with _alone(model_dir / LOCK, watcher):
            assets = [asset for asset in every_asset(shipped_pins()) if wanted.has(asset)]
            states = {asset: asset.found(model_dir).state for asset in assets}
            lacking = [asset for asset in assets if states[asset] is not AssetState.VERIFIED]
            if lacking:
                damaged = {asset.name for asset in lacking if states[asset] is AssetState.DAMAGED}
                _Fetching(model_dir, sources or _default_sources(), watcher, damaged).bring(lacking)
    except OSError as error:
        raise PullFailed(_disk_trouble(model_dir, error)) from error
    kept = tuple(asset.name for asset in assets if asset not in lacking)
    return Pulled(model_dir, tuple(asset.name for asset in lacking), kept)


@dataclass
class _Fetching:
    model_dir: Path
    sources: "Sources"
    watcher: PullWatcher
    damaged: set[str]
    total: int = 0
    """Bytes; what the list does not say is added when it is asked for."""
    problems: list[tuple[str, PullFailed]] = field(default_factory=list)

    def bring(self, lacking: Sequence[Asset]) -> None:
        self._parts.mkdir(exist_ok=True)
        have = sum(part.stat().st_size for asset in lacking if (part := self._part(asset)).exists())
        self.total = sum(asset.pin.bytes or 0 for asset in lacking)
        self._make_sure_of_room(self.total - have)
        self.watcher.planned(self.total)
        self.watcher.fetched(have)
        refusing: set[type[Asset]] = set()
        for asset in lacking:
            if type(asset) in refusing:
                continue
            try:
                self._bring_one(asset)
            except SourceRefuses as error:
                self.problems.append((asset.name, error))
                refusing.add(type(asset))
            except PullFailed as error:
                self.problems.append((asset.name, error))
        if self.problems:
            raise self._summary()
        shutil.rmtree(self._parts, ignore_errors=True)

    def _make_sure_of_room(self, needed_bytes: int) -> None:
        free = shutil.disk_usage(self._parts).free
        if needed_bytes > free:
            raise PullFailed(
                f"The disk of {self.model_dir} has {free / MIB:,.1f} MiB free, and {needed_bytes / MIB:,.1f} MiB are to "
                "come. Make room, or take --precision int8."
            )

    def _bring_one(self, asset: Asset) -> None:
        self.watcher.begun(asset.name)
        address, part = self._address(asset), self._part(asset)
        size = asset.pin.bytes
        if size is None:
            size = self.sources.size(address)
            self._make_sure_of_room(size)
            self.total += size
            self.watcher.planned(self.total)
        self.sources.fetch(address, size, part, self.watcher.fetched)
        sha256 = sha256_of(part)
        if sha256 != asset.pin.sha256:
            part.unlink()
            raise PullFailed(
                f"what came is not what it should be, and was deleted: its SHA-256 is {sha256}, not {asset.pin.sha256}. "
                "Where another pull gets the same, do not trust its source."
            )
        with part.open("rb") as whole:
            os.fsync(whole.fileno())
        if asset.name in self.damaged:
            self.watcher.replaced(self.model_dir / asset.name)
        asset.place(self.model_dir, part)

    @property
    def _parts(self) -> Path:
        return self.model_dir / PARTS

    def _part(self, asset: Asset) -> Path:
        return self._parts / f"{asset.pin.sha256}.part"

    def _address(self, asset: Asset) -> "Address":
        pins = shipped_pins()
        if isinstance(asset, KokoroFile):
            return self.sources.on_hub(pins.kokoro.repository, pins.kokoro.revision, asset.file)
        return self.sources.elsewhere(pins.spacy.url)

    def _summary(self) -> PullFailed:
        kind = SourceAway if all(isinstance(error, SourceAway) for _, error in self.problems) else PullFailed
        goes_on = (
            "Not all of it came. The next `sayathing models pull` goes on from here; "
            "docs/operations.md tells how to copy files in by hand."
        )
        return kind("\n".join([goes_on, *(f"  {name}: {error}" for name, error in self.problems)]))


def _default_sources() -> "Sources":
    try:
        from app.models.sources import Sources
    except ValueError as error:  # the hub's client reads its environment when it is imported
        raise SourceRefuses(f"HF_ENDPOINT, or another setting of the hub's client, does not parse: {error}.") from error
    return Sources()


@contextmanager
def _alone(lock: Path, watcher: PullWatcher) -> Iterator[None]:
    """One pull at a time in a folder. The kernel gives the lock back when its process dies."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            watcher.waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _disk_trouble(model_dir: Path, error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"The disk of {model_dir} is full. Make room and run it again; it goes on where it ended."
    path = error.filename or model_dir
    return f"Cannot write {path}: {error.strerror or error}. SAYATHING_MODEL_DIR is a folder of your choice."
