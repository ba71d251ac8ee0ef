"""A model hub of a few lines: downloads with Range from a second address, as the hub's are, and what can go wrong."""

import contextlib
import hashlib
import io
import threading
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from app.domain.kokoro_voices import KOKORO_VOICES
from app.domain.model_files import KOKORO_MODELS, KOKORO_TOKENIZER, SPACY_WHEEL, kokoro_voice_file
from app.models.pins import KokoroPins, Pin, Pins, WheelPin

REPOSITORY = "someone/some-model"
COMMIT = "c0ffee" + "0" * 34
MODEL_BYTES = 400_000
WHEEL = "wheel.whl"
SPACY_FILES = {
    "en_core_web_sm/__init__.py": b"not for spacy.load",
    f"en_core_web_sm/{SPACY_WHEEL}/config.cfg": b"[nlp]\nlang = en\n",
    f"en_core_web_sm/{SPACY_WHEEL}/vocab/strings.json": b"[]",
    f"{SPACY_WHEEL}.dist-info/LICENSE": b"MIT",
    f"{SPACY_WHEEL}.dist-info/LICENSES_SOURCES": b"OntoNotes",
}


def content_of(name: str) -> bytes:
    """The bytes of a file; other for each name."""
    if name == WHEEL:
        return wheel(SPACY_FILES)
    block = hashlib.sha256(name.encode()).digest()
    return block * (MODEL_BYTES // len(block) if name in KOKORO_MODELS else 4)


def wheel(files: dict[str, bytes]) -> bytes:
    """A wheel with its RECORD; the same bytes each time."""

    def line(name: str, content: bytes) -> str:
        digest = urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        return f"{name},sha256={digest},{len(content)}\n"

    record = f"{SPACY_WHEEL}.dist-info/RECORD"
    lines = "".join(line(name, content) for name, content in files.items()) + f"{record},,\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in {**files, record: lines.encode()}.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


@dataclass(frozen=True)
class Asked:
    method: str
    file: str
    span: str | None
    token: str | None


@dataclass
class FakeHub:
    """Everything is by a file's name in its repository.

    `cuts` are the byte counts after which the next answers end, `statuses` the next answers before any other,
    `meddle` changes what is sent. While `held` is clear, an answer stops half way and sets `half_way`: that of the file
    `hold_at`, or any.
    """

    url: str
    cuts: dict[str, list[int]] = field(default_factory=dict)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    meddle: Callable[[str, bytes], bytes] = lambda _, content: content
    ranges: bool = True
    hold_at: str | None = None
    held: threading.Event = field(default_factory=threading.Event)
    half_way: threading.Event = field(default_factory=threading.Event)
    asked: list[Asked] = field(default_factory=list)

    def downloads(self, file: str) -> list[str | None]:
        """The `Range` of every download of that file."""
        return [each.span for each in self.asked if each.file == file and each.method == "GET"]

    def pins(self) -> Pins:
        """What a pull from here has to bring; of the half precision no size is known, as in the real list."""
        files = (*KOKORO_MODELS, KOKORO_TOKENIZER, *map(kokoro_voice_file, KOKORO_VOICES))
        pinned = {file: _pin(file) for file in files}
        half = "onnx/model_fp16.onnx"
        pinned[half] = pinned[half].model_copy(update={"bytes": None})
        spacy = WheelPin(url=f"{self.url}/elsewhere/{WHEEL}", **_pin(WHEEL).model_dump())
        return Pins(kokoro=KokoroPins(repository=REPOSITORY, revision=COMMIT, files=pinned), spacy=spacy)


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """A hub on this machine, and a second server that has the bytes."""
    store = ThreadingHTTPServer(("127.0.0.1", 0), _store(lambda: hub))
    front = ThreadingHTTPServer(("127.0.0.1", 0), _front(f"http://127.0.0.1:{store.server_port}"))
    hub = FakeHub(f"http://127.0.0.1:{front.server_port}")
    hub.held.set()
    threads = [
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}) for server in (store, front)
    ]
    for thread in threads:
        thread.start()
    yield hub
    hub.held.set()
    for server in (store, front):
        server.shutdown()
        server.server_close()
    for thread in threads:
        thread.join()


def _pin(file: str) -> Pin:
    content = content_of(file)
    return Pin(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # whoever asked was stopped
            super().handle()


def _front(store: str) -> type[_Handler]:
    """Says where the bytes are; only files of the right commit are there."""

    class Front(_Handler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            repository = f"/{REPOSITORY}/resolve/{COMMIT}/"
            if path.startswith(repository):
                file = path.removeprefix(repository)
                size = {"X-Linked-Size": str(len(content_of(file))), "X-Repo-Commit": COMMIT}
                self.answer(302, {"Location": f"{store}/{file}", **size})
            elif path.startswith("/elsewhere/"):
                self.answer(302, {"Location": f"{store}/{path.removeprefix('/elsewhere/')}"})
            else:
                self.answer(404, {"X-Error-Code": "RepoNotFound"})

        do_HEAD = do_GET  # noqa: N815  # the library's own name

    return Front


def _store(the_hub: Callable[[], FakeHub]) -> type[_Handler]:
    class Store(_Handler):
        def do_GET(self) -> None:
            hub, file, span = the_hub(), urlsplit(self.path).path[1:], self.headers.get("Range")
            hub.asked.append(Asked(self.command, file, span, self.headers.get("Authorization")))
            content = hub.meddle(file, content_of(file))
            if hub.statuses.get(file):
                self.answer(hub.statuses[file].pop(0), {}, b"no")
            elif span is None or not hub.ranges:
                self._send(hub, file, 200, content, {})
            elif (start := int(span.removeprefix("bytes=").removesuffix("-"))) >= len(content):
                self.answer(416, {"Content-Range": f"bytes */{len(content)}"})
            else:
                given = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
                self._send(hub, file, 206, content[start:], given)

        def _send(self, hub: FakeHub, file: str, status: int, body: bytes, headers: dict[str, str]) -> None:
            cuts = hub.cuts.get(file)
            if cuts:
                self.answer(status, {"Content-Length": str(len(body)), **headers}, body[: cuts.pop(0)])
                self.close_connection = True
                return
            half = len(body) // 2
            self.answer(status, {"Content-Length": str(len(body)), **headers}, body[:half])
            self.wfile.flush()
            if not hub.held.is_set() and hub.hold_at in {None, file}:
                hub.half_way.set()
                hub.held.wait(100)
            self.wfile.write(body[half:])

    return Store
