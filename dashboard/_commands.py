"""What was done on a page, as a command to do it again: curl, Python, JavaScript."""

import json
import shlex
from collections.abc import Mapping

from ._values import ItemView, TaskView

CHARACTERS = 20_000
"""Of longer tasks no command is shown: nobody pastes a book into a terminal."""


def commands(task: TaskView, base_url: str) -> Mapping[str, str]:
    """By the name of the language; empty where a text is hidden or all of them together are too long."""
    if any(item.text_hidden for item in task.items) or sum(len(item.text) for item in task.items) > CHARACTERS:
        return {}
    return said(request_of(task), base_url)


def request_of(task: TaskView) -> dict[str, object]:
    """The body of POST /api/tts that asks for the same, without what is the default anyway."""
    items = [_item(item) for item in task.items]
    body: dict[str, object] = dict(items[0]) if len(items) == 1 else {"items": items}
    return body if task.priority == "normal" else {**body, "priority": task.priority}


def said(body: Mapping[str, object], base_url: str) -> dict[str, str]:
    url = f"{base_url}api/tts"
    compact = json.dumps(body, ensure_ascii=False)
    return {
        "curl": f"curl {shlex.quote(url)} -H 'Content-Type: application/json' -d {shlex.quote(compact)}",
        "Python": f"import httpx\n\nanswer = httpx.post({url!r}, json={dict(body)!r})\n"
        'print(answer.raise_for_status().json()["task_id"])',
        "JavaScript": f"const answer = await fetch({json.dumps(url)}, {{\n"
        '  method: "POST",\n  headers: { "Content-Type": "application/json" },\n'
        f"  body: JSON.stringify({compact}),\n}});\nconsole.log((await answer.json()).task_id);",
    }


def _item(item: ItemView) -> dict[str, object]:
    said = {"text": item.text, "voice": item.voice, "format": item.format}
    numbers = {name: value for name, value in (("speed", item.speed), ("volume", item.volume)) if value != 1.0}
    return {**said, **numbers}
