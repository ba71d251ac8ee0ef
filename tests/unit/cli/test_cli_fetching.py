"""sayathing tasks audio."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Sayathing
from tests.unit.cli.fake_service import AUDIO, TASK_ID, Answer, FakeService, task_document


def several(count: int) -> dict[str, Any]:
    """A task of as many items."""
    task = task_document()
    (item,) = task["items"]
    items = [
        {**item, "index": n, "audio": {**item["audio"], "url": f"/tasks/{TASK_ID}/items/{n}/audio"}}
        for n in range(count)
    ]
    return {**task, "items": items, "item_count": count}


def test_a_finished_tasks_audio_is_fetched_into_a_new_file_or_the_named_one(
    service: FakeService, sayathing: Sayathing, tmp_path: Path
) -> None:
    for options, path in (([], tmp_path / f"nothing-is-lost-{TASK_ID}.wav"), (["-o", "a.wav"], tmp_path / "a.wav")):
        ended = sayathing("tasks", "audio", TASK_ID, *options, "--url", service.url)
        assert (ended.status, ended.out, ended.err) == (0, f"{path}\n", "")
        assert path.read_bytes() == AUDIO


def test_another_format_is_asked_of_the_service(service: FakeService, sayathing: Sayathing, tmp_path: Path) -> None:
    service.prepare(f"GET /tasks/{TASK_ID}/audio", Answer(body=b"ID3"))
    assert sayathing("tasks", "audio", TASK_ID, "-o", "a.mp3", "--url", service.url).status == 0
    assert service.asked[-1][0] == f"GET /tasks/{TASK_ID}/audio?format=mp3"
    assert (tmp_path / "a.mp3").read_bytes() == b"ID3"


def test_damaged_audio_is_not_kept(service: FakeService, sayathing: Sayathing, tmp_path: Path) -> None:
    service.prepare(f"GET /tasks/{TASK_ID}/audio", Answer(body=b"noise"))
    assert sayathing("tasks", "audio", TASK_ID, "--url", service.url).status == 1
    assert not list(tmp_path.iterdir())


def test_of_several_items_one_is_named_or_all_go_into_a_folder(
    service: FakeService, sayathing: Sayathing, tmp_path: Path
) -> None:
    service.prepare(f"GET /tasks/{TASK_ID}", Answer(body=several(2)))
    for n in range(2):
        service.prepare(f"GET /tasks/{TASK_ID}/items/{n}/audio", Answer(body=AUDIO))

    refused = sayathing("tasks", "audio", TASK_ID, "-o", "a.wav", "--url", service.url)
    assert (refused.status, "--item" in refused.err) == (2, True)
    assert sayathing("tasks", "audio", TASK_ID, "--item", "2", "--url", service.url).status == 2
    assert not list(tmp_path.iterdir())

    assert sayathing("tasks", "audio", TASK_ID, "-o", "a.wav", "--item", "1", "--url", service.url).status == 0
    assert service.asked[-1][0] == f"GET /tasks/{TASK_ID}/items/1/audio"
    (tmp_path / "all").mkdir()
    ended = sayathing("tasks", "audio", TASK_ID, "-o", "all", "--url", service.url)
    assert [Path(line).name for line in ended.out.splitlines()] == ["1-nothing-is-lost.wav", "2-nothing-is-lost.wav"]


def test_no_file_is_replaced_where_one_of_them_is_missing(
    service: FakeService, sayathing: Sayathing, tmp_path: Path
) -> None:
    task = several(2)
    task["items"][1] |= {"state": "discarded", "audio": None}
    service.prepare(f"GET /tasks/{TASK_ID}", Answer(body=task))
    service.prepare(f"GET /tasks/{TASK_ID}/items/0/audio", Answer(body=AUDIO))
    (tmp_path / "all").mkdir()
    mine = tmp_path / "all" / "1-nothing-is-lost.wav"
    mine.write_text("mine")
    ended = sayathing("tasks", "audio", TASK_ID, "-o", "all", "--url", service.url)
    assert (ended.status, f"Item 1 of task {TASK_ID} is discarded" in ended.err) == (2, True)
    assert mine.read_text() == "mine"


@pytest.mark.parametrize(("state", "advice"), [("processing", "tasks wait"), ("discarded", "tasks retry")])
def test_what_has_no_audio_says_what_to_do(service: FakeService, sayathing: Sayathing, state: str, advice: str) -> None:
    service.prepare(f"GET /tasks/{TASK_ID}", Answer(body=task_document(state)))
    ended = sayathing("tasks", "audio", TASK_ID, "--url", service.url)
    assert (ended.status, f"sayathing {advice} {TASK_ID}" in ended.err) == (2, True)


def test_waiting_names_how_to_fetch_it(service: FakeService, sayathing: Sayathing) -> None:
    assert f"sayathing tasks audio {TASK_ID}" in sayathing("tasks", "wait", TASK_ID, "--url", service.url).err
