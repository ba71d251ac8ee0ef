"""The filter bar: `state:discarded voice:af_heart id:01K error:"took longer" and words of the text`."""

import re
from dataclasses import dataclass, replace
from typing import cast
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from ._values import STATES, State, TaskQuery

KEYS = ("state", "voice", "id", "text", "error")
BAR_CHARACTERS = 200
CURSOR_CHARACTERS = 64

_TERM = re.compile(rf"""(?P<key>{"|".join(KEYS)}):(?P<value>"[^"]*"|\S+)""", re.IGNORECASE)


class NoSuchState(ValueError):
    """There is no such state. `str(error)` says which there are."""

    def __init__(self) -> None:
        super().__init__(f"A list is of one of these states: {', '.join(STATES)}.")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tasks an address asks for: `state` by its tab, `bar` as typed."""

    state: State | None = None
    bar: str = ""
    cursor: str | None = None

    @classmethod
    def of(cls, query: QueryParams) -> "Filter":
        """
        Raises:
          NoSuchState: the tab's.
        """
        state = query.get("state") or None
        if state is not None and state not in STATES:
            raise NoSuchState
        bar = query.get("q", "").replace("\x00", "").strip()[:BAR_CHARACTERS]
        return cls(cast(State | None, state), bar, query.get("cursor", "")[:CURSOR_CHARACTERS] or None)

    def query(self) -> TaskQuery:
        """What is asked of the backend.

        Raises:
          NoSuchState: the bar's.
        """
        found: dict[str, str] = {}
        words = self.bar
        for term in _TERM.finditer(self.bar):
            found[term["key"].lower()] = term["value"].strip('"')
            words = words.replace(term[0], " ", 1)
        state = found.get("state", "").lower() or None
        if state is not None and state not in STATES:
            raise NoSuchState
        text = " ".join(part for part in (found.get("text"), " ".join(words.split())) if part)
        return TaskQuery(
            state=self.state or cast(State | None, state),
            text=text or None,
            voice=found.get("voice") or None,
            id=found["id"].upper() if found.get("id") else None,
            error=found.get("error") or None,
            cursor=self.cursor,
        )

    def url(self, *, state: str | None = None, cursor: str | None = None) -> str:
        """The address of this search in a tab (none: all states), from a task on."""
        return "/dashboard/tasks" + _encoded({"state": state, "q": self.bar, "cursor": cursor})

    def fields(self) -> dict[str, str]:
        """What a form has to carry to mean the same tasks, without the cursor."""
        return {name: value for name, value in {"state": self.state, "q": self.bar}.items() if value}

    def url_without_bar(self) -> str:
        """The address of the tab."""
        return replace(self, bar="").url(state=self.state)


def bar_of(**terms: str) -> str:
    """The address of a list, by terms of the bar."""
    bar = " ".join(f'{key}:"{value}"' if " " in value else f"{key}:{value}" for key, value in terms.items())
    return "/dashboard/tasks" + _encoded({"q": bar})


def _encoded(wanted: dict[str, str | None]) -> str:
    query = urlencode({name: value for name, value in wanted.items() if value}, errors="replace")
    return "?" + query if query else ""
