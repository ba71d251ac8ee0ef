"""`sayathing tasks`: look at tasks, wait for one, stop one, run one again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.errors import Interrupted
from app.cli.saying import AsJson, Url, finish
from app.cli.tables import print_json, print_table
from app.domain.states import TaskState

if TYPE_CHECKING:
    from app.cli.client import Service
    from app.cli.documents import PageDocument, TaskDocument

SHOWN_CHARACTERS = 50
MAX_PAGE = 100

tasks = typer.Typer(help="Look at tasks, wait for one, cancel one, run one again.", no_args_is_help=True)

TaskId = Annotated[str, typer.Argument(help="The task's id, as `sayathing tasks list` shows it.")]


@tasks.command("list")
def list_tasks(
    state: Annotated[TaskState | None, typer.Option(help="Only tasks in this state.")] = None,
    voice: Annotated[str | None, typer.Option(help="Only tasks with this voice.")] = None,
    text: Annotated[str | None, typer.Option(help="Only tasks whose text holds this.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MAX_PAGE, help="Tasks on a page.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="Go on where the page before ended.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All pages.")] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List tasks, the newest first."""
    from app.cli.finding import needed_service

    filters = {"state": state, "voice": voice, "q": text, "cursor": cursor}
    asked = {name: value for name, value in filters.items() if value is not None}
    with needed_service(url) as service:
        page = _every_page(service, asked) if everything else service.tasks({**asked, "limit": str(limit)})
    if as_json:
        print_json(page)
        return
    headings = ("task", "state", "segments", "voice", "text")
    print_table(headings, [_row(task) for task in page["tasks"]])
    if page["next_cursor"] is not None:
        typer.echo(f"More: --cursor {page['next_cursor']}, or --all", err=True)


@tasks.command()
def show(task_id: TaskId, url: Url = None, as_json: AsJson = False) -> None:
    """Show one task."""
    from app.cli.finding import needed_service

    with needed_service(url) as service:
        _print_task(service.look(task_id).task, as_json=as_json)


@tasks.command()
def wait(task_id: TaskId, url: Url = None, as_json: AsJson = False) -> None:
    """Wait for a task's end. Exit status 1 where it fails or is cancelled."""
    from app.cli.finding import needed_service

    with needed_service(url) as service:
        try:
            look = finish(service, service.look(task_id))
        except KeyboardInterrupt:
            raise Interrupted(f"Task {task_id} goes on without us.") from None
        _print_task(look.task, as_json=as_json)


@tasks.command()
def cancel(task_id: TaskId, url: Url = None, as_json: AsJson = False) -> None:
    """Stop a task that is not finished."""
    from app.cli.finding import needed_service

    with needed_service(url) as service:
        _print_task(service.cancel(task_id), as_json=as_json)


@tasks.command()
def retry(task_id: TaskId, url: Url = None, as_json: AsJson = False) -> None:
    """Run a task again. It was cancelled or discarded; what it has rendered is kept."""
    from app.cli.finding import needed_service

    with needed_service(url) as service:
        _print_task(service.retry(task_id), as_json=as_json)


def _every_page(service: Service, asked: dict[str, str]) -> PageDocument:
    page = service.tasks({**asked, "limit": str(MAX_PAGE)})
    found = page["tasks"]
    while page["next_cursor"] is not None:
        page = service.tasks({**asked, "limit": str(MAX_PAGE), "cursor": page["next_cursor"]})
        found += page["tasks"]
    return {"tasks": found, "next_cursor": None}


def _row(task: TaskDocument) -> tuple[str, ...]:
    progress = task["progress"]
    first = task["items"][0]
    others = f" (and {task['item_count'] - 1} more)" if task["item_count"] > 1 else ""
    return (
        task["task_id"],
        task["state"],
        f"{progress['segments_done']}/{progress['segments_total']}" if progress["segments_total"] else "",
        first["voice"],
        _start_of(first["text"]) + others,
    )


def _start_of(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + "…"


def _print_task(task: TaskDocument, *, as_json: bool) -> None:
    if as_json:
        print_json(task)
        return
    progress = task["progress"]
    lines = {
        "task": task["task_id"],
        "state": task["state"],
        "priority": task["priority"],
        "accepted": task["created_at"],
        "finished": task["finished_at"] or "not yet",
        "segments": f"{progress['segments_done']} of {progress['segments_total']}",
    }
    if task["error"] is not None:
        lines["error"] = task["error"]["detail"]
    for item in task["items"]:
        audio = item["audio"]
        where = f" · {audio['duration_seconds']:.1f} s · {audio['url']}" if audio is not None else ""
        lines[f"item {item['index']}"] = f"{item['state']} · {item['voice']} · {_start_of(item['text'])}{where}"
    for name, value in lines.items():
        print(f"{name:9} {value}")
