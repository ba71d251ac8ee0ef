"""Tasks: the list, one task, a new one, and what is done to one or to many."""

from collections.abc import Sequence
from typing import cast

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import RedirectResponse, Response

from ._backend import DashboardBackend, FormRefused, MoveRefused
from ._filters import Filter, NoSuchState
from ._guard import Guard
from ._pages import Pages
from ._safety import PAGE_HEADERS, Form
from ._values import ACTIONS, Action, Count, SpeakForm

LIVE_HEADER = "x-dashboard-part"
"""What a page that is open already sends when it wants only what may have changed."""

MIX_VOICES = 3


def task_routes(router: APIRouter, backend: DashboardBackend, pages: Pages, guard: Guard) -> None:
    """Add them to the router."""

    @router.get("/tasks")
    async def show_tasks(request: Request) -> Response:
        try:
            wanted = Filter.of(request.query_params)
            page = await backend.tasks(wanted.query())
        except NoSuchState as error:
            return pages.notice(400, "There is no such list", str(error))
        done = _notes(request.query_params)
        return pages.tasks(page, wanted, base_url=str(request.base_url), live_only=live_only(request), done=done)

    @router.post("/tasks/confirm")
    async def confirm(request: Request) -> Response:
        return await guard.with_form(request, _confirm)

    @router.post("/tasks/act")
    async def act_on_many(request: Request) -> Response:
        return await guard.with_form(request, _act_on_many)

    @router.get("/speak")
    async def show_form(request: Request) -> Response:
        source = request.query_params.get("from")
        task = await backend.task(source) if source else None
        form = SpeakForm(voice=request.query_params.get("voice", ""))
        if task is not None and not task.items[0].text_hidden:
            item = task.items[0]
            voice, mix, weights = _parts(item.voice)
            form = SpeakForm(item.text, voice, item.format, f"{item.speed:g}", task.priority, mix, weights)
        return pages.speak(await backend.choices(), form, base_url=str(request.base_url))

    @router.post("/speak")
    async def speak(request: Request) -> Response:
        return await guard.with_form(request, lambda form: _speak(request, form))

    @router.get("/tasks/{task_id}")
    async def show_task(request: Request, task_id: str) -> Response:
        task = await backend.task(task_id)
        if task is None:
            return _no_task()
        first = request.query_params.get("from", "0")
        first_item = int(first) if first.isascii() and first.isdigit() and len(first) < 7 else 0
        return pages.task(task, first_item=first_item, live_only=live_only(request), base_url=str(request.base_url))

    @router.post("/tasks/{task_id}/{action}")
    async def act(request: Request, task_id: str, action: str) -> Response:
        if refusal := guard.refuses_action(request):
            return refusal
        if action not in ACTIONS:
            return pages.notice(404, "There is nothing here", "The address may be mistyped.")
        try:
            found = await backend.act(cast(Action, action), task_id)
        except MoveRefused as refused:
            return pages.notice(409, "The task's state does not allow this", str(refused), task_id=task_id)
        if not found:
            return _no_task()
        return see("/dashboard/tasks?deleted=1" if action == "delete" else f"/dashboard/tasks/{task_id}")

    async def _speak(request: Request, fields: Form) -> Response:
        form = SpeakForm(
            text=fields.get("text", ""),
            voice=fields.get("voice", ""),
            format=fields.get("format", ""),
            speed=fields.get("speed", ""),
            priority=fields.get("priority", ""),
            mix=tuple(voice for n in range(2, MIX_VOICES + 1) if (voice := fields.get(f"voice{n}", ""))),
            weights=tuple(
                fields.get(f"weight{n}", "") for n in range(1, MIX_VOICES + 1) if n == 1 or fields.get(f"voice{n}", "")
            ),
        )
        try:
            task_id = await backend.speak(form)
        except FormRefused as refusal:
            return pages.speak(await backend.choices(), form, problems=refusal.problems, base_url=str(request.base_url))
        return see(f"/dashboard/tasks/{task_id}")

    async def _confirm(fields: Form) -> Response:
        try:
            action, wanted, ids = _meant(fields)
            if ids:
                matched, changed = Count(len(ids)), None
            else:
                matched, changed = await backend.count_matching(action, wanted.query())
        except NoSuchState as error:
            return pages.notice(400, "There is no such list", str(error))
        except KeyError:
            return _nothing_meant()
        return pages.confirm(action, wanted, ids, matched, changed)

    async def _act_on_many(fields: Form) -> Response:
        try:
            action, wanted, ids = _meant(fields)
            done = await (backend.act_on(action, ids) if ids else backend.act_on_matching(action, wanted.query()))
        except NoSuchState as error:
            return pages.notice(400, "There is no such list", str(error))
        except KeyError:
            return _nothing_meant()
        address = wanted.url(state=wanted.state)
        return see(f"{address}{'&' if '?' in address else '?'}{_NOTE[action]}={done}")

    def _nothing_meant() -> Response:
        return pages.notice(400, "Nothing was chosen", "Select tasks in the list first, then say what to do with them.")

    def _no_task() -> Response:
        return pages.notice(
            404, "There is no such task", "It may have been deleted, or its address was copied in part."
        )


_NOTE = {"cancel": "cancelled", "retry": "retried", "delete": "deleted"}


def see(address: str) -> Response:
    """Where a form leads."""
    return RedirectResponse(address, 303, PAGE_HEADERS)


def live_only(request: Request) -> bool:
    return request.headers.get(LIVE_HEADER) == "live"


def _meant(fields: Form) -> tuple[Action, Filter, Sequence[str]]:
    """What is to be done, to which: the tasks that are named, or where `scope` is `all` those that match.

    Raises:
      KeyError: nothing is named, or there is no such action.
      NoSuchState: the filter's.
    """
    chosen = fields["action"]
    scope, _, action = chosen.rpartition("-")
    if action not in ACTIONS or scope not in {"", "all"}:
        raise KeyError(chosen)
    wanted = Filter.of(QueryParams({name: fields[name] for name in ("state", "q") if name in fields}))
    ids = [] if scope == "all" else list(dict.fromkeys(fields.all("id")))
    if not ids and scope != "all":
        raise KeyError("id")
    return cast(Action, action), wanted, ids


def _notes(query: QueryParams) -> str | None:
    """What an action on many tasks did, as its address says."""
    for action, name in _NOTE.items():
        number = query.get(name, "")
        if number.isascii() and number.isdigit() and len(number) < 10:
            return f"{int(number):,} task{'' if number == '1' else 's'} {ACTIONS[cast(Action, action)][1]}."
    return None


def _parts(mix: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The voices of a mix and their weights, for the form."""
    voices, weights = [], []
    for part in mix.split("+"):
        voice, _, weight = part.partition(":")
        voices.append(voice)
        weights.append(weight)
    return voices[0], tuple(voices[1:MIX_VOICES]), tuple(weights[:MIX_VOICES])
