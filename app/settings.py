"""Settings: read once from the environment and `.env`, checked, then frozen.

Each field's description says what it does and in which unit; docs/settings.md shows them all.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.domain.access import KnownKey
from app.domain.webhooks import parse_secrets

PREFIX = "SAYATHING_"
TEST_PREFIX = PREFIX + "TEST_"
ENV_FILE = ".env"

SECRET_FIELDS = frozenset({"api_keys", "api_key", "webhook_secret"})
"""What they hold is in no message."""


_DURATION = re.compile(r"(?P<count>[0-9]{1,10})(?P<unit>[smhd]?)", re.ASCII)
_RATE = re.compile(r"[1-9][0-9]{0,8}/(second|minute|hour|day)", re.ASCII)
_ORIGIN = re.compile(r"https?://[^\s/?#@]+", re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


class BadSettings(Exception):
    """A setting does not parse. `str(error)` is one line that names it."""


class Settings(BaseSettings):
    """All of them. Build it with `Settings.load()`, which turns a bad value into one clear line."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    data_dir: Path = Field(
        Path("data"),
        description="Folder of the database and the audio, made where it is missing.",
    )
    database_url: str = Field(
        "",
        description="URL of the SQLite file of results and messages; empty: `sqlite:///<DATA_DIR>/sayathing.db`.",
    )
    broker_url: str = Field(
        "",
        description="URL of the queue. It is in the results' file, so that state and message are one commit: empty, or "
        "what SAYATHING_DATABASE_URL names.",
    )
    audio_url: str = Field("", description="Where audio is kept; empty: `file:<DATA_DIR>/audio`.")
    model_dir: Path = Field(
        Path("models"),
        description="Folder of the models, as `sayathing models pull` fills it: `kokoro/` and `spacy/`.",
    )
    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: int = Field(
        8000,
        ge=0,
        le=65535,
        description="Port that the API listens on; 0 takes a free one.",
    )
    api_keys: Annotated[tuple[KnownKey, ...], NoDecode] = Field(
        (),
        description="Keys that clients may show, separated by commas: each `NAME=KEY:SCOPE+SCOPE`, such as "
        "`ci=<20 to 200 characters>:speak+read`. NAME and the scopes (`speak`, `read`, `admin`) may be left out. Beside "
        "those of `sayathing keys`.",
    )
    api_key: SecretStr = Field(
        SecretStr(""),
        description="Key that this machine's own commands show to the service.",
    )
    allow_no_keys: bool = Field(
        False,
        description="`true`: without API keys, listen on other addresses than this machine's own, and answer anybody.",
    )
    max_text_chars: int = Field(
        1_000_000,
        ge=1,
        le=10_000_000,
        description="Longest text of one item, in characters.",
    )
    max_queued_tasks: int = Field(
        100_000,
        ge=1,
        description="Unfinished tasks that there may be; more are refused with 503 until some are finished.",
    )
    min_free_bytes: int = Field(
        64 * 1024**2,
        ge=0,
        description="Free bytes on the disks of data and audio below which tasks are refused with 503.",
    )
    result_ttl: int = Field(
        0,
        ge=0,
        le=100 * 365 * 86400,
        description="How long a finished task and its audio are kept: seconds, or `90m`, `12h`, `30d`; 0 keeps them "
        "for ever.",
    )
    durability: Literal["full", "normal"] = Field(
        "full",
        description="`full`: an accepted task survives a power cut. `normal`: a killed process only, and faster.",
    )
    engine: Literal["auto", "kokoro-onnx", "kokoro", "espeak"] = Field(
        "auto",
        description="Engine of the default voice; `auto` takes Kokoro where its model is on disk, else espeak. Kokoro runs on "
        "ONNX Runtime, except with `kokoro`: then on PyTorch, which `pip install 'sayathing[kokoro]'` brings.",
    )
    cache_max_bytes: int = Field(
        2 * 1024**3,
        ge=0,
        description="Bytes that rendered segments may take on the disk (2 GiB are some 13 hours at 22,050 Hz); those "
        "not used for longest go. What unfinished tasks need, and what was used in the last ten minutes, stays.",
    )
    dashboard_read_only: bool = Field(
        False,
        description="`true`: the dashboard shows everything and changes nothing. The API is not affected.",
    )
    hide_text: bool = Field(
        False,
        description="`true`: the dashboard shows no text of any task, nor finds tasks by it. The API is not affected.",
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto",
        description="`console` for people, `json` for machines; `auto`: console on a terminal.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        ("*",),
        description="Host names that requests may name, separated by commas; `*` allows all.",
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""),
        description="Secret that webhooks are signed with, `whsec_` and base64; several, separated by blanks, sign "
        "side by side while one takes the other's place. Empty: no webhook is accepted.",
    )
    webhook_allow_private: bool = Field(
        False,
        description="Lets webhooks lead to private, loopback and other addresses that are not everybody's.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins whose pages may use the API, such as `https://app.example`, separated by commas; `*` allows "
        "all. Without any, only the service's own pages may.",
    )
    rate_limit: str = Field(
        "",
        description="Requests that each key, or each address without one, may send: `10/second`, `60/minute`, "
        "`1000/hour` or `5000/day`; empty: as many as they like.",
    )
    max_attempts: int = Field(
        5,
        ge=1,
        le=100,
        description="Attempts that one step of a task gets before it is given up.",
    )
    retry_min_seconds: float = Field(
        1.0,
        gt=0,
        le=3600,
        description="Wait before the second attempt, in seconds; it doubles.",
    )
    retry_max_seconds: float = Field(
        300.0,
        gt=0,
        le=86400,
        description="Longest wait between two attempts, in seconds.",
    )

    tts_thread_pool_max_workers: int = Field(
        4,
        ge=1,
        le=256,
        validation_alias="TTS_THREAD_POOL_MAX_WORKERS",
        description="Engine calls at once in one worker process, never more than its cores.",
    )
    tts_generation_timeout: float = Field(
        30.0,
        gt=0,
        le=86400,
        validation_alias="TTS_GENERATION_TIMEOUT",
        description="Longest time that one segment may take, in seconds.",
    )
    voice_preload_timeout: float = Field(
        120.0,
        gt=0,
        le=86400,
        validation_alias="VOICE_PRELOAD_TIMEOUT",
        description="How long loading the default voice at a worker's start may take before the log warns, in seconds.",
    )

    max_concurrent_voice_samples: int = Field(
        10,
        ge=1,
        le=1000,
        validation_alias="MAX_CONCURRENT_VOICE_SAMPLES",
        description="Voice samples that an API process waits for at once; a request for another is refused with 503.",
    )

    @field_validator("api_keys", mode="before")
    @classmethod
    def _keys(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        keys = tuple(KnownKey.configured(part.strip()) for part in value.split(",") if part.strip())
        if len({key.id for key in keys}) < len(keys) or len({key.digest for key in keys}) < len(keys):
            raise ValueError("each name and each key may stand there once")
        return keys

    @field_validator("result_ttl", mode="before")
    @classmethod
    def _duration(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found = _DURATION.fullmatch(value.strip())
        if found is None:
            raise ValueError("must be seconds, or a time such as 90m, 12h or 30d")
        return int(found["count"]) * _SECONDS[found["unit"]]

    @field_validator("rate_limit")
    @classmethod
    def _known_rate(cls, value: str) -> str:
        if value and not _RATE.fullmatch(value):
            raise ValueError("must be a number of requests and a time, such as 60/minute")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _known_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(origin == "*" or _ORIGIN.fullmatch(origin) for origin in value):
            raise ValueError("must be origins such as https://app.example, without a path")
        return value

    @field_validator("allowed_hosts", "cors_origins", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("webhook_secret")
    @classmethod
    def _known_secret(cls, value: SecretStr) -> SecretStr:
        parse_secrets(value.get_secret_value())
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and not value.startswith("sqlite:///"):
            raise ValueError("must begin with sqlite:///; the queue shares the results' file")
        if "?" in value or value.endswith(("sqlite:///", ":memory:")):
            raise ValueError("must name a file and nothing else, such as sqlite:///data/sayathing.db")
        return value

    @field_validator("broker_url")
    @classmethod
    def _known_broker(cls, value: str, info: ValidationInfo) -> str:
        data_dir, database = info.data.get("data_dir"), info.data.get("database_url")
        if not value or data_dir is None or database is None:  # those that do not parse are named
            return value
        results = _file_of(database or f"sqlite:///{data_dir / 'sayathing.db'}")
        if not value.startswith("sqlite:///") or _file_of(value).absolute() != results.absolute():
            raise ValueError(f"must be empty or sqlite:///{results}; the queue shares the results' file")
        return value

    @field_validator("audio_url")
    @classmethod
    def _known_audio(cls, value: str) -> str:
        if value and not value.startswith("file:"):
            raise ValueError("must begin with file:")
        return value

    @classmethod
    def load(cls, **overrides: object) -> Self:
        """The settings of this process.

        Raises:
          BadSettings: one does not parse; the message names it in one line.
        """
        cls._refuse_unknown_names()
        try:
            return cls(**overrides)  # type: ignore[arg-type]  # pydantic checks what the overrides hold
        except ValidationError as error:
            first = error.errors()[0]
            field = str(first["loc"][0]) if first["loc"] else ""
            name = field if field.isupper() else PREFIX + field.upper()
            reason = first["msg"].removeprefix("Value error, ")
            if field in SECRET_FIELDS or "@" in str(first["input"]):  # a URL may hold a password
                raise BadSettings(f"{name}: {reason}") from None
            raise BadSettings(f"{name}: {reason} (it is {first['input']!r})") from error

    @classmethod
    def _refuse_unknown_names(cls) -> None:
        """A setting that is ignored in silence may be the one that was to keep strangers out."""
        known = {PREFIX + field.upper() for field in cls.model_fields}
        given = {name.upper() for name in (*os.environ, *dotenv_values(ENV_FILE))}
        for name in sorted(given - known):
            if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX):
                raise BadSettings(f"{name}: this version has no such setting; docs/settings.md lists them")

    @property
    def results_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'sayathing.db'}"

    @property
    def broker_path(self) -> Path:
        """The SQLite file that the messages wait in: the results' own, so that state and message are one commit."""
        return _file_of(self.results_url)

    @property
    def webhook_keys(self) -> tuple[bytes, ...]:
        """What webhooks are signed with; none where they are not set up."""
        return parse_secrets(self.webhook_secret.get_secret_value())

    @property
    def audio_dir(self) -> Path:
        return Path(self.audio_url.removeprefix("file:")) if self.audio_url else self.data_dir / "audio"

    @property
    def engine_calls(self) -> int:
        """Engine calls at once in one worker process."""
        return max(1, min(self.tts_thread_pool_max_workers, len(os.sched_getaffinity(0))))
