"""What keeps a stranger's page, a hostile text and an endless form out."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

MAX_FORM_BYTES = 1024 * 1024
MAX_FORM_FIELDS = 16

FORM_TYPE = "application/x-www-form-urlencoded"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "media-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

PAGE_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        # not `no-referrer`: with that, a browser's own POST from here says `Origin: null`
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
)


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


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a URL-encoded form; of a field given twice, the last. Line breaks are those that were typed.

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
    return {name: value.replace("\r\n", "\n") for name, value in fields}
