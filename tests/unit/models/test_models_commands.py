"""`sayathing models`: what it prints, and how it ends."""

import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

import app.models.sources
from app.cli import run
from app.cli.checks import check_models
from app.cli.pull_progress import PullBar, PullLines
from app.domain.kokoro_voices import KOKORO_VOICES
from app.domain.model_files import KOKORO_MODELS, KOKORO_TOKENIZER, kokoro_voice_file
from app.models.sources import Sources
from tests.unit.models.fake_hub import COMMIT, REPOSITORY, FakeHub

Command = Callable[[str], tuple[int, str, str]]
FRENCH = f"kokoro/{kokoro_voice_file('ff_siwis')}"


@pytest.fixture
def sayathing(
    hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs one command in this process against the fake hub: its status, output and errors."""
    monkeypatch.setenv("SAYATHING_MODEL_DIR", str(models))
    monkeypatch.setattr(app.models.sources, "Sources", partial(Sources, endpoint=hub.url, sleep=lambda _: None))

    def call(arguments: str) -> tuple[int, str, str]:
        status = run(arguments.split())
        told = capsys.readouterr()
        return status, told.out, told.err

    return call


def test_a_pull_says_what_came(sayathing: Command, models: Path) -> None:
    status, out, err = sayathing("models pull --languages fr")

    assert (status, out, err) == (0, f"{models}: 3 fetched, 0 were here; all are verified\n", "")


def test_a_pull_says_what_came_to_machines(sayathing: Command, models: Path) -> None:
    sayathing("models pull --languages fr")

    status, out, _ = sayathing("models pull --languages fr,pt --json")

    assert status == 0
    assert json.loads(out) == {
        "model_dir": str(models),
        "fetched": [f"kokoro/voices/{voice}.bin" for voice in ("pf_dora", "pm_alex", "pm_santa")],
        "kept": [FRENCH, f"kokoro/{KOKORO_TOKENIZER}", f"kokoro/{KOKORO_MODELS[0]}"],
    }


def test_a_pull_without_options_brings_all_voices_and_spacy(sayathing: Command) -> None:
    fetched = json.loads(sayathing("models pull --json")[1])["fetched"]

    assert len(fetched) == 1 + len(KOKORO_VOICES) + 2
    assert fetched[0] == "spacy/en_core_web_sm"


def test_the_precision_that_is_here_stays(sayathing: Command) -> None:
    sayathing("models pull --languages fr --precision int8")

    assert json.loads(sayathing("models pull --languages pt --json")[1])["kept"][-1] == f"kokoro/{KOKORO_MODELS[2]}"


def test_a_lesser_precision_beside_a_better_one_is_told_to_be_idle(sayathing: Command) -> None:
    sayathing("models pull --languages fr")

    status, _, err = sayathing("models pull --languages fr --precision int8")

    assert (status, err) == (0, "Workers take the best precision that is here, which is fp32.\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("models pull --precision fp8", "fp8"),
        ("models pull --languages sw", "does not speak 'sw'. Its languages: en-us"),
        ("models pull --languages en-u", "does not speak 'en-u'"),
        ("models pull --languages ,", "empty list"),
        ("models push", "push"),
    ],
)
def test_wrong_use_ends_with_2_and_asks_nobody(sayathing: Command, hub: FakeHub, arguments: str, words: str) -> None:
    status, out, err = sayathing(arguments)

    assert (status, out) == (2, "")
    assert words in err
    assert hub.asked == []


@pytest.mark.parametrize(
    ("languages", "count"), [("en", 28), ("EN-GB", 8), ("zh", 8), ("cmn", 8), ("pt,es", 6), ("ja, hi", 9)]
)
def test_languages_choose_voices(sayathing: Command, languages: str, count: int) -> None:
    fetched = json.loads(sayathing(f"models pull --json --languages {languages.replace(' ', '')}")[1])["fetched"]

    assert sum(name.startswith("kokoro/voices/") for name in fetched) == count
    assert ("spacy/en_core_web_sm" in fetched) == languages.lower().startswith("en")


def test_a_hub_that_is_away_ends_with_3(sayathing: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    status, out, err = sayathing("models pull --languages fr")

    assert (status, out) == (3, "")
    assert err.startswith("sayathing: Not all of it came.")
    assert err.splitlines()[1:] == [f"  {FRENCH}: Nobody is asked: HF_HUB_OFFLINE is set."]


def test_a_download_that_is_wrong_ends_with_1(sayathing: Command, hub: FakeHub) -> None:
    hub.meddle = lambda _, content: content[::-1]

    status, out, err = sayathing("models pull --languages fr --json")

    assert (status, out) == (1, "")
    assert err.count("was deleted") == 3


def test_ctrl_c_says_that_the_next_pull_goes_on(
    sayathing: Command, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Sources, "fetch", stopped)

    status, _, err = sayathing("models pull")

    assert status == 130
    assert "goes on from here" in err


def test_an_empty_folder_lists_what_is_missing_and_how_large_it_is(sayathing: Command, models: Path) -> None:
    status, out, err = sayathing("models list")

    assert status == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["model", "fp32", "missing", "0.4", f"kokoro/{KOKORO_MODELS[0]}"] in rows
    assert ["spaCy", "en", "missing"] in [row[:3] for row in rows]
    assert "`sayathing models pull` fetches" in err
    assert not models.exists()


def test_the_list_tells_whole_from_damaged_from_missing(sayathing: Command, models: Path) -> None:
    sayathing("models pull --languages es")
    (models / "kokoro" / kokoro_voice_file("ef_dora")).write_bytes(b"short")

    status, out, err = sayathing("models list")

    assert status == 1
    rows = [line.split() for line in out.splitlines()]
    assert ["model", "fp32", "verified", "0.4", f"kokoro/{KOKORO_MODELS[0]}", "(in", "use)"] in rows
    assert ["voices", "es", "damaged"] in [row[:3] for row in rows]
    assert ["em_alex", "em_santa"] in [row[-2:] for row in rows]
    assert "Not what it should be: kokoro/voices/ef_dora.bin. `sayathing models pull` fetches it again." in err
    assert sayathing("models pull --languages es")[0] == 0
    assert sayathing("models list")[0] == 0


def test_the_list_for_machines_says_what_everything_should_be(sayathing: Command, hub: FakeHub, models: Path) -> None:
    sayathing("models pull --languages fr")

    listed = json.loads(sayathing("models list --json")[1])

    assert listed["model_dir"] == str(models)
    assert listed["in_use"] == f"kokoro/{KOKORO_MODELS[0]}"
    assert listed["sources"] == {
        "kokoro": {"repository": REPOSITORY, "revision": COMMIT},
        "spacy": hub.pins().spacy.url,
    }
    assert len(listed["models"]) == 1 + len(KOKORO_VOICES) + 1 + 3
    french = next(each for each in listed["models"] if each["name"] == FRENCH)
    assert french == {
        "name": FRENCH,
        "language": "fr-fr",
        "state": "verified",
        "bytes": 128,
        "download": hub.pins().kokoro.files["voices/ff_siwis.bin"].model_dump(),
    }


def test_a_file_that_cannot_be_read_is_named(sayathing: Command, models: Path) -> None:
    (models / "kokoro" / KOKORO_TOKENIZER).mkdir(parents=True)

    for arguments in ("models list", "models pull"):
        status, _, err = sayathing(arguments)
        assert status == 1
        assert f"Cannot read {models / 'kokoro' / KOKORO_TOKENIZER}" in err


def test_the_doctor_reads_every_file(sayathing: Command, models: Path) -> None:
    sayathing("models pull --languages fr")
    assert check_models(models).verdict == "ok"
    assert check_models(models).detail == f"kokoro/{KOKORO_MODELS[0]} and 1 voices, all verified"

    sayathing("models pull --languages en-gb")
    assert check_models(models).verdict == "ok"

    config = next((models / "spacy").rglob("config.cfg"))
    config.write_bytes(b"")
    assert check_models(models).verdict == "fail"
    assert "spacy" in check_models(models).detail

    config.parent.rename(models / "elsewhere")
    assert check_models(models).verdict == "warn"
    assert "spaCy" in check_models(models).detail


def test_a_log_gets_a_line_every_five_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    lines = PullLines(monotonic=lambda: now)
    lines.planned(20_000_000)
    lines.begun("kokoro/some.bin")
    for now in (1.0, 5.0, 6.0, 10.0):  # noqa: B007  # the lines' clock
        lines.fetched(1_500_000)
    lines.fetched(-1_500_000)

    assert capsys.readouterr().err.splitlines() == [
        "3.0 of 20.0 MB, kokoro/some.bin",
        "6.0 of 20.0 MB, kokoro/some.bin",
    ]


def test_a_terminal_gets_one_bar_for_all_bytes() -> None:
    terminal = io.StringIO()
    with Progress(console=Console(file=terminal, force_terminal=True, width=200)) as progress:
        bar = PullBar(progress)
        bar.waiting()
        assert progress.tasks[0].description == "waiting for another pull"
        bar.planned(300)
        bar.begun("kokoro/some.bin")
        for count in (200, -100, 200):
            bar.fetched(count)
        bar.replaced(Path("models/kokoro/some.bin"))
        row = progress.tasks[0]

    assert (len(progress.tasks), row.completed, row.total, row.description) == (1, 300, 300, "kokoro/some.bin")
    assert "models/kokoro/some.bin was not what it should be; it is replaced." in terminal.getvalue()
