"""The stylesheet, the scripts and the icon: a closed set of small files, read once."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from ._safety import PAGE_HEADERS

FOLDER = Path(__file__).parent / "static"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    media_type: str
    version: str


class StaticFiles:
    """Answers by name from memory; a name that is not in the folder is nothing, whatever it looks like."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _File(
                content, TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:16]
            )
            for path in sorted(folder.rglob("*"))
            if path.suffix in TYPES
            for content in (path.read_bytes(),)
        }

    def url(self, name: str) -> str:
        """The address of a file, which changes with its content."""
        return f"/dashboard/static/{name}?v={self._files[name].version}"

    def answer(self, request: Request, name: str) -> Response | None:
        """The file, or 304 where the client has it already; None where there is none of that name.

        Under the address that `url` gave it is kept for a year; under any other the client asks each time.
        """
        file = self._files.get(name)
        if file is None:
            return None
        dated = request.query_params.get("v") == file.version
        headers = {
            **PAGE_HEADERS,
            "ETag": f'"{file.version}"',
            "Cache-Control": "public, max-age=31536000, immutable" if dated else "no-cache",
        }
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if headers["ETag"] in known or "*" in known:
            return Response(status_code=304, headers=headers)
        return Response(file.content, media_type=file.media_type, headers=headers)
