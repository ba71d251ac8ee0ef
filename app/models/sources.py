"""Where the models come from: the model hub, and plain addresses. Imported by a pull alone.

`huggingface_hub` gives addresses, tokens, offline mode and errors. Its own download throws away what it has when it is
stopped (`file_download._download_to_tmp_and_move`, 2.4), so the bytes are read here, into a file that stays.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from huggingface_hub import constants as hub_constants
from huggingface_hub import get_hf_file_metadata, get_session, hf_hub_url, hf_raise_for_status
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # its door opens lazily

from app.models.errors import PullFailed, SourceAway, SourceRefuses

TRIES = 5
"""Requests in a row that bring no byte before a source is given up for now."""

TRIES_WITHOUT_AN_ANSWER = 2
"""The same where nobody has ever answered: it is more likely that there is no network than that it is gone for a moment."""

_PARTIAL = 206
_OUT_OF_RANGE = 416
_NOT_FOUND = 404
_REFUSED = frozenset({401, 403})
_BUSY = frozenset({408, 429, 500, 502, 503, 504})

Fetched = Callable[[int], None]
"""Is told how many bytes came, or, below zero, had to be thrown away."""


@dataclass(frozen=True, slots=True)
class Address:
    """`if_refused` says what may help."""

    url: str
    headers: Mapping[str, str]
    if_refused: str = ""


class Sources:
    """`endpoint` is the hub's address; None: `HF_ENDPOINT`, or the library's default."""

    def __init__(self, *, endpoint: str | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._endpoint = endpoint
        self._sleep = sleep
        self._answered = False

    def on_hub(self, repository: str, revision: str, file: str) -> Address:
        url = hf_hub_url(repository, file, revision=revision, endpoint=self._endpoint)
        headers = build_hf_headers(library_name="sayathing")
        had_token = "authorization" in headers
        hint = "; is its token right, which HF_TOKEN or a login gave?" if had_token else "; a token goes into HF_TOKEN"
        return Address(url, headers, hint)

    def elsewhere(self, url: str) -> Address:
        return Address(url, {"User-Agent": "sayathing"})

    def size(self, address: Address) -> int:
        """Of a file on the hub, in bytes.

        Raises:
          PullFailed: see `fetch`.
        """
        _session()
        with _errors_told(address):
            told = get_hf_file_metadata(address.url, timeout=hub_constants.HF_HUB_ETAG_TIMEOUT, endpoint=self._endpoint)
        if told.size is None:
            raise PullFailed(f"{address.url} does not say how large it is.")
        return told.size

    def fetch(self, address: Address, size: int, part: Path, fetched: Fetched) -> None:
        """Bring `part` to `size` bytes; what it holds already is not asked for again.

        Raises:
          PullFailed: it is not there, or has more bytes.
          SourceRefuses: it is refused.
          SourceAway: it broke off again and again; `part` holds what came.
          OSError: `part` cannot be written.
        """
        empty_handed = 0
        while True:
            before = _size(part)
            try:
                self._go_on(address, size, part, fetched)
            except SourceAway:
                empty_handed = 0 if _size(part) > before else empty_handed + 1
                if empty_handed == (TRIES if self._answered else TRIES_WITHOUT_AN_ANSWER):
                    raise
                self._sleep(2.0**empty_handed / 2)
            else:
                return

    def _go_on(self, address: Address, size: int, part: Path, fetched: Fetched) -> None:
        have = _size(part)
        if have == size:
            return
        headers = {**address.headers, "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        timeout = hub_constants.HF_HUB_DOWNLOAD_TIMEOUT
        with (
            _errors_told(address),
            _session().stream("GET", address.url, headers=headers, timeout=timeout) as answer,
        ):
            self._answered = True
            if answer.status_code == _OUT_OF_RANGE:
                _throw_away(part, fetched)
                raise SourceAway(f"{address.url} has no bytes from {have:,} on.")
            hf_raise_for_status(answer)
            goes_on = answer.status_code == _PARTIAL and answer.headers.get("Content-Range", "").startswith(
                f"bytes {have}-"
            )
            if have and not goes_on:
                _throw_away(part, fetched)
                have = 0
            with part.open("ab") as into:
                for chunk in answer.iter_raw():
                    have += len(chunk)
                    if have > size:
                        into.truncate(0)
                        raise PullFailed(f"{address.url} has more bytes than the {size:,} it should; none was kept.")
                    into.write(chunk)
                    fetched(len(chunk))
        if have < size:
            raise SourceAway(f"{address.url} broke off after {have:,} of {size:,} bytes.")


def _session() -> httpx2.Client:
    try:
        return get_session()
    except (ValueError, ImportError, OSError, httpx2.InvalidURL) as error:
        raise SourceRefuses(f"The environment names a proxy or certificates that cannot be used ({error}).") from error


@contextmanager
def _errors_told(address: Address) -> Iterator[None]:
    try:
        yield
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in _BUSY:
            raise SourceAway(f"{address.url} answers with HTTP {status}.") from error
        if status in _REFUSED:
            raise SourceRefuses(f"{address.url} is refused (HTTP {status}){address.if_refused}.") from error
        what = "is not there" if status == _NOT_FOUND else "answers with"
        raise PullFailed(f"{address.url} {what} (HTTP {status}).") from error
    except OfflineModeIsEnabled as error:
        raise SourceAway("Nobody is asked: HF_HUB_OFFLINE is set.") from error
    except (ValueError, httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
        raise SourceRefuses(
            f"{address.url} cannot be asked for ({error}). Look at HF_ENDPOINT and HF_TOKEN."
        ) from error
    except httpx2.HTTPError as error:
        raise SourceAway(f"{address.url} cannot be reached: {str(error) or type(error).__name__}.") from error


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _throw_away(part: Path, fetched: Fetched) -> None:
    fetched(-_size(part))
    part.unlink(missing_ok=True)
