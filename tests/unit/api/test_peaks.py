"""The waveform of a finished item."""

import json

from app.domain.ids import TaskId
from tests.support.api import Api, accept_problem

DOCUMENT = json.dumps({"version": 2, "data": [-1, 1]}).encode()


async def finished(api: Api) -> str:
    task_id = (await api.say())["task_id"]
    api.finish(task_id)
    with api.audio_store.writing_peaks(TaskId(task_id), 0) as draft:
        draft.write_bytes(DOCUMENT)
    return str(task_id)


async def test_peaks_are_given_out_once_and_not_again(api: Api) -> None:
    address = f"/tasks/{await finished(api)}/items/0/peaks"
    answer = await api.client.get(address)
    assert (answer.status_code, answer.content) == (200, DOCUMENT)
    assert answer.headers["content-type"] == "application/json"
    head = await api.client.head(address)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(DOCUMENT)))
    again = await api.client.get(address, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await api.client.get(address, headers={"If-None-Match": '"another"'})
    assert other.status_code == 200


async def test_an_item_that_is_not_there_or_not_finished_has_none(api: Api) -> None:
    task_id = (await api.say())["task_id"]
    accept_problem(await api.client.get(f"/tasks/{task_id}/items/0/peaks"), 409, "audio-not-ready")
    accept_problem(await api.client.get(f"/tasks/{task_id}/items/1/peaks"), 404, "item-not-found")
    accept_problem(await api.client.get(f"/tasks/{'0' * 26}/items/0/peaks"), 404, "task-not-found")


async def test_peaks_whose_file_is_gone_say_what_to_do(api: Api) -> None:
    task_id = await finished(api)
    api.audio_store.peaks_path(TaskId(task_id), 0).unlink()
    answer = await api.client.get(f"/tasks/{task_id}/items/0/peaks")
    assert "Post the text again" in accept_problem(answer, 404, "peaks-not-found")["detail"]
