"""Bodies of JSON: strict UTF-8, strict JSON, one meaning only."""

import json
from email.message import Message

from fastapi import Request

from app.api import problems
from app.api.problems import Problem, quoted


class _TwiceTheSameKey(ValueError):
    pass


class _NotANumber(ValueError):
    pass


async def read_json_body(request: Request) -> bytes:
    """The request's body, which claims to be JSON.

    Raises:
      Problem: it is of another media type, empty, or larger than the application allows.
    """
    claimed = request.headers.get("content-type")
    if claimed is not None and not _is_json(claimed):
        raise Problem(
            problems.UNSUPPORTED_MEDIA_TYPE,
            f"Send the body as UTF-8 JSON with `Content-Type: application/json`, not {quoted(claimed)}.",
            headers={"Accept": "application/json"},
        )
    body = await request.body()
    if not body:
        raise Problem(problems.MALFORMED_JSON, "The body is empty. Send a JSON object.")
    if claimed is None:
        raise Problem(
            problems.UNSUPPORTED_MEDIA_TYPE,
            "The request does not say what its body is. Add `Content-Type: application/json`.",
            headers={"Accept": "application/json"},
        )
    return body


def parse_json(body: bytes) -> object:
    """The value that a body spells. Lone surrogates may be in its strings: whoever takes a string looks.

    Raises:
      Problem: it is not JSON in UTF-8, is nested too deeply, or has a key twice in one object.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed(f"The body is not UTF-8: byte {error.start} cannot be read.") from None
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise _malformed(f"The body is not JSON: {error.msg} at character {error.pos}.") from None
    except RecursionError:
        raise _malformed("The body is nested too deeply.") from None
    except (_TwiceTheSameKey, _NotANumber) as error:
        raise _malformed(str(error)) from None
    except ValueError:  # a whole number of more digits than Python reads
        raise _malformed("A number in the body has too many digits.") from None


def _malformed(detail: str) -> Problem:
    return Problem(problems.MALFORMED_JSON, detail)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _TwiceTheSameKey(f"The key {quoted(key)} stands twice in one object. Give it once.")
            seen.add(key)
    return found


def _refuse_constant(name: str) -> object:
    raise _NotANumber(f"{name} is not JSON. Give a number.")


def _is_json(content_type: str) -> bool:
    header = Message()
    header["content-type"] = content_type
    subtype = header.get_content_subtype()
    charset = str(header.get_param("charset", "utf-8")).lower()
    is_json = header.get_content_maintype() == "application" and (subtype == "json" or subtype.endswith("+json"))
    return is_json and charset in {"utf-8", "utf8"}
