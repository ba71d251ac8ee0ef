import os
from pathlib import Path
from typing import BinaryIO

import pytest

from app.cli.errors import CommandFailed
from app.cli.files import make_writable, name_for, write_new, write_over


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Nothing is lost.", "nothing-is-lost-ID.wav"),
        ("[pause:1.5s] Say [tomato](/təmˈɑːtəʊ/) twice", "say-tomato-twice-ID.wav"),
        ("../../etc/passwd", "etc-passwd-ID.wav"),
        ("世界 こんにちは", "世界-こんにちは-ID.wav"),
        ("...", "ID.wav"),
        ("one two three four five six seven eight nine ten eleven", "one-two-three-four-five-six-seven-eight-ID.wav"),
        ("x" * 5000, f"{'x' * 40}-ID.wav"),
    ],
)
def test_a_name_is_made_of_the_first_words(text: str, name: str) -> None:
    assert name_for(text, "ID", "wav") == name


@pytest.mark.parametrize("text", ["\U0001f600" * 500, "世" * 500, "a\0b/c\nd"])
def test_every_text_gives_a_name_that_can_be_used(text: str, tmp_path: Path) -> None:
    (tmp_path / name_for(text, "01KAQ8J3Y0000000000000TASK", "wav")).touch()


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    path.write_bytes(b"before")

    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    for write in (write_over, write_new):
        with pytest.raises(CommandFailed, match="No space left"):
            write(path, fail)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("out.wav", b"before")]


def test_a_file_may_be_read_by_whom_the_mask_lets(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        write_over(tmp_path / "out.wav", lambda file: None)
    finally:
        os.umask(mask)
    assert (tmp_path / "out.wav").stat().st_mode & 0o777 == 0o644


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandFailed, match=str(tmp_path / "file" / "data")):
        make_writable(tmp_path / "file" / "data")
