"""Files as answers: whole, or the part that a client asks for."""

from fastapi import Request
from starlette.responses import Response

from app.api import problems
from app.api.byte_ranges import ByteRange, NotSatisfiable, parse_range
from app.api.problems import Problem
from app.api.task_answers import none_match


def wanted_range(request: Request, size: int, etag: str) -> ByteRange | None:
    """The part that the request wants of a file of `size` bytes; None for all of it.

    Raises:
      Problem: there is no such part.
    """
    only_if = request.headers.get("if-range")
    if only_if is not None and only_if != etag:
        return None  # another file by now, or a date, which this file has not: the whole of it
    try:
        return parse_range(request.headers.get("range"), size)
    except NotSatisfiable:
        raise Problem(
            problems.RANGE_NOT_SATISFIABLE,
            f"The file has {size} bytes; ask for a range that begins before its end.",
            headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"},
        ) from None


def small_file(request: Request, content: bytes, *, etag: str, media_type: str, name: str) -> Response:
    """The answer that gives a file of some kilobytes: all of it, a part, or that the client has it."""
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'inline; filename="{name}"',
    }
    if not none_match(request, etag):
        return Response(status_code=304, headers=headers)
    part = wanted_range(request, len(content), etag)
    if part is not None:
        headers["Content-Range"] = part.content_range(len(content))
        content = content[part.start : part.end]
    headers["Content-Type"] = media_type
    headers["Content-Length"] = str(len(content))
    return Response(b"" if request.method == "HEAD" else content, 200 if part is None else 206, headers=headers)
