"""`sayathing say`: a text in, a file out."""

from __future__ import annotations

import json
import os
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.errors import CommandFailed, Interrupted, WrongUse
from app.cli.options import AsJson, Url
from app.domain.audio_formats import AudioFormat

if TYPE_CHECKING:
    from app.books import Book
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
    file: Annotated[
        Path | None, typer.Option(help="Say what this file holds: plain text, Markdown, HTML or EPUB.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="The file to write, or a folder for a file of each chapter; default: a new one here."
        ),
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
    """Say a text, or a book's chapters, into a file. Through the running service, or one started for it; prints the
    file's path."""
    from app.cli.entries import named_or_read
    from app.cli.files import check_folder
    from app.cli.finding import service_or_own
    from app.cli.saving import wanted_format

    into_folder = out is not None and out.is_dir()
    audio_format = wanted_format(out, audio_format)
    body, book = _what(text, file, audio_format, into_folder=into_folder)
    check_folder(Path.cwd() if out is None else out if into_folder else out.parent)
    fields = {
        "voice": voice,
        "speed": speed,
        "volume": volume,
        "format": audio_format,
        "priority": priority,
        "lexicon": named_or_read(lexicon) if lexicon is not None else None,
    }
    body |= {name: value for name, value in fields.items() if value is not None}
    characters = len(book.text) if book is not None else len(str(body["text"]))
    with service_or_own(url, workers=1 if characters <= SHORT_CHARACTERS else None) as (service, is_own):
        if book is not None and voice is None:
            from app.cli.manuscripts import voice_for

            chosen = voice_for(book.language, service.voices)
            body |= {"voice": chosen} if chosen is not None else {}
        path = _say(service, body, out, book, is_own=is_own, as_json=as_json)
    if play_it:
        from app.cli.player import play

        play(path)


def _what(
    text: str | None, file: Path | None, audio_format: AudioFormat | None, *, into_folder: bool
) -> tuple[dict[str, object], Book | None]:
    """The request so far, and the book where it is one.

    Raises:
      WrongUse: the text was given in no way or in several, or cannot be read.
    """
    if (text is None) == (file is None):
        raise WrongUse("Give the text, `-` for standard input, or --file; one of them.")
    if file is None:
        assert text is not None, "one of the two is given"
        return {"text": _text(text)}, None
    from app.cli import manuscripts

    book = manuscripts.read(file)
    manuscripts.tell_what_is_left_out(book)
    if into_folder:
        return manuscripts.as_items(book), book
    if audio_format is AudioFormat.M4B:
        return manuscripts.as_book(book, file), book
    return manuscripts.as_one_text(book), book


def _say(
    service: Service, body: dict[str, object], out: Path | None, book: Book | None, *, is_own: bool, as_json: bool
) -> Path:
    """Have the service say it and print where the audio is; the path of the file, or of the last one."""
    from app.cli.client import Busy
    from app.cli.saving import save_each, save_task
    from app.cli.waiting import patiently

    look = patiently(lambda: service.request_speech(body), errors=Busy, sleep=time.sleep)
    task_id = look.task["task_id"]
    try:
        task = finish(service, look).task
        if "items" in body and "book" not in body:
            assert out is not None, "items without a book go into a folder"
            assert book is not None, "only a book has items"
            paths = save_each(service, task, [one.title for one in book.chapters], out.absolute())
        else:
            paths = [save_task(service, task, _name(body, book), out)]
    except KeyboardInterrupt:
        later = "`sayathing serve` goes on with it, and then " if is_own else ""
        raise Interrupted(
            f"Task {task_id} is kept; {later}`sayathing tasks wait {task_id}` waits for it, "
            f"and `sayathing tasks audio {task_id}` fetches it."
        ) from None
    if as_json:
        where = {"path": str(paths[-1])} | ({"paths": [str(path) for path in paths]} if "items" in body else {})
        print(json.dumps({**task, **where}, ensure_ascii=False))
    else:
        print("\n".join(str(path) for path in paths))
    return paths[-1]


def _name(body: dict[str, object], book: Book | None) -> str:
    """What a file that has no name yet is named after."""
    title = book.title if book is not None else None
    return title or str(body.get("text", ""))


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


def _text(text: str) -> str:
    """The text itself, or that of standard input for `-`.

    Raises:
      WrongUse: it is not UTF-8.
    """
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig") if text == "-" else os.fsencode(text).decode()
    except UnicodeDecodeError as error:
        raise WrongUse(f"The text is not UTF-8 (byte {error.start}).") from error
