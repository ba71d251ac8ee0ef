"""From an EPUB to an audiobook, through a real service."""

import json
from pathlib import Path

import av
import pytest

from app.cli import run
from tests.support.processes import running_service
from tests.unit.books.epubs import epub, navigation, page


@pytest.mark.integration
def test_an_epub_becomes_an_audiobook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chapters = {
        f"{n}.xhtml": page(f"<h1>Chapter {n}</h1><p>It was evening number {n}.</p><p>The lamp was lit.</p>")
        for n in range(1, 4)
    }
    source = tmp_path / "lamp.epub"
    source.write_bytes(epub(chapters, nav=navigation(*((f"Chapter {n}", f"{n}.xhtml") for n in range(1, 4)))))
    with running_service(tmp_path / "service") as service:
        status = run(["say", "--file", str(source), "-o", str(tmp_path / "lamp.m4b"), "--json", "--url", service.url])
        task = json.loads(capsys.readouterr().out)
    assert status == 0
    assert [chapter["title"] for chapter in task["book"]["chapters"]] == ["Chapter 1", "Chapter 2", "Chapter 3"]
    with av.open(str(tmp_path / "lamp.m4b")) as book:
        assert book.metadata["title"] == "The Lamp & the Sea"
        starts = [float(mark["start"] * mark["time_base"]) for mark in book.chapters()]
        seconds = sum(frame.samples / frame.sample_rate for frame in book.decode(audio=0))
    assert starts == pytest.approx([chapter["start_seconds"] for chapter in task["book"]["chapters"]], abs=0.001)
    items = [item["audio"]["duration_seconds"] for item in task["items"]]
    assert seconds == pytest.approx(sum(items), abs=0.05 * len(items))
    heading, paragraph = 1.0, 0.5
    assert all(duration > heading + paragraph + 2 for duration in items)
