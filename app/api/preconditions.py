"""If-Match and If-None-Match on what a client changes (RFC 9110, section 13.1)."""

import re

from fastapi import Request

from app.api.task_answers import none_match

_STRONG_TAG = re.compile(r'(?<!W/)"[\x21\x23-\x7e\x80-\xff]*"')


def may_change(request: Request, etag: str | None) -> bool:
    """Whether the request's conditions let it change what has this strong `etag` now (None: there is nothing)."""
    if "if-match" in request.headers:
        wanted = ",".join(request.headers.getlist("if-match")).strip()
        if etag is None or (wanted != "*" and etag not in _STRONG_TAG.findall(wanted)):
            return False
    if "if-none-match" in request.headers and etag is not None:
        return none_match(request, etag)
    return True
