"""`say --file` with books: chapters, formats, folders, voices."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.books.epubs import epub, navigation, page
from tests.unit.cli.conftest import Sayathing
from tests.unit.cli.fake_service import AUDIO, TASK_ID, Answer, FakeService, task_document

SHA256 = hashlib.sha256(AUDIO).hexdigest()
VOICES = [
    {"id": "espeak-de", "language": "de", "engine": "espeak", "grade": None, "available": True},
    {"id": "espeak-fr", "language": "fr-fr", "engine": "espeak", "grade": None, "available": True},
    {"id": "ff_siwis", "language": "fr-fr", "engine": "kokoro", "grade": "B-", "available": True},
    {"id": "zf_xiaobei", "language": "cmn", "engine": "kokoro", "grade": "D", "available": False},
    {"id": "espeak-cmn", "language": "cmn", "engine": "espeak", "grade": None, "available": True},
]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    pages = {
        "1.xhtml": page("<h1>One: a/b</h1><p>First.</p>"),
        "2.xhtml": page("<h1>Two</h1><p>Second.</p><pre><code>x</code></pre>"),
    }
    path = tmp_path / "lamp.epub"
    path.write_bytes(epub(pages, nav=navigation(("One: a/b", "1.xhtml"), ("Two", "2.xhtml"))))
    return path


def audio(url: str, audio_format: str) -> dict[str, Any]:
    return {"url": url, "format": audio_format, "sha256": SHA256, "bytes": len(AUDIO)}


def posted(service: FakeService) -> dict[str, Any]:
    (body,) = (body for request, body in service.asked if request == "POST /api/tts")
    assert isinstance(body, dict)
    return body


def test_a_book_becomes_one_m4b_with_its_titles(
    service: FakeService, sayathing: Sayathing, book: Path, tmp_path: Path
) -> None:
    told = {"title": "The Lamp & the Sea", "audio": audio(f"/tasks/{TASK_ID}/audio", "m4b")}
    service.prepare(f"GET /tasks/{TASK_ID}", Answer(body=task_document(book=told)))
    ended = sayathing("say", "--file", str(book), "-o", "book.m4b", "--url", service.url)
    assert (ended.status, ended.out) == (0, f"{tmp_path / 'book.m4b'}\n")
    assert "not read aloud: code blocks (1)" in ended.err
    assert (tmp_path / "book.m4b").read_bytes() == AUDIO
    assert posted(service) == {
        "items": [{"text": "One: a/b\n\nFirst."}, {"text": "Two\n\nSecond."}],
        "format": "m4b",
        "book": {
            "title": "The Lamp & the Sea",
            "author": "Ann Author",
            "language": "en-gb",
            "chapters": ["One: a/b", "Two"],
        },
    }


def test_in_another_format_a_book_is_one_text(service: FakeService, sayathing: Sayathing, book: Path) -> None:
    assert sayathing("say", "--file", str(book), "-o", "book.mp3", "--url", service.url).status == 0
    assert posted(service) == {"text": "One: a/b\n\nFirst.\n\nTwo\n\nSecond.", "format": "mp3"}


def test_in_a_folder_each_chapter_is_a_file(
    service: FakeService, sayathing: Sayathing, book: Path, tmp_path: Path
) -> None:
    items = []
    for index in (0, 1):
        url = f"/tasks/{TASK_ID}/items/{index}/audio"
        service.prepare(f"GET {url}", Answer(body=AUDIO))
        items.append({**task_document()["items"][0], "index": index, "audio": audio(url, "mp3")})
    service.prepare(f"GET /tasks/{TASK_ID}", Answer(body=task_document(items=items, item_count=2)))
    (tmp_path / "out").mkdir()
    ended = sayathing("say", "--file", str(book), "-o", "out", "--format", "mp3", "--url", service.url)
    assert ended.out.splitlines() == [str(tmp_path / "out" / "1-one-a-b.mp3"), str(tmp_path / "out" / "2-two.mp3")]
    assert [path.read_bytes() for path in sorted((tmp_path / "out").iterdir())] == [AUDIO, AUDIO]
    assert posted(service) == {"items": [{"text": "One: a/b\n\nFirst."}, {"text": "Two\n\nSecond."}], "format": "mp3"}
    ended = sayathing("say", "--file", str(book), "-o", "out", "--format", "mp3", "--json", "--url", service.url)
    assert len(json.loads(ended.out)["paths"]) == 2


def test_a_text_may_go_into_a_folder_too(service: FakeService, sayathing: Sayathing, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    ended = sayathing("say", "Hello", "-o", "out", "--url", service.url)
    assert ended.out == f"{tmp_path / 'out' / f'hello-{TASK_ID}.wav'}\n"


def test_a_new_file_is_named_after_the_book(service: FakeService, sayathing: Sayathing, book: Path) -> None:
    ended = sayathing("say", "--file", str(book), "--url", service.url)
    assert ended.out.strip().endswith(f"/the-lamp-the-sea-{TASK_ID}.wav")


@pytest.mark.parametrize(
    ("language", "options", "voice", "told"),
    [
        ("de", [], "espeak-de", "'de': espeak-de reads it"),
        ("fr", [], "ff_siwis", "ff_siwis reads it"),
        ("zh-hans", [], "espeak-cmn", "espeak-cmn reads it"),
        ("tlh", [], None, "no voice here speaks it"),
        ("en", [], None, ""),
        ("de", ["--voice", "espeak-fr"], "espeak-fr", ""),
    ],
)
def test_a_book_is_read_by_a_voice_of_its_language(
    service: FakeService,
    sayathing: Sayathing,
    tmp_path: Path,
    language: str,
    options: list[str],
    voice: str | None,
    told: str,
) -> None:
    service.prepare("GET /tts/voices", Answer(body={"voices": VOICES}))
    (tmp_path / "a.md").write_text(f"---\nlang: {language}\n---\nText.\n")
    ended = sayathing("say", "--file", "a.md", *options, "--url", service.url)
    assert ended.status == 0
    assert posted(service).get("voice") == voice
    assert told in ended.err
    assert bool(told) == bool(ended.err)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.epub", b"no zip", "Cannot read a.epub: It is no EPUB"),
        ("a.pdf", b"%PDF-1.4", "Cannot read a.pdf: It is a PDF"),
        ("a.txt", b" \n", "Cannot read a.txt: There is no text in it"),
    ],
)
def test_what_cannot_be_read_is_wrong_use(
    sayathing: Sayathing, tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    ended = sayathing("say", "--file", name)
    assert ended.status == 2
    assert told in ended.err
