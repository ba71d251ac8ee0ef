"""`sayathing voices`: who can speak here, with or without a running service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.options import AsJson, Url
from app.cli.tables import print_json, print_table

if TYPE_CHECKING:
    from app.cli.documents import VoiceDocument


def voices(
    language: Annotated[
        str | None, typer.Option(help="Only this language, as a BCP 47 tag: `en` takes `en-US` and `en-GB` too.")
    ] = None,
    available: Annotated[bool, typer.Option("--available", help="Only voices that can speak here.")] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List the voices. From the running service, or from this machine's own settings."""
    from app.cli.finding import running_service

    service = running_service(url)
    if service is not None:
        with service:
            listed = service.voices()
    else:
        listed = _voices_here()
    chosen = [
        voice
        for voice in listed
        if (voice["available"] or not available) and (language is None or _speaks(voice["language"], language))
    ]
    if as_json:
        print_json({"voices": chosen})
        return
    rows = [
        (voice["id"], voice["language"], voice["name"], voice["grade"] or "", "yes" if voice["available"] else "no")
        for voice in chosen
    ]
    if not rows:
        typer.echo(_why_none(listed, language), err=True)
        return
    print_table(("voice", "language", "name", "grade", "available"), rows)
    for reason in dict.fromkeys(voice["why_not"] for voice in chosen if voice["why_not"]):
        typer.echo(reason, err=True)


def _why_none(listed: Sequence[VoiceDocument], language: str | None) -> str:
    """What to tell where no voice was chosen."""
    if language is None or any(_speaks(voice["language"], language) for voice in listed):
        return "No such voice can speak here; without --available all are listed, each with why it cannot."
    spoken = sorted({voice["language"].partition("-")[0] for voice in listed})
    return f"No voice speaks {language!r}. These languages are spoken: {', '.join(spoken)}."


def _speaks(spoken: str, wanted: str) -> bool:
    """Whether the wanted tag is the spoken one, or a shorter start of it (RFC 4647, basic filtering)."""
    return f"{spoken}-".lower().startswith(f"{wanted}-".lower())


def _voices_here() -> Sequence[VoiceDocument]:
    from app.cli.environment import load_settings
    from app.services.list_voices import VoiceDirectory

    settings = load_settings()
    return [
        {
            "id": listed.voice.id,
            "name": listed.voice.name,
            "language": listed.voice.language,
            "gender": listed.voice.gender,
            "grade": listed.voice.grade,
            "engine": listed.voice.engine,
            "available": listed.why_not is None,
            "why_not": listed.why_not,
        }
        for listed in VoiceDirectory(settings.model_dir, settings.engine).all()
    ]
