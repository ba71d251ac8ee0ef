"""From values to HTML: each page as a method, with the headers that every page carries."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from . import _words as words
from ._safety import PAGE_HEADERS
from ._static import StaticFiles
from ._values import FINISHED, STATES, Choices, SpeakForm, TaskPage, TaskQuery, TaskView

TEMPLATES = Path(__file__).parent / "templates"

ITEMS_SHOWN = 50
MOMENTS_SHOWN = 100
DROPS_SHOWN = 20
TEXT_CHARACTERS_SHOWN = 4000
EXCERPT_CHARACTERS = 90
LONGEST_CUT_WORD = 16

BUSY_LIST_SECONDS = 3
BUSY_TASK_SECONDS = 1
"""How often a live page looks at progress, which is no transition and so no event."""


class Pages:
    """The pages. `clock` tells seconds since the Unix epoch.

    A page that is `live_only` holds just the parts that change, for a page that is open already.
    """

    def __init__(self, static: StaticFiles, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            duration=words.duration,
            roughly=words.roughly,
            clock=words.clock,
            iso=words.iso,
            number=words.number,
            counted=words.counted,
            size=words.size,
            excerpt=excerpt,
        )
        self._environment.globals.update(
            static_url=static.url, list_url=words.list_url, STATES=STATES, FINISHED=FINISHED
        )

    def tasks(
        self,
        page: TaskPage,
        wanted: TaskQuery,
        choices: Choices | None,
        *,
        base_url: str = "",
        form: SpeakForm | None = None,
        problems: Mapping[str, str] | None = None,
    ) -> Response:
        """The list. Without `choices` only its live parts; `problems` stand beside the fields of `form`."""
        is_busy = any(line.state == "processing" for line in page.lines)
        return self._page(
            "tasks.html",
            422 if problems else 200,
            live_only=choices is None,
            page=page,
            wanted=wanted,
            counts=page.counts,
            total=words.total(page.counts) if page.counts is not None else None,
            refresh_seconds=BUSY_LIST_SECONDS if is_busy else None,
            choices=choices,
            voices=words.by_language(choices) if choices else [],
            base_url=base_url,
            form=form or SpeakForm(voice=choices.default_voice if choices else ""),
            problems=problems or {},
            is_filtered=bool(wanted.state or wanted.text or wanted.cursor),
        )

    def task(self, task: TaskView, *, first_item: int = 0, live_only: bool = False) -> Response:
        """One task, with its items from `first_item` on."""
        steps = words.steps(task.moments, self._clock())
        return self._page(
            "task.html",
            live_only=live_only,
            task=task,
            items=task.items[first_item : first_item + ITEMS_SHOWN],
            first_item=first_item,
            items_shown=ITEMS_SHOWN,
            steps=steps[-MOMENTS_SHOWN:],
            steps_left_out=max(0, len(steps) - MOMENTS_SHOWN),
            drops_shown=DROPS_SHOWN,
            text_shown=TEXT_CHARACTERS_SHOWN,
            refresh_seconds=BUSY_TASK_SECONDS if task.state == "processing" else None,
        )

    def notice(self, status: int, title: str, detail: str, *, task_id: str | None = None) -> Response:
        """A page that says why not, and where to go from here."""
        return self._page("notice.html", status, title=title, detail=detail, task_id=task_id)

    def _page(self, name: str, status: int = 200, *, live_only: bool = False, **values: object) -> Response:
        now = self._clock()
        html = self._environment.get_template(name).render(
            live_only=live_only,
            layout="part.html" if live_only else "layout.html",
            now=now,
            age=lambda at: words.age(at, now),
            **values,
        )
        return Response(
            html.encode(errors="replace"),  # a lone surrogate in somebody's text must not cost the page
            status,
            headers=PAGE_HEADERS,
            media_type="text/html; charset=utf-8",
        )


def excerpt(text: str, length: int = EXCERPT_CHARACTERS) -> str:
    """The beginning of a text on one line, cut between words where there is such a place near the end."""
    line = " ".join(text[: length * 2].split())
    if len(line) <= length and len(text) <= length * 2:
        return line
    cut = line[:length]
    between = cut.rfind(" ", length - LONGEST_CUT_WORD) if line[length : length + 1].strip() else -1
    return (cut[:between] if between > 0 else cut).rstrip() + "…"
