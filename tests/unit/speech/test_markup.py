import json
from pathlib import Path

import pytest

from actors.speech.plain_text import without_markup
from app.api.problems import Problem
from app.api.speech_requests import parse_speech_request
from app.services.list_voices import VoiceDirectory


@pytest.mark.parametrize(
    ("markup", "is_markup"),
    [
        ("[a](/b/)", True),
        (f"[{'a' * 100}](/{'b' * 100}/)", True),
        (f"[{'a' * 101}](/b/)", False),
        (f"[a](/{'b' * 101}/)", False),
        ("[a](//)", False),
        ("[](/b/)", False),
    ],
)
def test_what_the_api_takes_for_phonemes_the_engine_does_too(tmp_path: Path, markup: str, is_markup: bool) -> None:
    body = json.dumps({"text": f"Say {markup} now.", "voice": "espeak-de"}).encode()
    try:
        parse_speech_request(body, VoiceDirectory(tmp_path, "auto"), 10_000)
        refused = False
    except Problem:
        refused = True
    assert (refused, without_markup(markup) != markup) == (is_markup, is_markup)
