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
    from app.cli import checks, store_checks
    from app.cli.environment import http_url

    return (
        partial(checks.check_data_folder, settings.data_dir),
        partial(checks.check_disk, settings.data_dir),
        partial(checks.check_cache, settings.audio_dir, settings.cache_max_bytes),
        partial(checks.check_sqlite, sqlite3.sqlite_version_info),
        partial(store_checks.check_database, settings),
        partial(store_checks.check_queue, settings.broker_path),
        partial(checks.check_espeak, sys.executable),
        partial(checks.check_models, settings.model_dir),
        partial(
            checks.check_service,
            url or http_url(settings.host, settings.port),
            settings.api_key.get_secret_value(),
        ),
    )
