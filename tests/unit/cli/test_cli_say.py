import hashlib
import io
import json
import sys
from pathlib import Path

import pytest

from app.domain.voices import UnknownVoice, VoiceMix
from tests.unit.cli.conftest import Sayathing
from tests.unit.cli.fake_service import AUDIO, TASK_ID, Answer, FakeService, task_document


def posted(service: FakeService) -> dict[str, object]:
    (body,) = (body for request, body in service.asked if request == "POST /api/tts")
    assert isinstance(body, dict)
    return body


def test_the_last_line_is_the_path_of_the_audio(service: FakeService, sayathing: Sayathing, tmp_path: Path) -> None:
    ended = sayathing("say", "Nothing is lost.", "--url", service.url)
    assert (ended.status, ended.err) == (0, "")
    path = tmp_path / f"nothing-is-lost-{TASK_ID}.wav"
    assert ended.out.splitlines()[-1] == str(path)
    assert path.read_bytes() == AUDIO
    assert list(tmp_path.iterdir()) == [path]


def test_only_what_is_given_is_sent(service: FakeService, sayathing: Sayathing) -> None:
    sayathing("say", "Hello", "--url", service.url)
    assert posted(service) == {"text": "Hello"}


def test_every_option_is_sent(service: FakeService, sayathing: Sayathing) -> None:
    options = ["--voice", "af_sky", "--speed", "1.5", "--volume", "0.5", "--format", "mp3", "--priority", "bulk"]
    sayathing("say", "Hello", *options, "--url", service.url)
    assert posted(service) == {
        "text": "Hello",
        "voice": "af_sky",
        "speed": 1.5,
        "volume": 0.5,
        "format": "mp3",
        "priority": "bulk",
    }


def test_the_suffix_chooses_the_format_and_an_unknown_one_leaves_it_to_the_option(
    service: FakeService, sayathing: Sayathing
) -> None:
    sayathing("say", "Hello", "-o", "a.MP3", "--url", service.url)
    assert posted(service)["format"] == "mp3"
    service.asked.clear()
    sayathing("say", "Hello", "-o", "a.sound", "--format", "wav", "--url", service.url)
    assert posted(service)["format"] == "wav"


def test_a_named_file_is_replaced_and_a_default_one_never(
    service: FakeService, sayathing: Sayathing, tmp_path: Path
) -> None:
    for path in (tmp_path / "out.wav", tmp_path / f"hello-{TASK_ID}.wav"):
        path.write_bytes(b"before")
    assert sayathing("say", "Hello", "-o", "out.wav", "--url", service.url).out == f"{tmp_path / 'out.wav'}\n"
    assert (tmp_path / "out.wav").read_bytes() == AUDIO
    assert sayathing("say", "Hello", "--url", service.url).out == f"{tmp_path / f'hello-{TASK_ID}-2.wav'}\n"
    assert (tmp_path / f"hello-{TASK_ID}.wav").read_bytes() == b"before"


def test_damaged_audio_leaves_the_old_file(service: FakeService, sayathing: Sayathing, tmp_path: Path) -> None:
    (tmp_path / "out.wav").write_bytes(b"before")
    service.prepare(f"GET /tasks/{TASK_ID}/audio", Answer(body=b"noise"))
    ended = sayathing("say", "Hello", "-o", "out.wav", "--url", service.url)
    assert (ended.status, ended.out) == (1, "")
    assert "damaged" in ended.err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"out.wav": b"before"}


@pytest.mark.parametrize("text", ["Grüße, 世界", "\ufeffGrüße, 世界"])
def test_text_comes_from_a_file_or_standard_input(
    service: FakeService, sayathing: Sayathing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "text").write_text(text, encoding="utf-8")
    sayathing("say", "--file", "text", "--url", service.url)
    assert posted(service)["text"] == "Grüße, 世界"
    service.asked.clear()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="ascii"))
    sayathing("say", "-", "--url", service.url)
    assert posted(service)["text"] == "Grüße, 世界"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Give the text"),
        (["Hello", "--file", "text"], "Give the text"),
        (["--file", "missing"], "Cannot read missing: No such file"),
        (["--file", "latin"], "Cannot read latin: It is not UTF-8 (byte 2)"),
        (["bad \udcff text"], "The text is not UTF-8 (byte 4)"),
        (["Hello", "-o", "a.txt"], ".txt names no audio format"),
        (["Hello", "-o", "a.wav", "--format", "mp3"], "a.wav is named as wav, and --format says mp3"),
        (["Hello", "-o", "nowhere/a.wav"], "There is no folder nowhere"),
        (["Hello", "--priority", "first"], "--priority"),
        (["Hello", "--url", "example"], "is no URL"),
    ],
)
def test_wrong_use_is_told_before_anything_is_asked(
    sayathing: Sayathing, tmp_path: Path, arguments: list[str], told: str
) -> None:
    (tmp_path / "latin").write_bytes(b"Gr\xfc\xdfe")
    ended = sayathing("say", *arguments)
    assert ended.status == 2
    assert told in ended.err
    assert ended.out == ""


def test_a_problem_is_told_with_each_of_its_errors(service: FakeService, sayathing: Sayathing) -> None:
    errors = [{"pointer": "/speed", "detail": "At most 2."}, {"pointer": "/voice", "detail": "Unknown."}]
    service.prepare("POST /api/tts", Answer(422, {"detail": "2 fields do not fit.", "errors": errors}))
    ended = sayathing("say", "Hello", "--url", service.url)
    assert ended.status == 2
    assert ended.err == "sayathing: 2 fields do not fit.\n  --speed: At most 2.\n  --voice: Unknown.\n"


def test_an_unknown_voice_is_told_once_with_the_option_and_the_command(
    service: FakeService, sayathing: Sayathing
) -> None:
    with pytest.raises(UnknownVoice) as told:
        VoiceMix.parse("bob")
    errors = [{"pointer": "/voice", "detail": str(told.value)}]
    service.prepare("POST /api/tts", Answer(422, {"detail": f"/voice: {told.value}", "errors": errors}))
    ended = sayathing("say", "Hello", "--voice", "bob", "--url", service.url)
    assert ended.err == "sayathing: --voice: There is no voice 'bob'. `sayathing voices` lists them.\n"


def test_a_failed_task_ends_with_1_and_its_reason(service: FakeService, sayathing: Sayathing, tmp_path: Path) -> None:
    error = {"type": "voice-unavailable", "title": "No", "detail": "The voice is gone."}
    service.prepare(f"GET /tasks/{TASK_ID}", Answer(body=task_document("discarded", error=error)))
    ended = sayathing("say", "Hello", "--url", service.url)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err == f"sayathing: Task {TASK_ID} is discarded: The voice is gone.\n"
    assert not list(tmp_path.iterdir())


def test_json_is_the_task_and_its_path(service: FakeService, sayathing: Sayathing, tmp_path: Path) -> None:
    ended = sayathing("say", "Hello", "-o", "out.wav", "--json", "--url", service.url)
    assert json.loads(ended.out) == {**task_document(), "path": str(tmp_path / "out.wav")}


def test_nobody_at_the_url_ends_with_3(sayathing: Sayathing) -> None:
    ended = sayathing("say", "Hello", "--url", "http://127.0.0.1:1")
    assert (ended.status, ended.err) == (3, "sayathing: No service answers at http://127.0.0.1:1.\n")


def test_ctrl_c_tells_how_to_get_the_task_later(
    service: FakeService, sayathing: Sayathing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("app.cli.client.Service.look", interrupt)
    ended = sayathing("say", "Hello", "--url", service.url)
    assert ended.status == 130
    assert f"sayathing tasks wait {TASK_ID}" in ended.err
    assert f"sayathing tasks audio {TASK_ID}" in ended.err
    assert "Traceback" not in ended.err


def test_play_without_a_player_names_some_and_keeps_the_file(
    service: FakeService, sayathing: Sayathing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ended = sayathing("say", "Hello", "-o", "out.wav", "--play", "--url", service.url)
    assert ended.status == 1
    assert "ffplay" in ended.err
    assert ended.out.splitlines()[-1] == str(tmp_path / "out.wav")
    assert hashlib.sha256((tmp_path / "out.wav").read_bytes()).digest() == hashlib.sha256(AUDIO).digest()


def test_play_runs_the_first_player_found(
    service: FakeService, sayathing: Sayathing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for player in ("aplay", "paplay"):
        script = tmp_path / player
        script.write_text(f'#!/bin/sh\necho "{player} $@" > {tmp_path}/played\n')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sayathing("say", "Hello", "-o", "out.wav", "--play", "--url", service.url).status == 0
    assert (tmp_path / "played").read_text() == f"paplay {tmp_path / 'out.wav'}\n"
