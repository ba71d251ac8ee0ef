"""The API's own documentation, without a byte from elsewhere."""

import json
from pathlib import Path

import anyio.to_thread
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

router = APIRouter(include_in_schema=False)

ASSETS = StaticFiles(directory=Path(__file__).parent / "static")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>SayAThing: the API</title>
<link rel="icon" href="/docs/assets/favicon.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<noscript>This page needs JavaScript. <a href="/openapi.json">The OpenAPI document</a> says the same.</noscript>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/docs.js"></script>
</body>
</html>
"""


@router.get("/docs")
async def docs() -> Response:
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": POLICY})


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    content = await anyio.to_thread.run_sync(_write, request.app)
    return Response(content, media_type="application/json")


def _write(app: FastAPI) -> bytes:
    """The OpenAPI document, which takes a moment the first time."""
    return json.dumps(app.openapi()).encode()
