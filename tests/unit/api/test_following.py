"""The streams of events: nothing is missed, nothing piles up."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from app.api.stream_answers import StreamAnswer
from app.domain.ids import TaskId
from app.domain.tasks import ItemRequest, SpeechRequest
from app.services.follow_changes import QUEUE_LENGTH, ChangeFeed
from tests.support.api import NOW, Api


def blocks(text: str) -> list[dict[str, str]]:
    return [
        dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":")
        for block in text.split("\n\n")
        if block
    ]


async def told(api: Api, path: str, **headers: str) -> list[dict[str, str]]:
    """What a stream has to tell before anything else happens: over a feed that is closed it ends with that."""
    await api.container.changes().close()
    answer = await api.client.get(path, headers=headers)
    assert answer.status_code == 200
    opening, *events = blocks(answer.text)
    assert opening == {"retry": "1000"}
    return events


async def changes_of(feed: ChangeFeed, count: int, **about: Any) -> list[str]:
    """The next changes that a follower sees."""
    seen: list[str] = []
    async with aclosing(feed.follow(ping_seconds=20, **about)) as batches:
        async for batch in batches:
            seen += [change.move.task_id for change in batch]
            if len(seen) >= count:
                break
    return seen


async def test_an_id_older_than_what_is_kept_resets_the_client_and_gives_it_a_place(api: Api) -> None:
    first = (await api.say())["task_id"]
    api.finish(first)
    kept = (await api.say())["task_id"]
    newest = (await api.client.get(f"/tasks/{kept}/transitions")).json()[-1]["id"]
    with api.database.write() as store:
        store.execute("DELETE FROM tasks WHERE id = ?", (first,))

    events = await told(api, "/events", **{"last-event-id": "1"})

    assert events == [{"event": "reset", "data": "{}", "id": str(newest)}]


async def test_an_id_just_before_what_is_kept_has_missed_nothing(api: Api) -> None:
    first = (await api.say())["task_id"]
    kept = (await api.say())["task_id"]
    with api.database.write() as store:
        store.execute("DELETE FROM tasks WHERE id = ?", (first,))

    [event] = await told(api, "/events", **{"last-event-id": "1"})

    assert kept in event["data"]


async def test_everything_that_is_kept_is_told_to_who_asks_from_the_beginning(api: Api) -> None:
    await api.say()
    first = (await api.say())["task_id"]
    with api.database.write() as store:
        store.execute("DELETE FROM tasks WHERE id <> ?", (first,))

    events = await told(api, "/events?last_event_id=0")

    assert [event["event"] for event in events] == ["task.changed"]


async def test_the_history_of_one_task_needs_no_reset_while_the_task_is_there(api: Api) -> None:
    first = (await api.say())["task_id"]
    kept = (await api.say())["task_id"]
    with api.database.write() as store:
        store.execute("DELETE FROM tasks WHERE id = ?", (first,))

    [event] = await told(api, f"/tasks/{kept}/events?last_event_id=1")

    assert event["event"] == "task.changed"


async def test_an_empty_log_has_nothing_to_reset(api: Api) -> None:
    assert await told(api, "/events?last_event_id=0") == []
    [event] = await told(api, "/events?last_event_id=7")
    assert event == {"event": "reset", "data": "{}", "id": "0"}


async def test_silence_is_broken_by_pings(api: Api) -> None:
    feed = api.container.changes()
    async with aclosing(feed.follow(after=0, ping_seconds=0.01)) as batches:
        quiet = [await anext(batches) for _ in range(3)]
    assert quiet == [[], [], []]


async def test_a_change_is_written_once_however_many_follow(api: Api) -> None:
    feed = api.container.changes()
    followers = [feed.follow(after=0, ping_seconds=20) for _ in range(3)]
    nexts = [asyncio.ensure_future(anext(follower)) for follower in followers]
    await asyncio.sleep(0.05)
    await api.say()

    batches = await asyncio.wait_for(asyncio.gather(*nexts), 20)

    assert batches[0][0] is batches[1][0] is batches[2][0]
    for follower in followers:
        await follower.aclose()


async def test_a_follower_of_one_task_is_not_handed_the_others(api: Api) -> None:
    mine = (await api.say())["task_id"]
    feed = api.container.changes()
    seen = asyncio.ensure_future(changes_of(feed, 2, after=0, task_id=TaskId(mine)))
    everyone = asyncio.ensure_future(changes_of(feed, 3, after=0))
    await asyncio.sleep(0.05)
    other = (await api.say())["task_id"]
    await api.client.post(f"/tasks/{mine}/cancel")

    assert await asyncio.wait_for(seen, 20) == [mine, mine]
    assert await asyncio.wait_for(everyone, 20) == [mine, other, mine]


async def test_a_slow_follower_holds_a_bounded_queue_and_misses_nothing_when_it_comes_back(api: Api) -> None:
    feed = ChangeFeed(api.container.database(), poll_seconds=0.01)
    slow = feed.follow(after=0, ping_seconds=20)
    pinged = feed.follow(after=0, ping_seconds=0.01)
    assert await anext(pinged) == []
    first = asyncio.ensure_future(anext(slow))
    await asyncio.sleep(0.05)
    with api.database.write() as store:
        for n in range(QUEUE_LENGTH + 1000):
            request = SpeechRequest((ItemRequest(f"Text {n}.", "espeak-en-us"),))
            store.add_task(TaskId(f"01K{n:023d}"), request, now=NOW)
    seen = [change.move.id for change in await asyncio.wait_for(first, 20)]
    while (batch := await anext(pinged)) == [] or batch[-1].move.id < QUEUE_LENGTH + 1000:
        pass  # the other one keeps up, until all has been handed out

    async with aclosing(slow):
        async for late in slow:
            assert len(late) <= QUEUE_LENGTH
            seen += [change.move.id for change in late]
    async with aclosing(feed.follow(after=seen[-1], ping_seconds=0.01)) as again:
        async for batch in again:
            if not batch:
                break
            seen += [change.move.id for change in batch]

    assert seen == list(range(1, QUEUE_LENGTH + 1001))
    await pinged.aclose()
    await feed.close()


async def test_a_client_that_takes_nothing_is_let_go(api: Api) -> None:
    async def endless() -> Any:
        while True:
            yield b"x"

    async def send(message: object) -> None:
        await asyncio.sleep(3600)

    async def receive() -> dict[str, str]:
        await asyncio.sleep(3600)
        raise AssertionError

    left = asyncio.Event()

    async def leave() -> None:
        left.set()

    answer = StreamAnswer(endless(), dict, api.container.watch(), left=leave, patience_seconds=0.05)
    await asyncio.wait_for(answer({"type": "http"}, receive, send), 20)
    assert left.is_set()


@pytest.mark.parametrize("path", ["/events", "/tasks/{id}/events"])
async def test_a_stream_is_not_kept_by_anybody_on_the_way(api: Api, path: str) -> None:
    task_id = (await api.say())["task_id"]
    await api.container.changes().close()
    answer = await api.client.get(path.format(id=task_id))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
