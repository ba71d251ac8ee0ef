"""`sayathing doctor`: what is right here, what is not, and what to do about it."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.errors import WrongUse
from app.cli.tables import print_json

if TYPE_CHECKING:
    from app.cli.findings import Finding
    from app.settings import Settings

COLOURS = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}


def doctor(
    url: Annotated[str | None, typer.Option(help="The service; default: where the settings say it listens.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Check that all is well here. Exit status 1 where something fails."""
    from app.cli.environment import load_settings
    from app.cli.findings import Finding

    findings: list[Finding] = []

    def tell(finding: Finding) -> None:
        findings.append(finding)
        if not as_json:
            mark = typer.style(f"{finding.verdict:4}", fg=COLOURS[finding.verdict])
            typer.echo(f"{mark} {finding.name}: {finding.detail}" + (f" {finding.advice}" if finding.advice else ""))

    try:
        settings = load_settings()
    except WrongUse as error:
        tell(Finding("settings", "fail", str(error), "Correct it in the environment or in .env."))
    else:
        tell(Finding("settings", "ok", f"they parse; the data is in {settings.data_dir.absolute()}"))
        for check in _checks(settings, url):
            tell(check())
    if as_json:
        print_json({"checks": [finding.to_json() for finding in findings]})
    if any(finding.verdict == "fail" for finding in findings):
        raise typer.Exit(1)


def _checks(settings: Settings, url: str | None) -> Sequence[Callable[[], Finding]]:
    """Every check, in the order in which one thing rests on another."""
    from app.cli import checks, service_checks, store_checks, webhook_checks

    audio_elsewhere = not settings.audio_dir.absolute().is_relative_to(settings.data_dir.absolute())
    return (
        partial(checks.check_data_folder, settings.data_dir),
        *([partial(checks.check_data_folder, settings.audio_dir, "SAYATHING_AUDIO_URL")] if audio_elsewhere else []),
        partial(checks.check_disk, settings.data_dir, settings.min_free_bytes),
        *([partial(checks.check_disk, settings.audio_dir, settings.min_free_bytes)] if audio_elsewhere else []),
        partial(checks.check_cache, settings.audio_dir, settings.cache_max_bytes),
        partial(checks.check_sqlite, sqlite3.sqlite_version_info),
        partial(store_checks.check_database, settings),
        partial(store_checks.check_queue, settings.broker_path),
        partial(webhook_checks.check_webhooks, settings),
        partial(checks.check_espeak, sys.executable),
        partial(checks.check_encoder, sys.executable),
        partial(checks.check_models, settings.model_dir),
        partial(checks.check_default_voice, sys.executable, settings),
        partial(service_checks.check_keys, settings),
        partial(service_checks.check_service, settings, url),
    )
