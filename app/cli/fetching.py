"""`sayathing tasks audio`: the audio of a task that is finished already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.errors import WrongUse
from app.cli.options import AsJson, Url
from app.cli.tables import print_json
from app.domain.audio_formats import AudioFormat

if TYPE_CHECKING:
    from app.cli.client import Service
    from app.cli.documents import TaskDocument


def audio(
    task_id: Annotated[str, typer.Argument(help="The task's id, as `sayathing tasks list` shows it.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="The file to write, or a folder for a file of each item; default: a new one here."
        ),
    ] = None,
    item: Annotated[
        int | None, typer.Option(min=0, help="Only this item, as `sayathing tasks show` numbers them, from 0.")
    ] = None,
    audio_format: Annotated[
        AudioFormat | None,
        typer.Option("--format", help="Audio format; default: as the suffix of --out says, else as it was asked for."),
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Fetch a finished task's audio into a file; prints the file's path."""
    from app.cli.files import check_folder
    from app.cli.finding import needed_service
    from app.cli.saving import wanted_format

    wanted = wanted_format(out, audio_format)
    check_folder(Path.cwd() if out is None else out if out.is_dir() else out.parent)
    with needed_service(url) as service:
        task = service.look(task_id).task
        paths = _save(service, task, out, item, wanted)
    if as_json:
        print_json({**task, "path": str(paths[-1]), "paths": [str(path) for path in paths]})
    else:
        print("\n".join(map(str, paths)))


def _save(
    service: Service, task: TaskDocument, out: Path | None, item: int | None, wanted: AudioFormat | None
) -> list[Path]:
    """
    Raises:
      WrongUse: there is no such item, or no audio, or there are several files and one place for them.
    """
    from app.cli.saving import save_each, save_item, save_task

    items = task["items"]
    if item is not None:
        chosen = next((each for each in items if each["index"] == item), None)
        if chosen is None:
            raise WrongUse(f"Task {task['task_id']} has no item {item}; it has {task['item_count']}, from 0.")
        return [save_item(service, task, chosen, out, wanted)]
    if task["book"] is not None or len(items) == 1:
        name = task["book"]["title"] if task["book"] is not None else items[0]["text"]
        return [save_task(service, task, name, out, wanted)]
    if out is None or not out.is_dir():
        raise WrongUse(
            f"Task {task['task_id']} has {task['item_count']} items: name one with --item, or a folder that is there with "
            "--out for all of them."
        )
    return save_each(service, task, [each["text"] for each in items], out.absolute(), wanted)
