"""The FastAPI application: routes, errors, middleware and documents, over whatever container it is handed."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Lifespan

from app.api import (
    audio,
    bulk,
    captions,
    deliveries,
    docs,
    events,
    health,
    lexicons,
    metrics,
    openai_models,
    openai_speech,
    peaks,
    phonemes,
    tasks,
    tts,
    voices,
)
from app.api.access import Access
from app.api.bulk import BulkBody
from app.api.dashboard import mount_dashboard
from app.api.dependencies import Providers
from app.api.edge import BodyLimit, Edge, TrustedHosts, cors_options
from app.api.errors import handle_errors
from app.api.http_metrics import CountRequests
from app.api.openai_answers import with_openai_errors
from app.api.openai_bodies import OpenAIErrorBody, OpenAISpeechBody
from app.api.openapi import DESCRIPTION, TAGS, TITLE, ProblemBody, with_links, with_plain_parameters, with_schemas
from app.api.phonemes import PreviewBody
from app.api.speech_bodies import OneTextBody, SeveralTextsBody
from app.api.speech_requests import body_limit_bytes
from app.api.traced import TraceRequests
from app.services.rate_limits import Rate
from app.settings import Settings

_ROUTERS = (
    tts.router,
    tasks.router,
    bulk.router,
    audio.router,
    captions.router,
    peaks.router,
    events.router,
    deliveries.router,
    voices.router,
    lexicons.router,
    phonemes.router,
    openai_speech.router,
    openai_models.router,
    health.router,
    metrics.router,
    docs.router,
)


class Application(FastAPI):
    """FastAPI, whose OpenAPI document also has what is not in a signature."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            bodies = (
                ProblemBody,
                OneTextBody,
                SeveralTextsBody,
                PreviewBody,
                BulkBody,
                OpenAISpeechBody,
                OpenAIErrorBody,
            )
            document = with_schemas(with_openai_errors(super().openapi()), *bodies)
            self.openapi_schema = with_links(with_plain_parameters(document))
        return self.openapi_schema


def _methods() -> dict[str, list[str]]:
    """The methods of each address without a parameter."""
    found: dict[str, set[str]] = {}
    for route in (route for router in _ROUTERS for route in router.routes):
        if isinstance(route, APIRoute) and "{" not in route.path:
            found.setdefault(route.path, set()).update(route.methods or ())
    return {path: sorted(methods) for path, methods in found.items()}


def build_application(settings: Settings, container: Providers, lifespan: Lifespan[Any]) -> FastAPI:
    app = Application(
        title=TITLE,
        description=DESCRIPTION,
        version=health.VERSION,
        openapi_tags=TAGS,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        # FastAPI's own records exception messages, which may quote a text.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.container = container
    app.state.methods = _methods()
    for router in _ROUTERS:
        app.include_router(router)
    app.mount("/docs/assets", docs.ASSETS)
    mount_dashboard(app, container)
    handle_errors(app)
    app.add_middleware(BodyLimit, limit_bytes=body_limit_bytes(settings.max_text_chars))
    app.add_middleware(
        Access,
        rings=container,
        without_keys_from_anywhere=settings.allow_no_keys,
        origins=settings.cors_origins,
        rate=Rate.parse(settings.rate_limit) if settings.rate_limit else None,
    )
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, **cors_options(settings.cors_origins))
    app.add_middleware(TrustedHosts, allowed=settings.allowed_hosts)
    app.add_middleware(TraceRequests)
    app.add_middleware(Edge)
    app.add_middleware(CountRequests, metrics=container.http_metrics())  # added last: the outermost
    return app
