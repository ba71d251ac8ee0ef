"""The pages over the backend in memory, reached through ASGI, at a time that stands still."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx
import pytest
from fastapi import FastAPI

from dashboard import FakeBackend, ItemView, create_dashboard

NOW = 1_790_000_000.0


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    text: str = ""

    def __getitem__(self, name: str) -> str | None:
        return self.attributes.get(name)


@dataclass
class Page(HTMLParser):
    """What a browser without scripts would make of a page."""

    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self.elements.append(element)
        if tag not in {"meta", "link", "img", "input"}:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, tag: str, **attributes: str) -> list[Element]:
        wanted = {name.strip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            element
            for element in self.elements
            if element.tag == tag and all(element[name] == value for name, value in wanted.items())
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        [found] = self.all(tag, **attributes)
        return found

    @property
    def words(self) -> str:
        return " ".join("".join(element.text for element in self.all("html")).split())


@pytest.fixture
def read() -> Callable[[httpx.Response], Page]:
    def parse(answer: httpx.Response) -> Page:
        page = Page()
        page.feed(answer.text)
        page.close()
        return page

    return parse


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend(clock=lambda: NOW)


@pytest.fixture
async def client(backend: FakeBackend) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(create_dashboard(backend, clock=lambda: NOW))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


@pytest.fixture
def item() -> Callable[..., ItemView]:
    def make(text: str = "Nothing is lost.", **fields: object) -> ItemView:
        given = {"index": 0, "state": "pending", "voice": "espeak-en-us", "speed": 1.0, "volume": 1.0, "format": "wav"}
        return ItemView(text=text, **{**given, **fields})  # type: ignore[arg-type]

    return make
