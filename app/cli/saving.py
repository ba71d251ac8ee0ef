"""A finished task's audio, into files that appear whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.errors import WrongUse
from app.cli.files import format_of, name_for, numbered_name, write_new, write_over

if TYPE_CHECKING:
    from app.cli.client import Service
    from app.cli.documents import AudioDocument, ItemDocument, TaskDocument
    from app.domain.audio_formats import AudioFormat


def wanted_format(out: Path | None, named: AudioFormat | None) -> AudioFormat | None:
    """The format that `--format` names, else the one that the suffix of `--out` does; None where neither does.

    Raises:
      WrongUse: they name different ones, or the suffix alone names none.
    """
    if out is None or out.is_dir():
        return named
    if named is None:
        return format_of(out)
    try:
        said = format_of(out)
    except WrongUse:  # any suffix will do beside a format
        return named
    if said not in {None, named}:
        raise WrongUse(
            f"{out} is named as {said}, and --format says {named}: leave out --format, or take another suffix."
        )
    return named


def save_task(
    service: Service, task: TaskDocument, name: str, out: Path | None, format: AudioFormat | None = None
) -> Path:
    """The one file of a task that has one: where it was to be, or a new one in that folder named after `name`."""
    audio = _finished(task, task["book"]["audio"] if task["book"] is not None else task["items"][0]["audio"])
    return _save(service, task, f"/tasks/{task['task_id']}/audio", audio, name, out, format)


def save_item(
    service: Service, task: TaskDocument, item: ItemDocument, out: Path | None, format: AudioFormat | None
) -> Path:
    """The file of one of a task's items."""
    path = f"/tasks/{task['task_id']}/items/{item['index']}/audio"
    return _save(service, task, path, _finished(task, item["audio"], item), item["text"], out, format)


def save_each(
    service: Service,
    task: TaskDocument,
    titles: Sequence[str],
    folder: Path,
    format: AudioFormat | None = None,
) -> list[Path]:
    """A file for each item, numbered and named after its title; one of that name is replaced."""
    audios = [_finished(task, item["audio"], item) for item in task["items"]]  # before any file is replaced
    paths = []
    for number, (audio, title) in enumerate(zip(audios, titles, strict=True), start=1):
        path = folder / numbered_name(number, len(titles), title, format or audio["format"])
        paths.append(write_over(path, partial(service.download, audio["url"], audio, format)))
    return paths


def _save(
    service: Service,
    task: TaskDocument,
    path: str,
    audio: AudioDocument,
    name: str,
    out: Path | None,
    format: AudioFormat | None,
) -> Path:
    write = partial(service.download, path, audio, format)
    if out is not None and not out.is_dir():
        return write_over(out.absolute(), write)
    folder = Path.cwd() if out is None else out.absolute()
    return write_new(folder / name_for(name, task["task_id"], format or audio["format"]), write)


def _finished(task: TaskDocument, audio: AudioDocument | None, item: ItemDocument | None = None) -> AudioDocument:
    """The audio of a task, or of one of its items.

    Raises:
      WrongUse: there is none, or none yet.
    """
    if audio is not None:
        return audio
    state = task["state"] if item is None else item["state"]
    which = "Task" if item is None else f"Item {item['index']} of task"
    named = f"{which} {task['task_id']} is {state}"
    if state in {"cancelled", "discarded"}:
        raise WrongUse(f"{named}: it has no audio. `sayathing tasks retry {task['task_id']}` runs it again.")
    raise WrongUse(f"{named}: its audio is not there yet. `sayathing tasks wait {task['task_id']}` waits for it.")
