"""What is in effect: each setting, its value with secrets masked, and where it came from."""

import os
from dataclasses import dataclass

from dotenv import dotenv_values

from app.settings import ENV_FILE, PREFIX, SECRET_FIELDS, Settings

MASKED = "••••••"


@dataclass(frozen=True, slots=True)
class SettingNow:
    """`source`: `environment`, `.env` or `default`."""

    name: str
    value: str
    source: str
    description: str


def settings_now(settings: Settings) -> list[SettingNow]:
    given = {name.upper() for name in os.environ}
    in_file = {name.upper() for name in dotenv_values(ENV_FILE)}
    found = []
    for field, about in Settings.model_fields.items():
        name = str(about.validation_alias or PREFIX + field.upper())
        source = "environment" if name in given else ENV_FILE if name in in_file else "default"
        found.append(SettingNow(name, _told(field, getattr(settings, field)), source, about.description or ""))
    return found


def _told(field: str, value: object) -> str:
    if field in SECRET_FIELDS:
        return MASKED if value and str(value) else ""
    if isinstance(value, tuple):
        return ", ".join(str(part) for part in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
