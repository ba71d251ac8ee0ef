"""A request's id goes with all the work that follows from it."""

import json
from collections.abc import AsyncIterator

import pytest
import structlog

from actors.middleware import LogContext
from app.settings import Settings
from tests.support.api import Api, running_api


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[Api]:
    async with running_api(settings) as service:
        yield service


def options_of(api: Api) -> list[dict[str, object]]:
    with api.container.broker()._connections.reading() as connection:
        return [json.loads(row[0])["options"] for row in connection.execute("SELECT payload FROM broker_messages")]


async def test_the_message_of_a_request_carries_its_id(api: Api) -> None:
    answer = await api.client.post("/api/tts", json={"text": "Hi."}, headers={"X-Request-ID": "order-66.b"})

    assert answer.headers["X-Request-ID"] == "order-66.b"
    (options,) = options_of(api)
    assert options["request_id"] == "order-66.b"


@pytest.mark.parametrize("bad", ["", "a b", "x" * 129, 'a"b', "a\tb", "é"])
async def test_an_id_that_could_forge_a_log_is_replaced(api: Api, bad: str) -> None:
    answer = await api.client.post("/api/tts", json={"text": "Hi."}, headers={"X-Request-ID": bad.encode()})

    given = answer.headers["X-Request-ID"]
    assert given != bad
    assert len(given) == 32
    assert options_of(api)[0]["request_id"] == given


def test_a_worker_binds_the_id_to_its_lines_and_unbinds_it(settings: Settings) -> None:
    from dramatiq import Message
    from dramatiq.broker import MessageProxy

    from actors.container import build_container

    broker = build_container(settings).broker()
    message: Message[None] = Message("speech", "plan_speech", ({"task_id": "T"},), {}, {"request_id": "order-66"})
    hook = LogContext()

    hook.before_process_message(broker, MessageProxy(message))
    assert structlog.contextvars.get_contextvars()["request_id"] == "order-66"
    hook.after_process_message(broker, MessageProxy(message))
    assert structlog.contextvars.get_contextvars() == {}
    broker.close()
