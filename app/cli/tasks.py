"""`sayathing tasks`: look at tasks, wait for one; stop, run again or forget one, or all that match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.errors import Interrupted, WrongUse
from app.cli.options import AsJson, Url
from app.cli.saying import finish
from app.cli.tables import print_json, print_table
from app.domain.states import TaskState

if TYPE_CHECKING:
    from app.cli.client import Service
    from app.cli.documents import OutcomeDocument, PageDocument, TaskDocument

SHOWN_CHARACTERS = 50
MAX_PAGE = 100

tasks = typer.Typer(
    help="Look at tasks, wait for one, fetch its audio; cancel, retry or delete one, or all that match.",
    no_args_is_help=True,
)

TaskId = Annotated[str, typer.Argument(help="The task's id, as `sayathing tasks list` shows it.")]


OneTask = Annotated[str | None, typer.Argument(metavar="[ID]", help="The task's id; or --all.")]
AllTasks = Annotated[bool, typer.Option("--all", help="All tasks that match the filters; with none, all there are.")]
OfState = Annotated[TaskState | None, typer.Option("--state", help="Only tasks in this state.")]
OfVoice = Annotated[str | None, typer.Option("--voice", help="Only tasks with this voice.")]
OfText = Annotated[str | None, typer.Option("--text", help="Only tasks whose text holds this.")]
Since = Annotated[
    str | None, typer.Option("--since", help="Only tasks accepted at this time or later: 2026-11-22T12:00:00Z.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="With --all: only count them.")]


@tasks.command("list")
def list_tasks(
    state: OfState = None,
    voice: OfVoice = None,
    text: OfText = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=MAX_PAGE, help="Tasks on a page.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="Go on where the page before ended.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All pages.")] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List tasks, the newest first."""
    from app.cli.finding import needed_service

    asked = _filters(state, voice, text, since) | ({"cursor": cursor} if cursor is not None else {})
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
    if not as_json:
        typer.echo(f"`sayathing tasks audio {task_id}` fetches the audio.", err=True)


@tasks.command()
def cancel(
    task_id: OneTask = None,
    everything: AllTasks = False,
    state: OfState = None,
    voice: OfVoice = None,
    text: OfText = None,
    since: Since = None,
    dry_run: DryRun = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Stop a task that is not finished, or all that match."""
    from app.cli.finding import needed_service

    one = _one_or_all(task_id, everything, state, voice, text, since, dry_run)
    with needed_service(url) as service:
        if one is None:
            _print_outcome(service.control("cancel", _filters(state, voice, text, since), dry_run=dry_run), as_json)
        else:
            _print_task(service.cancel(one), as_json=as_json)


@tasks.command()
def retry(
    task_id: OneTask = None,
    everything: AllTasks = False,
    state: OfState = None,
    voice: OfVoice = None,
    text: OfText = None,
    since: Since = None,
    dry_run: DryRun = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Run a task again that was cancelled or discarded, or all that match. What they have rendered is kept."""
    from app.cli.finding import needed_service

    one = _one_or_all(task_id, everything, state, voice, text, since, dry_run)
    with needed_service(url) as service:
        if one is None:
            _print_outcome(service.control("retry", _filters(state, voice, text, since), dry_run=dry_run), as_json)
        else:
            _print_task(service.retry(one), as_json=as_json)


@tasks.command()
def delete(
    task_id: OneTask = None,
    everything: AllTasks = False,
    state: OfState = None,
    voice: OfVoice = None,
    text: OfText = None,
    since: Since = None,
    dry_run: DryRun = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Forget a task with its texts and its files, or all that match. What is being worked on stays."""
    from app.cli.finding import needed_service

    one = _one_or_all(task_id, everything, state, voice, text, since, dry_run)
    with needed_service(url) as service:
        if one is None:
            _print_outcome(service.control("delete", _filters(state, voice, text, since), dry_run=dry_run), as_json)
            return
        service.delete(one)
    if as_json:
        print_json({"task_id": one, "deleted": True})
    else:
        print(f"Task {one} is deleted.")


def _one_or_all(
    task_id: str | None,
    everything: bool,
    state: TaskState | None,
    voice: str | None,
    text: str | None,
    since: str | None,
    dry_run: bool,
) -> str | None:
    """The one task that is meant; None where it is all that match.

    Raises:
      WrongUse: both, or neither; or filters without `--all`.
    """
    if everything and task_id is not None:
        raise WrongUse("Give either a task's id or --all, not both.")
    if everything:
        return None
    if task_id is None:
        raise WrongUse("Give a task's id, or --all for all that match --state, --voice, --text and --since.")
    if dry_run or any(value is not None for value in (state, voice, text, since)):
        raise WrongUse("--state, --voice, --text, --since and --dry-run go with --all.")
    return task_id


def _filters(state: TaskState | None, voice: str | None, text: str | None, since: str | None) -> dict[str, str]:
    filters = {"state": state, "voice": voice, "q": text, "since": since}
    return {name: str(value) for name, value in filters.items() if value is not None}


def _print_outcome(outcome: OutcomeDocument, as_json: bool) -> None:
    if as_json:
        print_json(outcome)
        return
    done = {"cancel": "cancelled", "retry": "run again", "delete": "deleted"}[outcome["action"]]
    verb = "would be" if outcome["dry_run"] else "were"
    print(
        f"{outcome['matched']} tasks match: {outcome['changed']} {verb} {done}, {outcome['skipped']} left as they are."
    )


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
