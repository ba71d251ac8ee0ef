"""Settings: each documented, and a bad one named in one line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.domain.access import key_digest
from app.settings import PREFIX, BadSettings, Settings

PROJECT = Path(__file__).parents[2]


def names() -> dict[str, str]:
    """The environment's name of each field."""
    return {
        field: info.validation_alias if isinstance(info.validation_alias, str) else PREFIX + field.upper()
        for field, info in Settings.model_fields.items()
    }


def test_every_setting_has_its_heading_and_default_in_the_documentation() -> None:
    sections = dict(
        re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", (PROJECT / "docs/settings.md").read_text(), re.DOTALL | re.MULTILINE)
    )
    assert sections.keys() == set(names().values())
    for field, name in names().items():
        info = Settings.model_fields[field]
        default = ",".join(info.default) if isinstance(info.default, tuple) else str(info.default)
        assert info.description, name
        assert info.description in sections[name]
        assert f"`{default}`" in sections[name] or (default == "" and "Default: empty." in sections[name])


def test_a_time_that_is_none_names_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAYATHING_RESULT_TTL", "soon")
    with pytest.raises(BadSettings, match="30d"):
        Settings.load(_env_file=None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SAYATHING_PORT", "http"),
        ("SAYATHING_PORT", "70000"),
        ("SAYATHING_DURABILITY", "maybe"),
        ("SAYATHING_ENGINE", "siri"),
        ("SAYATHING_DATABASE_URL", "mysql://x"),
        ("SAYATHING_DATABASE_URL", "sqlite:///x.db?timeout=5"),
        ("SAYATHING_DATABASE_URL", "sqlite:///:memory:"),
        ("SAYATHING_BROKER_URL", "redis://localhost"),
        ("SAYATHING_BROKER_URL", "sqlite:///data/other.db"),
        ("SAYATHING_AUDIO_URL", "ftp://x"),
        ("TTS_GENERATION_TIMEOUT", "-1"),
        ("TTS_THREAD_POOL_MAX_WORKERS", "0"),
        ("VOICE_PRELOAD_TIMEOUT", "soon"),
        ("SAYATHING_RESULT_TTL", "soon"),
        ("SAYATHING_RESULT_TTL", "-5"),
    ],
)
def test_a_bad_setting_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as caught:
        Settings.load(_env_file=None)
    assert str(caught.value).startswith(f"{name}: ")
    assert value in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["SAYATHING_BROKER_URL", "SAYATHING_DATABASE_URL"])
def test_a_password_in_a_url_that_is_refused_is_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "amqp://me:secret@queue")
    with pytest.raises(BadSettings, match=f"^{name}: ") as caught:
        Settings.load(_env_file=None)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("database", "broker"),
    [
        ("", "sqlite:///here/sayathing.db"),
        ("sqlite:///there/my.db", "sqlite:///there/my.db"),
        ("sqlite:////srv/my.db", "sqlite:////srv/my.db"),
    ],
)
def test_the_queue_may_be_named_where_it_is_the_results_file(
    monkeypatch: pytest.MonkeyPatch, database: str, broker: str
) -> None:
    monkeypatch.setenv("SAYATHING_DATA_DIR", "here")
    monkeypatch.setenv("SAYATHING_DATABASE_URL", database)
    monkeypatch.setenv("SAYATHING_BROKER_URL", broker)
    settings = Settings.load(_env_file=None)
    assert settings.broker_path.absolute() == Path(broker.removeprefix("sqlite:///")).absolute()


@pytest.mark.parametrize("where", ["environment", "file"])
def test_a_setting_that_this_version_does_not_have_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "file":
        (tmp_path / ".env").write_text("SAYATHING_API_KYES=secret\n")
    else:
        monkeypatch.setenv("SAYATHING_API_KYES", "secret")
    with pytest.raises(BadSettings, match=r"^SAYATHING_API_KYES: ") as caught:
        Settings.load()
    assert "secret" not in str(caught.value)


def test_keys_have_a_name_and_scopes_where_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = "0123456789abcdefghij", "abcdefghij0123456789"
    monkeypatch.setenv("SAYATHING_API_KEYS", f"{one}, ci={other}:admin+read")
    first, second = Settings.load(_env_file=None).api_keys
    assert (first.scopes, first.digest) == ({"speak", "read"}, key_digest(one))
    assert (second.id, second.name, second.scopes) == ("settings:ci", "ci", {"admin", "read"})


@pytest.mark.parametrize(
    "given",
    ["short-secret", "ci=secret-0123456789abcdef:root", "secret 0123456789abcdefghij", "ci=secret-0123456789abcdef:",
     "a=secret-0123456789abcdef,a=secret-123456789abcdef0", "secret-0123456789abcdef,secret-0123456789abcdef"],
)  # fmt: skip
def test_a_key_that_makes_no_sense_stops_the_start_and_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("SAYATHING_API_KEYS", given)
    with pytest.raises(BadSettings, match=r"^SAYATHING_API_KEYS: ") as caught:
        Settings.load(_env_file=None)
    assert "secret" not in str(caught.value)


def test_settings_come_from_the_environment_and_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("SAYATHING_PORT=9000\nTTS_GENERATION_TIMEOUT=5\nSOMETHING_ELSE=1\n")
    monkeypatch.setenv("SAYATHING_PORT", "9001")
    settings = Settings.load()
    assert (settings.port, settings.tts_generation_timeout) == (9001, 5.0)


def test_allowed_hosts_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAYATHING_ALLOWED_HOSTS", "a.example, b.example")
    assert Settings.load(_env_file=None).allowed_hosts == ("a.example", "b.example")


def test_results_and_messages_share_one_file(tmp_path: Path) -> None:
    settings = Settings.load(_env_file=None, data_dir=tmp_path)
    assert settings.results_url == f"sqlite:///{settings.broker_path}"


@pytest.mark.integration
def test_a_worker_with_a_bad_setting_ends_in_one_clear_line() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "import actors"],
        env={"SAYATHING_PORT": "http"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert re.fullmatch(r"sayathing: SAYATHING_PORT: .*\n", ended.stderr)


@pytest.mark.parametrize(
    ("given", "seconds"), [("0", 0), ("90", 90), ("45s", 45), ("90m", 5400), ("12h", 43200), ("30d", 2592000)]
)
def test_a_time_to_live_is_seconds_or_has_a_unit(monkeypatch: pytest.MonkeyPatch, given: str, seconds: int) -> None:
    monkeypatch.setenv("SAYATHING_RESULT_TTL", given)
    assert Settings.load(_env_file=None).result_ttl == seconds


@pytest.mark.parametrize("given", ["-1", "1w", "d", "1.5h", "9999999999d", "12 h"])
def test_any_other_time_to_live_stops_the_start(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("SAYATHING_RESULT_TTL", given)
    with pytest.raises(BadSettings, match="SAYATHING_RESULT_TTL"):
        Settings.load(_env_file=None)
