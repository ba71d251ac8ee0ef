"""The Prefer header (RFC 7240): how long a client is willing to wait."""

import re

MAX_WAIT_SECONDS = 60
"""Nobody is kept waiting for longer: proxies between often give up after that."""

_PREFERENCE = re.compile(
    r'\s*(?P<name>[!#$%&\'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*(?:"(?P<quoted>[^"\\]*)"|(?P<token>[^\s,;"]+)))?\s*(?:;[^,]*)?'
)


def wait_seconds(headers: list[str]) -> int | None:
    """The whole seconds of the preference `wait`, at most `MAX_WAIT_SECONDS`; None where there is none that can be
    read: the RFC has preferences that are not understood ignored. The first one counts."""
    for part in ",".join(headers).split(","):
        found = _PREFERENCE.fullmatch(part)
        if found is None or found["name"].lower() != "wait":
            continue
        value = found["quoted"] if found["quoted"] is not None else found["token"] or ""
        return min(int(value), MAX_WAIT_SECONDS) if re.fullmatch(r"[0-9]{1,19}", value) else None
    return None
