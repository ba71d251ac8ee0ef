"""The stored lexicons: how words are to be said, by name."""

from functools import partial
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Header, Path, Request
from starlette.responses import Response

from app.api import problems
from app.api.dependencies import ClockDep, DatabaseDep
from app.api.json_bodies import parse_json, read_json_body
from app.api.lexicon_bodies import (
    ENTRIES_SCHEMA,
    EXAMPLE_ENTRIES,
    LexiconBody,
    LexiconHeadingBody,
    LexiconsBody,
    parse_entries,
)
from app.api.openapi import answers, header
from app.api.parameters import NO_PARAMETERS
from app.api.preconditions import may_change
from app.api.problems import Problem, quoted
from app.api.task_answers import none_match, to_json
from app.domain.lexicons import MAX_LEXICONS, NAME_PATTERN, Lexicon, StoredLexicon, is_lexicon_name
from app.results import find_lexicon, list_lexicons
from app.services.edit_lexicons import LexiconChanged, TooManyLexicons, delete_lexicon, put_lexicon

router = APIRouter(tags=["lexicons"], dependencies=[NO_PARAMETERS])

Name = Annotated[str, Path(description="The lexicon's name.", examples=["names"])]
NewName = Annotated[
    str,
    Path(
        description="The lexicon's name: 1 to 64 letters, digits, - and _; it begins with a letter or a digit.",
        pattern=NAME_PATTERN,
        examples=["names"],
    ),
]
IfMatch = Annotated[
    str | None,
    Header(description="Only where the lexicon has this ETag now: nobody has changed it since you looked."),
]
IfNoneMatch = Annotated[str | None, Header(description="`*`: only where there is none of that name yet.")]

_ITS_TAG = {"ETag": header("Changes with the lexicon; for If-Match and If-None-Match.")}


@router.get("/tts/lexicons", operation_id="list_lexicons", summary="All stored lexicons", responses=answers())
async def list_all(database: DatabaseDep) -> LexiconsBody:
    headings = await database.read(list_lexicons)
    return LexiconsBody(lexicons=[LexiconHeadingBody.of(heading) for heading in headings])


@router.get(
    "/tts/lexicons/{name}",
    operation_id="get_lexicon",
    summary="One lexicon with its entries",
    response_model=LexiconBody,
    responses=answers(
        problems.LEXICON_NOT_FOUND,
        _200={"description": "The lexicon.", "headers": _ITS_TAG},
        _304={"description": "The client has it already (If-None-Match)."},
    ),
)
async def get(request: Request, name: Name, database: DatabaseDep) -> Response:
    found = await database.read(find_lexicon, name) if is_lexicon_name(name) else None
    if found is None:
        raise _no_such_lexicon(name)
    if not none_match(request, entity_tag(found)):
        return Response(status_code=304, headers=_headers(found))
    return await _answer(found, 200)


@router.put(
    "/tts/lexicons/{name}",
    operation_id="put_lexicon",
    summary="Store a lexicon",
    description="The body is all of its entries. Tasks that were accepted with it before keep what they had.",
    response_model=LexiconBody,
    responses=answers(
        problems.MALFORMED_JSON,
        problems.UNSUPPORTED_MEDIA_TYPE,
        problems.PRECONDITION_FAILED,
        problems.TOO_MANY_LEXICONS,
        _200={"description": "Replaced, or the same as before.", "headers": _ITS_TAG},
        _201={
            "description": "Stored under a new name.",
            "model": LexiconBody,
            "headers": {**_ITS_TAG, "Location": header("The lexicon's address.")},
        },
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": ENTRIES_SCHEMA,
                    "examples": {"a respelling and phonemes": {"value": EXAMPLE_ENTRIES}},
                }
            },
        }
    },
)
async def put(
    request: Request,
    name: NewName,
    database: DatabaseDep,
    clock: ClockDep,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    body = await read_json_body(request)
    lexicon = await anyio.to_thread.run_sync(_parse, body)
    try:
        done = await database.write(put_lexicon, name, lexicon, condition=partial(_may_change, request), clock=clock)
    except LexiconChanged:
        raise _changed(name) from None
    except TooManyLexicons:
        detail = f"There are {MAX_LEXICONS} lexicons already. Delete one, or add the words to one of them."
        raise Problem(problems.TOO_MANY_LEXICONS, detail) from None
    return await _answer(done.stored, 201 if done.is_new else 200)


@router.delete(
    "/tts/lexicons/{name}",
    operation_id="delete_lexicon",
    summary="Forget a lexicon",
    description="Tasks that were accepted with it keep what they had.",
    status_code=204,
    responses=answers(problems.LEXICON_NOT_FOUND, problems.PRECONDITION_FAILED, _204={"description": "Forgotten."}),
)
async def delete(
    request: Request, name: Name, database: DatabaseDep, if_match: IfMatch = None, if_none_match: IfNoneMatch = None
) -> Response:
    known = is_lexicon_name(name)
    try:
        if not known or not await database.write(delete_lexicon, name, condition=partial(_may_change, request)):
            raise _no_such_lexicon(name)
    except LexiconChanged:
        raise _changed(name) from None
    return Response(status_code=204)


def entity_tag(stored: StoredLexicon) -> str:
    """Strong. The time tells a lexicon from one of the same name and revision that was deleted before."""
    heading = stored.heading
    return f'"{heading.revision}-{heading.updated_at}-{heading.version[:16]}"'


def _may_change(request: Request, stored: StoredLexicon | None) -> bool:
    return may_change(request, entity_tag(stored) if stored is not None else None)


def _parse(body: bytes) -> Lexicon:
    return parse_entries(parse_json(body))


def _headers(stored: StoredLexicon) -> dict[str, str]:
    return {"ETag": entity_tag(stored), "Cache-Control": "no-cache"}


async def _answer(stored: StoredLexicon, status: int) -> Response:
    content = await anyio.to_thread.run_sync(_json_of, stored)
    headers = _headers(stored)
    if status == 201:
        headers["Location"] = f"/tts/lexicons/{stored.heading.name}"
    return Response(content, status, headers=headers, media_type="application/json")


def _json_of(stored: StoredLexicon) -> bytes:
    return to_json(LexiconBody.of_stored(stored))


def _no_such_lexicon(name: str) -> Problem:
    return Problem(
        problems.LEXICON_NOT_FOUND, f"There is no lexicon {quoted(name)}; GET /tts/lexicons lists those there are."
    )


def _changed(name: str) -> Problem:
    return Problem(
        problems.PRECONDITION_FAILED,
        f"The lexicon {name!r} is not as If-Match or If-None-Match say: somebody else has changed it. "
        "GET it again, and make your change in what is there now.",
    )
