"""`sayathing say`: a text in, a file out."""

from __future__ import annotations

import json
import os
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from app.cli.errors import CommandFailed, Interrupted, WrongUse
from app.cli.options import AsJson, Url
from app.domain.audio_formats import AudioFormat

if TYPE_CHECKING:
    from app.cli.client import Look, Service

SHORT_CHARACTERS = 2000
"""A text up to this long is spoken by one worker where a service is started for it: a second one would only
compete with the first for the cores while both start."""


class PriorityName(StrEnum):
    INTERACTIVE = "interactive"
    NORMAL = "normal"
    BULK = "bulk"


def say(
    text: Annotated[str | None, typer.Argument(help="What to say; `-` reads it from standard input.")] = None,
    file: Annotated[Path | None, typer.Option(help="Say what this UTF-8 text file holds.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="The file to write; default: a new one here, named after the text."),
    ] = None,
    voice: Annotated[
        str | None, typer.Option(help="A voice or a mix of voices; `sayathing voices` lists them.")
    ] = None,
    speed: Annotated[float | None, typer.Option(help="0.5 to 2.0; default 1.0.")] = None,
    volume: Annotated[float | None, typer.Option(help="0.1 to 2.0; default 1.0.")] = None,
    audio_format: Annotated[
        AudioFormat | None,
        typer.Option("--format", help="Audio format; default: as the suffix of --out says, else wav."),
    ] = None,
    lexicon: Annotated[
        str | None,
        typer.Option(help="How words are said: a stored lexicon's name, or a JSON file (it has a dot or a slash)."),
    ] = None,
    priority: Annotated[PriorityName | None, typer.Option(help="Who goes first; default: normal.")] = None,
    play_it: Annotated[bool, typer.Option("--play", help="Play the file once it is there.")] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Say a text into a file. Through the running service, or one started for it; prints the file's path."""
    from app.cli.entries import named_or_read
    from app.cli.files import check_folder, format_of
    from app.cli.finding import service_or_own

    words = _text(text, file)
    if audio_format is None and out is not None:
        audio_format = format_of(out)
    check_folder(out.parent if out is not None else Path.cwd())
    fields = {
        "text": words,
        "voice": voice,
        "speed": speed,
        "volume": volume,
        "format": audio_format,
        "priority": priority,
        "lexicon": named_or_read(lexicon) if lexicon is not None else None,
    }
    body: dict[str, object] = {name: value for name, value in fields.items() if value is not None}
    with service_or_own(url, workers=1 if len(words) <= SHORT_CHARACTERS else None) as (service, is_own):
        path = _say(service, body, out, is_own=is_own, as_json=as_json)
    if play_it:
        from app.cli.player import play

        play(path)


def _say(service: Service, body: dict[str, object], out: Path | None, *, is_own: bool, as_json: bool) -> Path:
    """Have the service say it and print where the audio is."""
    from app.cli.client import Busy
    from app.cli.waiting import patiently

    look = patiently(lambda: service.request_speech(body), errors=Busy, sleep=time.sleep)
    task_id = look.task["task_id"]
    try:
        finished = finish(service, look)
        path = _download(service, finished, str(body["text"]), out)
    except KeyboardInterrupt:
        later = "`sayathing serve` goes on with it, and then " if is_own else ""
        raise Interrupted(f"Task {task_id} is kept; {later}`sayathing tasks wait {task_id}` waits for it.") from None
    print(json.dumps({**finished.task, "path": str(path)}, ensure_ascii=False) if as_json else path)
    return path


def finish(service: Service, look: Look) -> Look:
    """Wait until the task is completed, showing its progress on standard error.

    Raises:
      CommandFailed: it ended in another state; the message says why.
      NoService, WrongUse
    """
    from app.cli.progress import shown_progress
    from app.cli.waiting import wait_until_finished

    with shown_progress() as show:
        look = wait_until_finished(service, look, progress=show)
    if look.task["state"] != "completed":
        error = look.task["error"]
        raise CommandFailed(
            f"Task {look.task['task_id']} is {look.task['state']}"
            + (f": {error['detail']}" if error is not None else ".")
        )
    return look


def _download(service: Service, finished: Look, text: str, out: Path | None) -> Path:
    from app.cli.files import name_for, write_new, write_over

    def write(file: BinaryIO) -> None:
        service.download(finished.task, file)

    if out is not None:
        return write_over(out.absolute(), write)
    audio_format = finished.task["items"][0]["format"]
    return write_new(Path.cwd() / name_for(text, finished.task["task_id"], audio_format), write)


def _text(text: str | None, file: Path | None) -> str:
    """The text that was given, in one of its three ways.

    Raises:
      WrongUse: in none, in several, or it is not UTF-8.
    """
    if (text is None) == (file is None):
        raise WrongUse("Give the text, `-` for standard input, or --file; one of them.")
    try:
        if file is not None:
            return file.read_bytes().decode("utf-8-sig")
        if text == "-":
            return sys.stdin.buffer.read().decode("utf-8-sig")
        assert text is not None, "one of the two is given"
        return os.fsencode(text).decode()
    except OSError as error:
        raise WrongUse(f"Cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise WrongUse(f"{file or 'The text'} is not UTF-8 (byte {error.start}).") from error
