"""docs/command-line.md names every command and every option."""

from pathlib import Path

import pytest
import typer.main

from app.cli.commands import cli

PAGE = (Path(__file__).parents[3] / "docs" / "command-line.md").read_text()


def commands() -> dict[str, list[str]]:
    """Each command by its whole name, and its options."""
    found: dict[str, list[str]] = {}

    def visit(command: object, name: str) -> None:
        inner = getattr(command, "commands", None)
        if inner:
            for each in inner.values():
                visit(each, f"{name} {each.name}")
        else:
            parameters = getattr(command, "params", [])
            found[name] = [option for parameter in parameters for option in parameter.opts if option.startswith("-")]

    visit(typer.main.get_command(cli), "sayathing")
    return found


def test_there_are_commands() -> None:
    assert {"sayathing serve", "sayathing tasks wait"} <= commands().keys()


@pytest.mark.parametrize("name", commands())
def test_a_command_and_its_options_are_documented(name: str) -> None:
    assert f"`{name}" in PAGE
    heading = "## " + " ".join(name.split()[:2])
    section = PAGE.partition(heading + "\n")[2].partition("\n## ")[0]
    assert section, heading
    missing = [option for option in commands()[name] if f"`{option}`" not in section]
    assert not missing
