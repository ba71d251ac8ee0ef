"""Addresses of the net, paths, handles, tags, versions and telephone numbers, as a person would read them out."""

import re

from actors.speech.english import numbers
from actors.speech.english.said import Dialect, Reading, Said, word_set

_TOP_LEVEL = (
    "com|org|net|edu|gov|mil|int|info|biz|io|ai|dev|app|co|uk|us|de|fr|eu|ca|au|nz|ie|in|jp|cn|ru|it|es|nl|se|no|ch|"
    "tv|fm|ly|me|xyz|tech|cloud|blog|shop|site|online|store"
)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})"
_URL = re.compile(
    r"(?P<scheme>https?://|ftp://|file://)[^\s<>\"“”()\[\]{}|\\^`]{1,2000}"
    r"|www\.[A-Za-z0-9][^\s<>\"“”()\[\]{}|\\^`]{1,2000}",
    re.IGNORECASE,
)
_DOMAIN = re.compile(
    rf"{_LABEL}(?:\.{_LABEL}){{0,4}}\.(?:{_TOP_LEVEL})(?![\w@-]|\.\w)(?:/[A-Za-z0-9._~%/?#&=+-]{{0,500}})?",
    re.IGNORECASE,
)
_EMAIL = re.compile(rf"(?:mailto:)?[A-Za-z0-9][A-Za-z0-9._%+-]{{0,63}}@{_LABEL}(?:\.{_LABEL}){{1,5}}", re.IGNORECASE)
_PATH = re.compile(
    r"(?:[A-Za-z]:\\(?:[\w .-]{1,80}\\){0,20}[\w.-]{1,80}\\?"
    r"|(?:~|\.{1,2})?(?:/[\w.@+-]{1,80}){2,20}/?"
    r"|(?:~|\.{1,2})(?:/[\w.@+-]{1,80}){1,20}/?)"
)
_FILE = re.compile(
    r"[A-Za-z0-9_-]{1,80}\.(?:txt|md|pdf|docx?|xlsx?|pptx?|csv|json|ya?ml|toml|xml|html?|css|jsx?|tsx?|py|sh|rb|rs|go|java|cpp|"
    r"exe|zip|gz|tar|png|jpe?g|gif|svg|mp3|mp4|wav|ogg|flac|epub|log|ini|cfg|sql|db)(?![\w@]|\.\w)"
)
_VERSION = re.compile(
    r"[vV](?=\d)(?P<number>\d{1,6}(?:\.\d{1,6}){0,5})(?P<rest>-?(?:alpha|beta|rc|a|b)\.?\d{0,3})?(?![\w])"
)
_HANDLE = re.compile(r"@(?P<name>[A-Za-z_][\w.-]{0,63})")
_HASHTAG = re.compile(r"#(?P<name>[^\W\d][\w]{0,99}|\d{1,9}[^\W\d_][\w]{0,99})")
_NUMBER_SIGN = re.compile(r"(?:#|№[ \u00a0]?)(?=\d)")
_PHONE = re.compile(
    r"(?P<plus>\+)?(?:(?P<country>\d{1,3})[ .\u00a0-])?(?:\((?P<area>\d{2,5})\)[ .\u00a0-]?|(?P<area2>\d{3,5})[ .\u00a0-])"
    r"(?P<first>\d{3,4})[ .\u00a0-](?P<last>\d{3,4})(?![\w]|[.-]\d)"
)
_LOCAL_PHONE = re.compile(r"(?P<first>\d{3})-(?P<last>\d{4})(?![\w]|[.-]\d)")
_INTERNATIONAL = re.compile(r"\+\d{1,3}(?:[ .\u00a0-]?\(?\d{1,5}\)?){2,6}(?![\w])")
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_]+|[^\w\s]|_", re.ASCII)
_NAMES = {
    ".": "dot", "/": "slash", "-": "dash", "_": "underscore", "@": "at", ":": "colon", "?": "question mark",
    "&": "and", "=": "equals", "#": "hash", "%": "percent", "+": "plus", "~": "tilde", "\\": "backslash", "*": "star",
    ",": "comma", ";": "semicolon", "!": "exclamation mark", "'": "apostrophe", "$": "dollar",
}  # fmt: skip
_SPELLED = word_set(
    "www http https ftp html htm css js ts py md txt pdf csv json xml yml uk us eu de fr io ai tv fm gov pdf exe mp "
    "png jpg svg sql db rb rs cpp php api url uri ip id faq ssh ftp etc usr src cfg"
) - {"etc", "json", "gov"}  # fmt: skip
_LETTERS_BEFORE = re.compile(r"[^\W_]")


def address_at(text: str, at: int, dialect: Dialect) -> Reading | None:
    """A web or mail address, file name or path that begins at `at`."""
    for pattern in (_EMAIL, _URL, _PATH, _FILE, _DOMAIN):
        match = pattern.match(text, at)
        if match is None:
            continue
        end = match.end()
        while text[end - 1] in ".,;:!?'’*_" and end - 1 > at:
            end -= 1
        address = text[at:end]
        if pattern is _PATH and (at > 0 and (text[at - 1].isalnum() or text[at - 1] == "<")):
            return None
        if scheme := match.groupdict().get("scheme"):
            address = address[len(scheme) :]
        address = address.removeprefix("mailto:").rstrip("/") or address
        return [Said(at, end, spelled_out(address, dialect))]
    return None


def spelled_out(address: str, dialect: Dialect) -> str:
    """Its words and the names of its marks: `example.com/a-b` is example dot com slash a dash b."""
    return " ".join(_name(part, dialect) for part in _PARTS.findall(address))


def _name(part: str, dialect: Dialect) -> str:
    if part.isdigit():
        return numbers.cardinal(part, dialect) if len(part) < 5 and part[0] != "0" else numbers.digits(part)
    if (
        part.lower() in _SPELLED
        or (len(part) == 1 and part.isalpha())
        or (len(part) > 1 and part.isalpha() and not set(part.lower()) & set("aeiouy"))
    ):
        return " ".join(part.upper())
    return _NAMES.get(part, part)


def version_at(text: str, at: int, dialect: Dialect) -> Reading | None:
    """`v1.2.3-beta`"""
    match = _VERSION.match(text, at)
    if match is None:
        return None
    number = " point ".join(numbers.cardinal(part, dialect) for part in match["number"].split("."))
    rest = match["rest"] or ""
    if rest:
        rest = f" {spelled_out(rest.strip('-').replace('.', ''), dialect)}".replace(" rc", " R C")
    return [Said(at, match.end(), f"version {number}{rest}")]


def tag_at(text: str, at: int, dialect: Dialect) -> Reading | None:
    """`@name`, `#HashTag` and `#5`"""
    if at > 0 and (text[at - 1].isalnum() or text[at - 1] in "&/"):
        return None
    if match := _HANDLE.match(text, at):
        name = match["name"].rstrip(".-")
        return [Said(at, at + 1 + len(name), f"at {words_of_name(name, dialect)}")]
    if match := _HASHTAG.match(text, at):
        return [Said(at, match.end(), f"hashtag {words_of_name(match['name'], dialect)}")]
    if match := _NUMBER_SIGN.match(text, at):
        return [Said(at, match.end(), "number ")]
    return None


def words_of_name(name: str, dialect: Dialect) -> str:
    """`snake_case2` and `camelCase` as words; an underscore is not said."""
    if not name.isascii():
        return name.replace("_", " ")
    return " ".join(_name(part, dialect) for part in _PARTS.findall(name) if part != "_")


def phone_at(text: str, at: int, dialect: Dialect) -> Reading | None:
    """`(555) 123-4567`, `+44 20 7946 0958`, `555-1234`: digit by digit, with a pause between the groups."""
    if at > 0 and (text[at - 1].isalnum() or text[at - 1] in "$£€.,-/"):
        return None
    match = _INTERNATIONAL.match(text, at) or _PHONE.match(text, at) or _LOCAL_PHONE.match(text, at)
    if match is None or sum(map(str.isdigit, match[0])) > 15:
        return None
    groups = re.findall(r"\d+", match[0])
    if match[0][0] != "+" and sum(map(len, groups)) < 7:
        return None
    plus = "plus " if match[0][0] == "+" else ""
    readings = []
    place = at
    # A group is a word of its own where a space is before it.
    for index, group in enumerate(re.finditer(r"\d+", match[0])):
        end = at + group.end()
        spoken = numbers.digits(group[0])
        readings.append(Said(place, end, f"{plus}{spoken}" if index == 0 else f", {spoken}"))
        place = end
    if place < match.end():
        readings.append(Said(place, match.end(), ""))
    return readings
