"""A pull that is killed leaves whole files only, and the next one does not begin from nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.domain.model_files import KOKORO_MODELS, Precision, kokoro_model, kokoro_voice_file, spacy_folder
from app.models import AssetState, Wanted, look_over, pull
from app.models.sources import Sources
from tests.unit.models.fake_hub import WHEEL, FakeHub
from tests.unit.models.test_pulling import Watcher

PULL = """
import sys
import app.models.inventory, app.models.pulling
from app.cli import run
from app.models.pins import Pins

pins = Pins.model_validate_json(sys.argv[1])
app.models.inventory.shipped_pins = app.models.pulling.shipped_pins = lambda: pins
raise SystemExit(run(["models", "pull", "--languages", "en-gb", "--json"]))
"""


def start(models: Path, hub: FakeHub) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HUB_DOWNLOAD_TIMEOUT": "100",
        "SAYATHING_MODEL_DIR": str(models),
    }
    program = [sys.executable, "-c", PULL, hub.pins().model_dump_json()]
    return subprocess.Popen(program, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def whole(models: Path) -> set[str]:
    found = {asset.name: found.state for asset, found in look_over(models).assets}
    assert AssetState.DAMAGED not in found.values()
    return {name for name, state in found.items() if state is AssetState.VERIFIED}


@pytest.mark.parametrize("file", [WHEEL, kokoro_voice_file("bm_fable"), KOKORO_MODELS[0]])
def test_a_killed_pull_goes_on_where_it_was(models: Path, hub: FakeHub, file: str) -> None:
    large = file == KOKORO_MODELS[0]
    hub.hold_at = file
    hub.held.clear()
    killed = start(models, hub)
    assert hub.half_way.wait(100)
    pin = hub.pins().spacy if file == WHEEL else hub.pins().kokoro.files[file]
    part = models / ".pull" / f"{pin.sha256}.part"
    while not part.exists() or (large and not part.stat().st_size):  # of a small one, its hands hold the bytes
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    kept = part.stat().st_size
    assert kokoro_model(models) is None
    before = whole(models)
    hub.held.set()
    hub.asked.clear()

    out, err = (again := start(models, hub)).communicate()

    assert again.returncode == 0, err
    assert (kept > 0) == large
    assert hub.downloads(file) == ([f"bytes={kept}-"] if kept else [None])
    assert len(hub.asked) == 1 + 8 + 2 - len(before), out
    assert len(whole(models)) == 1 + 8 + 2


@pytest.mark.parametrize("moment", range(9))
def test_a_pull_that_ends_while_it_puts_things_in_place_is_made_whole(
    models: Path, hub: FakeHub, sources: Sources, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    wanted = Wanted(Precision.FP32, ("af_heart",))
    pull(models, wanted, Watcher(), sources=sources)
    for name in whole(models):
        path = models / name
        (path / "config.cfg" if path.is_dir() else path).write_bytes(b"damaged")
    moves = 0
    replace = os.replace

    def ending(source: Path, to: Path) -> None:
        nonlocal moves
        moves += 1
        if moves > moment:
            raise KeyboardInterrupt
        replace(source, to)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", ending)
        try:
            pull(models, wanted, Watcher(), sources=sources)
        except KeyboardInterrupt:
            assert moment < 8
        else:
            assert moment == 8, "the spaCy model makes five moves, three files make one each"
    hub.asked.clear()

    pull(models, wanted, Watcher(), sources=sources)

    assert len(whole(models)) == 4
    assert hub.downloads(WHEEL) == [], "what came is not fetched again"


def test_what_an_unpacking_left_that_was_killed_is_swept_away(models: Path, hub: FakeHub, sources: Sources) -> None:
    wanted = Wanted(Precision.FP32, ("af_heart",))
    pull(models, wanted, Watcher(), sources=sources)
    (spacy_folder(models) / "config.cfg").write_bytes(b"damaged")
    for rest in ("new", "old"):
        left = (
            models
            / ".pull"
            / f"{hub.pins().spacy.sha256}.{rest}"
            / "en_core_web_sm"
            / "en_core_web_sm-3.8.0"
            / "half of a file"
        )
        left.parent.mkdir(parents=True)
        left.touch()

    pull(models, wanted, Watcher(), sources=sources)

    assert "spacy/en_core_web_sm" in whole(models)
    assert not (spacy_folder(models) / "half of a file").exists()
