"""What was done on a page, as a command to do it again: curl, Python, JavaScript."""

import json
import shlex
from collections.abc import Mapping

from ._values import ItemView, TaskView

CHARACTERS = 20_000
"""Of longer tasks no command is shown: nobody pastes a book into a terminal."""

KEY_VARIABLE = "SAYATHING_API_KEY"
"""Where a command looks for the key that the service wants: none is ever written into one."""


def commands(task: TaskView, base_url: str, *, by_key: bool) -> Mapping[str, str]:
    """By the name of the language; empty where a text is hidden or all of them together are too long."""
    if any(item.text_hidden for item in task.items) or sum(len(item.text) for item in task.items) > CHARACTERS:
        return {}
    return said(request_of(task), base_url, by_key=by_key)


def request_of(task: TaskView) -> dict[str, object]:
    """The body of POST /api/tts that asks for the same, without what is the default anyway."""
    items = [_item(item) for item in task.items]
    body: dict[str, object] = dict(items[0]) if len(items) == 1 else {"items": items}
    return body if task.priority == "normal" else {**body, "priority": task.priority}


def said(body: Mapping[str, object], base_url: str, *, by_key: bool) -> dict[str, str]:
    """The commands that post the body; where it goes `by_key`, they show the one of the environment."""
    url = f"{base_url}api/tts"
    return {
        "curl": _curl(url, body, by_key=by_key),
        "Python": _python(url, body, by_key=by_key),
        "JavaScript": _javascript(url, body, by_key=by_key),
    }


def _curl(url: str, body: Mapping[str, object], *, by_key: bool) -> str:
    key = f' -H "Authorization: Bearer ${KEY_VARIABLE}"' if by_key else ""
    text = shlex.quote(json.dumps(body, ensure_ascii=False))
    return f"curl {shlex.quote(url)}{key} -H 'Content-Type: application/json' --data-binary {text}"


def _python(url: str, body: Mapping[str, object], *, by_key: bool) -> str:
    imports = "import os\n\nimport httpx\n" if by_key else "import httpx\n"
    key = f'headers = {{"Authorization": "Bearer " + os.environ["{KEY_VARIABLE}"]}}\n' if by_key else ""
    headers = ", headers=headers" if by_key else ""
    return (
        f"{imports}\n{key}answer = httpx.post({url!r}, json={dict(body)!r}{headers})\n"
        'print(answer.raise_for_status().json()["task_id"])'
    )


def _javascript(url: str, body: Mapping[str, object], *, by_key: bool) -> str:
    key = f", Authorization: `Bearer ${{process.env.{KEY_VARIABLE}}}`" if by_key else ""
    return (
        f"const answer = await fetch({json.dumps(url)}, {{\n"
        f'  method: "POST",\n  headers: {{ "Content-Type": "application/json"{key} }},\n'
        f"  body: JSON.stringify({json.dumps(body, ensure_ascii=False)}),\n}});\n"
        "console.log((await answer.json()).task_id);"
    )


def _item(item: ItemView) -> dict[str, object]:
    said = {"text": item.text, "voice": item.voice, "format": item.format}
    numbers = {name: value for name, value in (("speed", item.speed), ("volume", item.volume)) if value != 1.0}
    return {**said, **numbers}
