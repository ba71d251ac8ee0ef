"""The programs that the documentation shows, cut out of its fenced blocks so that they can be run."""

import json
import re
import shlex
from dataclasses import dataclass

from tests.support.processes import PROJECT

SERVICE = re.compile(r"(?:localhost|127\.0\.0\.1):8000")
TASK_ID = re.compile(r"01K(?:…|\.\.\.|[0-9A-Z]{23})")

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `line` is that of its first line of text."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def at(text: str, url: str, task_id: str) -> str:
    """The text, with a service and a task that exist in the place of the documented ones."""
    return TASK_ID.sub(task_id, SERVICE.sub(url.removeprefix("http://"), text))


@dataclass(frozen=True, slots=True)
class Command:
    """What is typed, and what the documentation says is answered."""

    typed: str
    answer: str

    def is_answered_by(self, output: str) -> bool:
        """Whether the output is what is documented: JSON with the same names, or the same text where `…` and `...`
        stand for any."""
        if not self.answer:
            return True
        try:
            documented = json.loads(self.answer)
        except ValueError:
            parts = re.split(r"\s*(?:…|\.\.\.)\s*", TASK_ID.sub("…", self.answer))
            return re.fullmatch(".*".join(map(re.escape, parts)), output.strip(), re.DOTALL) is not None
        return set(documented) == set(json.loads(output))


def blocks(page: str, *languages: str) -> list[Block]:
    """The blocks of a page in one of the languages, without the indentation of a list that they stand in."""
    text = (PROJECT / page).read_text()
    return [
        Block(
            page,
            text.count("\n", 0, found.start("text")) + 1,
            found["language"],
            re.sub(f"^{found['indent']}", "", found["text"], flags=re.MULTILINE),
        )
        for found in _FENCE.finditer(text)
        if found["language"] in languages
    ]


def console(text: str) -> list[Command]:
    """The commands after each `$`, over as many lines as they take, and the answers below them."""
    commands: list[Command] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            commands.append(Command(line.removeprefix("$ "), ""))
            continue
        last = commands.pop()
        if _goes_on(last.typed):
            commands.append(Command(f"{last.typed}\n{line}", ""))
        else:
            commands.append(Command(last.typed, f"{last.answer}\n{line}".strip()))
    return commands


def _goes_on(typed: str) -> bool:
    try:
        shlex.split(typed, comments=True)
    except ValueError:  # a quotation without its end, or a backslash at the end
        return True
    return typed.endswith("\\")
