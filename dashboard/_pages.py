"""From values to HTML: each page as a method, with the headers that every page carries."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from . import _words as words
from ._charts import CHARTS, chart_data
from ._commands import commands, said
from ._filters import Filter, bar_of
from ._safety import page_headers
from ._service_values import (
    SPANS,
    About,
    DeadLetterPage,
    Overview,
    QueueView,
    Rights,
    Span,
    VoiceCard,
    WorkerView,
)
from ._static import StaticFiles
from ._values import ACTIONS, FINISHED, STATES, Action, Choices, Count, SpeakForm, TaskPage, TaskView

TEMPLATES = Path(__file__).parent / "templates"

ITEMS_SHOWN = 50
MOMENTS_SHOWN = 100
DROPS_SHOWN = 20
TEXT_CHARACTERS_SHOWN = 4000

DOWNLOADS = ("mp3", "wav", "flac", "opus", "aac", "m4b")
"""What a finished text can be downloaded as."""

BUSY_LIST_SECONDS = 3
BUSY_TASK_SECONDS = 1
"""How often a live page looks at progress, which is no transition and so no event."""

SERVICE_SECONDS = 5
"""How often a live page looks at what no event tells of: queues, workers, rates."""

OLD_HEARTBEAT_SECONDS = 60
"""Workers note that they are alive every 15 seconds; one that missed this many is worth a warning."""

NAVIGATION = (
    ("/dashboard", "Overview", "o"),
    ("/dashboard/tasks", "Tasks", "t"),
    ("/dashboard/speak", "Speak", "s"),
    ("/dashboard/voices", "Voices", "v"),
    ("/dashboard/queues", "Queues", "q"),
    ("/dashboard/workers", "Workers", "w"),
    ("/dashboard/dead", "Dead letters", "d"),
    ("/dashboard/about", "About", "a"),
)
"""The pages: where, what, and the key after `g`."""

FOR_ADMINISTRATORS = frozenset({"/dashboard/queues", "/dashboard/workers", "/dashboard/dead", "/dashboard/about"})


class Pages:
    """The pages. `clock` tells seconds since the Unix epoch, `rights` what the visitor may do.

    A page that is `live_only` holds just the parts that change, for a page that is open already.
    """

    def __init__(
        self, static: StaticFiles, rights: Callable[[], Rights], clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._rights = rights
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
            rate=words.rate,
            size=words.size,
            excerpt=words.excerpt,
            with_code=words.with_code,
        )
        self._environment.globals.update(
            static_url=static.url,
            bar_of=bar_of,
            STATES=STATES,
            FINISHED=FINISHED,
            ACTIONS=ACTIONS,
            formats=DOWNLOADS,
            NAVIGATION=NAVIGATION,
            FOR_ADMINISTRATORS=FOR_ADMINISTRATORS,
        )

    def overview(self, overview: Overview, span: Span, *, base_url: str, live_only: bool) -> Response:
        return self._page(
            "overview.html",
            live_only=live_only,
            overview=overview,
            history=overview.history,
            counts=overview.counts,
            total=words.total(overview.counts),
            span=span,
            spans=SPANS,
            charts=CHARTS,
            chart_data={chart.name: chart_data(chart, overview.history) for chart in CHARTS},
            old_heartbeat_seconds=OLD_HEARTBEAT_SECONDS,
            refresh_seconds=SERVICE_SECONDS,
            base_url=base_url,
        )

    def tasks(
        self, page: TaskPage, wanted: Filter, *, base_url: str, live_only: bool = False, done: str | None = None
    ) -> Response:
        """The list; `done` says what an action on many tasks did just now."""
        is_busy = any(line.state == "processing" for line in page.lines)
        return self._page(
            "tasks.html",
            live_only=live_only,
            page=page,
            wanted=wanted,
            counts=page.counts,
            total=words.total(page.counts) if page.counts is not None else None,
            refresh_seconds=BUSY_LIST_SECONDS if is_busy else None,
            base_url=base_url,
            done=done,
            is_filtered=bool(wanted.state or wanted.bar or wanted.cursor),
        )

    def confirm(
        self, action: Action, wanted: Filter, ids: Sequence[str], matched: Count, changed: Count | None
    ) -> Response:
        """Asks once more before something is done to many tasks; `changed` is None where that is not known yet."""
        return self._page(
            "confirm.html",
            action=action,
            wanted=wanted,
            ids=ids,
            matched=matched,
            changed=changed,
            meant=changed or matched,
        )

    def speak(
        self, choices: Choices, form: SpeakForm, *, base_url: str, problems: Mapping[str, str] | None = None
    ) -> Response:
        """The form; `problems` stand beside its fields."""
        return self._page(
            "speak.html",
            422 if problems else 200,
            choices=choices,
            voices=words.by_language(choices),
            form=form,
            problems=problems or {},
            commands=said({"text": "Hello", "voice": choices.default_voice}, base_url, by_key=self._rights().by_key),
        )

    def task(self, task: TaskView, *, base_url: str, first_item: int = 0, live_only: bool = False) -> Response:
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
            attempts=words.attempts(steps),
            drops_shown=DROPS_SHOWN,
            text_shown=TEXT_CHARACTERS_SHOWN,
            commands={} if live_only else commands(task, base_url, by_key=self._rights().by_key),
            refresh_seconds=BUSY_TASK_SECONDS if task.state == "processing" else None,
        )

    def voices(self, cards: Sequence[VoiceCard]) -> Response:
        return self._page("voices.html", cards=cards, languages=sorted({card.language_name for card in cards}))

    def queues(self, queues: Sequence[QueueView], *, live_only: bool) -> Response:
        return self._page("queues.html", live_only=live_only, queues=queues, refresh_seconds=SERVICE_SECONDS)

    def workers(self, workers: Sequence[WorkerView], *, live_only: bool) -> Response:
        return self._page(
            "workers.html",
            live_only=live_only,
            workers=workers,
            refresh_seconds=SERVICE_SECONDS,
            old_heartbeat_seconds=OLD_HEARTBEAT_SECONDS,
        )

    def dead_letters(self, page: DeadLetterPage, after: int, *, done: int | None) -> Response:
        return self._page("dead.html", page=page, after=after, done=done)

    def about(self, about: About) -> Response:
        return self._page("about.html", about=about)

    def notice(self, status: int, title: str, detail: str, *, task_id: str | None = None) -> Response:
        """A page that says why not, and where to go from here."""
        return self._page("notice.html", status, title=title, detail=detail, task_id=task_id)

    def _page(self, name: str, status: int = 200, *, live_only: bool = False, **values: object) -> Response:
        now = self._clock()
        nonce = secrets.token_urlsafe(16)
        html = self._environment.get_template(name).render(
            live_only=live_only,
            layout="part.html" if live_only else "layout.html",
            now=now,
            nonce=nonce,
            rights=self._rights(),
            age=lambda at: words.age(at, now),
            **values,
        )
        return Response(
            html.encode(errors="replace"),  # a lone surrogate in somebody's text must not cost the page
            status,
            headers=page_headers(nonce),
            media_type="text/html; charset=utf-8",
        )
