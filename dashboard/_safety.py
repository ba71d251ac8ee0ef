"""What keeps a stranger's page, a hostile text and an endless form out."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

MAX_FORM_BYTES = 1024 * 1024
MAX_FORM_FIELDS = 250
"""A page of tasks, each with its box, and the filter beside them."""

FORM_TYPE = "application/x-www-form-urlencoded"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'{nonce}; connect-src 'self'; img-src 'self' data:; "
    "media-src 'self' blob:; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

PAGE_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": _POLICY.format(nonce=""),
        "X-Content-Type-Options": "nosniff",
        # not `no-referrer`: with that, a browser's own POST from here says `Origin: null`
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
)


def page_headers(nonce: str) -> dict[str, str]:
    """The headers of a page whose waveform may bring the one style sheet that carries this nonce."""
    return {**PAGE_HEADERS, "Content-Security-Policy": _POLICY.format(nonce=f" 'nonce-{nonce}'")}


class Form(dict[str, str]):
    """The fields of a form; of a field given twice, the last. `all` has every one."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def all(self, name: str) -> list[str]:
        return [value for given, value in self._pairs if given == name]


class FormUnreadable(Exception):
    """The body is no form that is read here. `status` is the answer's, `str(error)` says what to do."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def from_another_site(request: Request) -> bool:
    """Whether a browser says that another site's page sent this request.

    Browsers name the sender's site in Sec-Fetch-Site (over HTTPS and on the own machine) and its origin in
    Origin (with every POST); what has neither is no browser and carries nobody's rights.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()
    except ValueError:
        return True


async def read_form(request: Request) -> Form:
    """The fields of a URL-encoded form. Line breaks are those that were typed.

    Raises:
      FormUnreadable: another content type, or more than `MAX_FORM_BYTES` or `MAX_FORM_FIELDS`.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != FORM_TYPE:
        raise FormUnreadable(415, f"This address takes forms of the type {FORM_TYPE}.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise FormUnreadable(
                413, "That is more than this form takes. Send a text this long to POST /api/tts, in JSON."
            )
    try:
        fields = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except ValueError as error:
        raise FormUnreadable(400, "This form has more fields than the page it comes from.") from error
    return Form([(name, value.replace("\r\n", "\n")) for name, value in fields])
