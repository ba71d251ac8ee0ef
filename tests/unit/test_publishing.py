"""From events to messages and back."""

import json

import pytest

from app.domain.events import AssemblyRequested, Event, SegmentRequested, TextToSpeechRequested, UnknownEvent
from app.domain.ids import TaskId
from app.domain.tasks import Priority
from app.publishing import event_of, message_for

ABOUT = {"task_id": TaskId("01K" + "0" * 23), "run": 2, "priority": Priority.BULK}
EVENTS = [
    TextToSpeechRequested(**ABOUT),
    SegmentRequested(**ABOUT, item=1, segment=4, place=7, take=0),
    AssemblyRequested(**ABOUT, item=1, take=0),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_survives_the_way_through_a_message(event: Event) -> None:
    message = message_for(event)
    assert event_of(message) == event
    assert type(event).from_json(json.loads(json.dumps(event.to_json()))) == event


def test_a_message_carries_its_priority_and_its_place_in_line() -> None:
    plan, segment, assembly = (message_for(event) for event in EVENTS)
    assert [message.options["priority"] for message in (plan, segment, assembly)] == [20, 20, 20]
    assert [message.options["rank"] for message in (plan, segment, assembly)] == [0, 8, 0]


def test_files_that_are_wanted_at_once_stand_in_line_one_behind_the_other() -> None:
    batch = [AssemblyRequested(**ABOUT, item=item, take=0, place=item) for item in range(3)]
    assert [message_for(event).options["rank"] for event in batch] == [0, 1, 2]


def test_an_assembly_that_an_older_version_asked_for_is_understood() -> None:
    told = AssemblyRequested(**ABOUT, item=1, take=0).to_json()
    del told["place"]
    assert AssemblyRequested.from_json(told).place == 0


def test_each_piece_of_work_has_one_key_in_each_run() -> None:
    keys = {message_for(event).options["key"] for event in EVENTS}
    again = {message_for(type(event).from_json({**event.to_json(), "run": 3})).options["key"] for event in EVENTS}
    assert len(keys | again) == 6


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"event": "Else"}, {"priority": 3}, {"colour": "red"}, {"run": None, "item": 1}]
)
def test_an_event_of_another_version_is_refused_by_name(change: dict[str, object]) -> None:
    with pytest.raises(UnknownEvent):
        TextToSpeechRequested.from_json({**EVENTS[0].to_json(), **change})


def test_an_event_never_carries_a_text() -> None:
    for event in EVENTS:
        assert all(not isinstance(value, str) or key in {"event", "task_id"} for key, value in event.to_json().items())
