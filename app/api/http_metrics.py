"""Counts this process's own requests, by the template of their route."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.metrics import HTTP_IN_PROGRESS, HTTP_REQUESTS, HTTP_SECONDS

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

UNMATCHED = "unmatched"


class HttpMetrics:
    """The numbers of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(HTTP_REQUESTS.name, HTTP_REQUESTS.help, HTTP_REQUESTS.labels, registry=self.registry)
        self._seconds = Histogram(
            HTTP_SECONDS.name,
            HTTP_SECONDS.help,
            HTTP_SECONDS.labels,
            buckets=HTTP_SECONDS.buckets,
            registry=self.registry,
        )
        self._in_progress = Gauge(HTTP_IN_PROGRESS.name, HTTP_IN_PROGRESS.help, registry=self.registry)

    def begin(self) -> None:
        self._in_progress.inc()

    def end(self) -> None:
        self._in_progress.dec()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """`seconds` from the request's arrival to the head of its answer."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


class CountRequests:
    """Outside of all else, so that what is refused on the way in is counted too."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def send_and_count(message: Message) -> None:
            if message["type"] == "http.response.start":
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._metrics.answered(method, route_of(scope), message["status"], time.perf_counter() - begun)
            await send(message)

        self._metrics.begin()
        try:
            await self._app(scope, receive, send_and_count)
        finally:
            self._metrics.end()


def route_of(scope: Scope) -> str:
    """The template of the route that took the request, such as `/tasks/{task_id}`."""
    route = scope.get("route")
    template = getattr(route, "path_format", None) or getattr(route, "path", None)
    mounted = str(scope.get("root_path", ""))
    if isinstance(template, str):
        return mounted + template
    return f"{mounted}/*" if mounted else UNMATCHED
