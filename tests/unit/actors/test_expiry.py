"""Finished tasks go when their time is over, with their files, and nothing else does."""

import pytest

from actors import housekeeping
from actors.housekeeping import keep_house
from app.domain.tasks import AudioFormat
from app.results import TaskFilter
from app.settings import Settings
from tests.unit.actors.conftest import Workshop

HOUR = 3600


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"result_ttl": HOUR})


def ids(workshop: Workshop) -> set[str]:
    with workshop.bench.database.read() as store:
        return {task.id for task in store.tasks(TaskFilter(), limit=100)}


def age(workshop: Workshop, *task_ids: str, seconds: int) -> None:
    """Have the tasks be finished so long ago."""
    with workshop.bench.database.write() as store:
        for task_id in task_ids:
            store.execute("UPDATE tasks SET finished_at = finished_at - ? WHERE id = ?", (seconds * 1000, task_id))


def test_a_task_goes_with_its_files_when_its_time_is_over(workshop: Workshop) -> None:
    old, young = workshop.say("Old."), workshop.say("Young.")
    workshop.work()
    for task_id in (old, young):
        workshop.finished(task_id)
    workshop.stop()
    waiting = workshop.say("Waiting.")
    age(workshop, old, seconds=HOUR)
    age(workshop, young, seconds=HOUR - 60)

    keep_house(workshop.bench)

    assert ids(workshop) == {young, waiting}
    folders = {path.name for path in workshop.bench.audio.finished_path(old, 0, AudioFormat.WAV).parents[1].iterdir()}
    assert folders == {young}


def test_many_that_expire_at_once_go_in_small_transactions(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "AT_ONCE", 2)
    tasks = [workshop.say("Old.") for _ in range(5)]
    with workshop.bench.database.write() as store:
        for task_id in tasks:
            store.cancel(task_id, now=1)

    keep_house(workshop.bench)

    assert ids(workshop) == set()
