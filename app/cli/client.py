"""The running service, as the commands ask it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Self, cast

import httpx

from app.cli.documents import (
    AudioDocument,
    LexiconDocument,
    LexiconHeadingDocument,
    OutcomeDocument,
    PageDocument,
    TaskDocument,
    VoiceDocument,
)
from app.cli.errors import CommandFailed, NoService, WrongUse
from app.cli.wording import with_commands, with_options

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
BULK_TIMEOUT = httpx.Timeout(None, connect=5.0)
PROBE_SECONDS = 2.0

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
CHUNK_BYTES = 1 << 16


class Away(NoService):
    """Nobody answers. What was asked may have been done nevertheless."""


class Busy(NoService):
    """The service cannot take this now and did nothing. `retry_after_seconds` is its own estimate, if it gave one."""

    def __init__(self, message: str, retry_after_seconds: float | None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Look:
    """A task as it was last seen. `retry_after_seconds` is when the service expects news."""

    task: TaskDocument
    retry_after_seconds: float
    etag: str | None


@dataclass(frozen=True, slots=True)
class LexiconLook:
    """A stored lexicon, and the ETag that a change of it names."""

    lexicon: LexiconDocument
    etag: str


class Service:
    """A running service.

    Parameters:
      url: Its root, such as `http://127.0.0.1:8000`.
      key: The API key to show, where there is one.
      transport: Replaces the network in tests.

    Every method but `answers` raises:
      NoService: nobody answers, or the service has a problem of its own.
      WrongUse: the service refused the request; the message says what to change.
    """

    def __init__(self, url: str, *, key: str = "", transport: httpx.BaseTransport | None = None) -> None:
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise WrongUse(f"{url!r} is no URL: {error}") from error
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise WrongUse(f"{url!r} is no URL of a service; it begins with http:// or https://.")
        self.url = url.rstrip("/")
        # A proxy from the environment is for the network, not for this machine.
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"} if key else None,
            timeout=TIMEOUT,
            transport=transport,
            trust_env=parsed.host not in LOOPBACK,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._http.close()

    def answers(self) -> bool:
        """Whether a SayAThing answers here, well or not."""
        try:
            response = self._http.get("/healthz", timeout=PROBE_SECONDS)
            health = response.json()
        except (httpx.HTTPError, ValueError):
            return False
        return isinstance(health, dict) and "status" in health

    def request_speech(self, body: Mapping[str, object]) -> Look:
        try:
            return _look(self._ask("POST", "/api/tts", json=body))
        except WrongUse as error:
            raise WrongUse(with_options(str(error))) from None

    def look(self, task_id: str, before: Look | None = None) -> Look:
        """The task as it is now; costs the service little where nothing changed since `before`."""
        headers = {"If-None-Match": before.etag} if before is not None and before.etag is not None else {}
        response = self._ask("GET", f"/tasks/{task_id}", headers=headers)
        if response.status_code == httpx.codes.NOT_MODIFIED and before is not None:
            return Look(before.task, _retry_after(response) or before.retry_after_seconds, before.etag)
        return _look(response)

    def tasks(self, filters: Mapping[str, str]) -> PageDocument:
        return cast(PageDocument, self._ask("GET", "/tasks", params=filters).json())

    def cancel(self, task_id: str) -> TaskDocument:
        return cast(TaskDocument, self._ask("POST", f"/tasks/{task_id}/cancel").json())

    def retry(self, task_id: str) -> TaskDocument:
        return cast(TaskDocument, self._ask("POST", f"/tasks/{task_id}/retry").json())

    def delete(self, task_id: str) -> None:
        self._ask("DELETE", f"/tasks/{task_id}")

    def control(self, action: str, filters: Mapping[str, str], *, dry_run: bool) -> OutcomeDocument:
        """Cancel, retry or delete all tasks that match; may take minutes where there are very many."""
        body = {"action": action, "filter": filters, "dry_run": dry_run}
        return cast(OutcomeDocument, self._ask("POST", "/tasks/bulk", json=body, timeout=BULK_TIMEOUT).json())

    def lexicons(self) -> Sequence[LexiconHeadingDocument]:
        return cast(Sequence[LexiconHeadingDocument], self._ask("GET", "/tts/lexicons").json()["lexicons"])

    def lexicon(self, name: str) -> LexiconLook:
        return _lexicon_look(self._ask("GET", f"/tts/lexicons/{name}"))

    def put_lexicon(self, name: str, entries: Mapping[str, object], revision: int | None) -> LexiconDocument:
        """Store a lexicon; where a revision is given, only over that one (0: only where there is none).

        Raises:
          WrongUse: another revision is stored.
        """
        headers = {}
        if revision == 0:
            headers["If-None-Match"] = "*"
        elif revision is not None:
            look = self.lexicon(name)
            if look.lexicon["revision"] != revision:
                raise WrongUse(f"The lexicon {name} is at revision {look.lexicon['revision']}, not {revision}.")
            headers["If-Match"] = look.etag
        response = self._ask("PUT", f"/tts/lexicons/{name}", json=entries, headers=headers)
        return _lexicon_look(response).lexicon

    def delete_lexicon(self, name: str) -> None:
        self._ask("DELETE", f"/tts/lexicons/{name}")

    def voices(self) -> Sequence[VoiceDocument]:
        return cast(Sequence[VoiceDocument], self._ask("GET", "/tts/voices").json()["voices"])

    def health(self) -> Mapping[str, object]:
        """The details of `GET /healthz`, also where they are bad."""
        try:
            return cast(Mapping[str, object], self._http.get("/healthz").json())
        except (httpx.HTTPError, ValueError) as error:
            raise _away(self.url, error) from error

    def download(self, path: str, audio: AudioDocument, format: str | None, into: BinaryIO) -> None:
        """Write the finished file at `path`; in another format than it has where one is named.

        Raises:
          CommandFailed: what came is not what the service stored.
        """
        digest = hashlib.sha256()
        is_converted = format is not None and format != audio["format"]
        try:
            with self._http.stream("GET", path, params={"format": format} if is_converted else None) as response:
                if not response.is_success:
                    response.read()
                    _check(response)
                for chunk in response.iter_bytes(CHUNK_BYTES):
                    digest.update(chunk)
                    into.write(chunk)
        except httpx.HTTPError as error:
            raise _away(self.url, error) from error
        if not is_converted and digest.hexdigest() != audio["sha256"]:
            raise CommandFailed(f"The audio arrived damaged; fetch it again from {self.url}{path}.")

    def _ask(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> httpx.Response:
        try:
            response = self._http.request(method, path, json=json, params=params, headers=headers, timeout=timeout)
        except httpx.HTTPError as error:
            raise _away(self.url, error) from error
        _check(response)
        return response


def _away(url: str, error: Exception) -> Away:
    return Away(
        f"No service answers at {url} ({str(error) or type(error).__name__}); start one with `sayathing serve`."
    )


def _check(response: httpx.Response) -> None:
    """Raise what a refusal means, in the words of its problem document (RFC 9457)."""
    if response.is_success or response.status_code == httpx.codes.NOT_MODIFIED:
        return
    try:
        problem = response.json()
        lines = [str(problem.get("detail") or problem.get("title") or response.reason_phrase)]
        lines += [
            f"  {error.get('pointer') or error.get('parameter')}: {error['detail']}"
            for error in problem.get("errors", [])
        ]
    except (ValueError, AttributeError, KeyError, TypeError):
        lines = [f"The service answered {response.status_code} {response.reason_phrase}."]
    message = "\n".join(line for line in lines if line is lines[0] or line.strip() != lines[0])  # often one says it all
    message = with_commands(message)
    if response.status_code in {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE}:
        raise Busy(message, _retry_after(response))
    if response.status_code in {httpx.codes.BAD_GATEWAY, httpx.codes.GATEWAY_TIMEOUT}:
        raise Away(message)
    if response.is_client_error:
        raise WrongUse(message)
    raise NoService(message)


def _look(response: httpx.Response) -> Look:
    return Look(cast(TaskDocument, response.json()), _retry_after(response) or 0.0, response.headers.get("ETag"))


def _lexicon_look(response: httpx.Response) -> LexiconLook:
    return LexiconLook(cast(LexiconDocument, response.json()), response.headers.get("ETag", "*"))


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None
