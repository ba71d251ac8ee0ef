"""What a request for a webhook needs beyond its spelling: a secret to sign with, and an address that may be asked."""

from urllib.parse import urlsplit

from app.api import problems
from app.api.problems import BodyError, Problem
from app.domain.addresses import is_public
from app.domain.tasks import SpeechRequest
from app.settings import Settings

_POINTER = "/webhook/url"


def require_webhooks(wanted: SpeechRequest, settings: Settings) -> None:
    """Let a request pass that asks for no webhook, or for one that can be told.

    A name is looked up, and its addresses are checked, by whoever connects to it; a number can be refused at once.

    Raises:
      Problem: there is no secret, or the address is a number that is not everybody's.
    """
    if wanted.webhook_url is None:
        return
    if not settings.webhook_keys:
        detail = "Webhooks are signed, and no secret is set here. Set SAYATHING_WEBHOOK_SECRET, or leave `webhook` out."
        raise Problem(problems.WEBHOOKS_UNAVAILABLE, detail, errors=[BodyError("/webhook", detail)])
    host = urlsplit(wanted.webhook_url).hostname or ""
    if settings.webhook_allow_private or not _is_number(host) or is_public(host):
        return
    detail = "Give an address that anybody can reach, or set SAYATHING_WEBHOOK_ALLOW_PRIVATE."
    raise Problem(problems.WEBHOOK_REFUSED, detail, errors=[BodyError(_POINTER, detail)])


def _is_number(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
