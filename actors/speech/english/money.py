"""Amounts of money."""

import re
from dataclasses import dataclass

from actors.speech.english import numbers
from actors.speech.english.quantities import NUMBER, is_attributive, is_one, spoken_number
from actors.speech.english.said import Dialect, Reading, Said


@dataclass(frozen=True, slots=True)
class _Currency:
    one: str
    many: str
    part: str
    parts: str


def _currency(one: str, many: str = "", part: str = "cent", parts: str = "") -> _Currency:
    return _Currency(one, many or f"{one}s", part, parts or f"{part}s")


_DOLLAR = _currency("dollar")
_POUND = _currency("pound", part="penny", parts="pence")
_EURO = _currency("euro")
_SYMBOLS = {
    "US$": _currency("U S dollar"), "A$": _currency("Australian dollar"), "C$": _currency("Canadian dollar"),
    "CA$": _currency("Canadian dollar"), "AU$": _currency("Australian dollar"), "NZ$": _currency("New Zealand dollar"),
    "HK$": _currency("Hong Kong dollar"), "S$": _currency("Singapore dollar"), "R$": _currency("real", "reais", "centavo"),
    "$": _DOLLAR, "£": _POUND, "€": _EURO, "¥": _currency("yen", "yen", "sen", "sen"), "₹": _currency("rupee", part="paisa", parts="paise"),
    "₽": _currency("ruble", part="kopek"), "₩": _currency("won", "won"), "₿": _currency("bitcoin"), "₺": _currency("lira", "lira"),
    "₴": _currency("hryvnia", "hryvnia", "kopek"), "₪": _currency("shekel", part="agora", parts="agorot"),
    "₫": _currency("dong", "dong"), "₦": _currency("naira", "naira", "kobo", "kobo"), "₱": _currency("peso", part="centavo"),
    "฿": _currency("baht", "baht", "satang", "satang"),
}  # fmt: skip
_CODES = {
    "USD": _currency("U S dollar"), "EUR": _EURO, "GBP": _POUND, "JPY": _SYMBOLS["¥"], "CHF": _currency("Swiss franc", part="rappen", parts="rappen"),
    "CAD": _SYMBOLS["C$"], "AUD": _SYMBOLS["A$"], "NZD": _SYMBOLS["NZ$"], "INR": _SYMBOLS["₹"], "CNY": _currency("yuan", "yuan", "fen", "fen"),
    "BTC": _SYMBOLS["₿"], "SEK": _currency("Swedish krona", "Swedish kronor", "öre", "öre"),
}  # fmt: skip
_BEFORE = re.compile(
    r"(?P<sign>[-−]?)(?P<symbol>US\$|AU\$|CA\$|NZ\$|HK\$|[ACSR]\$|[$£€¥₹₽₩₿₺₴₪₫₦₱฿])(?P<minus>[-−]?)[ \u00a0]?(?=\d|\.\d)"
)
_CODE_BEFORE = re.compile(rf"(?P<sign>)(?P<symbol>{'|'.join(_CODES)})(?P<minus>)[ \u00a0](?=\d)")
_BEHIND = re.compile(rf"[ \u00a0\u202f]?(?P<symbol>[$£€¥₹₽₩₿₺₴₪₫₦₱฿](?!\d)|(?:{'|'.join(_CODES)})(?![^\W_]))")
_CENTS = re.compile(r"[ \u00a0]?¢|(?<=\d)[pc](?![^\W_]|\.[^\W_])")
_EUROPEAN = re.compile(r"(?P<whole>\d{1,3}(?:\.\d{3}){1,5}|\d{1,6}),(?P<fraction>\d\d)(?![\d,])")
_NO_WHOLE = re.compile(r"(?P<whole>)\.(?P<fraction>\d{1,4})(?!\d)")
_DASHED_WHOLE = re.compile(r"[.,][-–—]{1,2}(?!\d)")
_SCALE = re.compile(
    r"(?:[ \u00a0-]?(?P<word>hundred|thousand|million|billion|trillion)"
    r"|(?P<letter>[kKmMbBT]|bn|mn|tn|Bn|Mn|mm|MM)(?=[-\s.,;:!?)\]\"'’”]|$))(?![^\W_])"
)
_SCALES = {
    "k": "thousand",
    "m": "million",
    "b": "billion",
    "t": "trillion",
    "bn": "billion",
    "mn": "million",
    "tn": "trillion",
    "mm": "million",
}
_RANGE = re.compile(r"[ \u00a0]?[-–—][ \u00a0]?(?=[$£€]?\d)")


def money_at(text: str, at: int, dialect: Dialect) -> Reading | None:
    """`$12.50`, `£3m`, `EUR 5`, where the sign is; a minus may stand before it."""
    match = _BEFORE.match(text, at) or _CODE_BEFORE.match(text, at)
    if match is None or (match["sign"] and at > 0 and text[at - 1].isalnum()):
        return None
    currency = _SYMBOLS.get(match["symbol"]) or _CODES[match["symbol"]]
    minus = "minus " if match["sign"] or match["minus"] else ""
    return _amount(text, at, match.end(), currency, minus, dialect)


def money_behind(text: str, at: int, dialect: Dialect) -> Reading | None:
    """`12,50 €`, `5 USD` and `50¢`, where the number is."""
    number = _EUROPEAN.match(text, at) or NUMBER.match(text, at)
    if number is None:
        return None
    behind = _BEHIND.match(text, number.end())
    if behind is not None:
        currency = _SYMBOLS.get(behind["symbol"]) or _CODES[behind["symbol"]]
        said, _ = _said(number["whole"], number["fraction"], currency, dialect)
        return [Said(at, behind.end(), said)]
    cents = _CENTS.match(text, number.end())
    if cents is None or (cents[0] in "pc" and (dialect is Dialect.AMERICAN or cents[0] == "c")):
        return None
    one = is_one(number["whole"], number["fraction"])
    name = ("p" if cents[0] == "p" else "cent") + ("" if one or cents[0] == "p" else "s")
    return [Said(at, cents.end(), f"{spoken_number(number['whole'], number['fraction'], dialect)} {name}")]


def _amount(text: str, at: int, start: int, currency: _Currency, minus: str, dialect: Dialect) -> Reading | None:
    number = _NO_WHOLE.match(text, start) or _EUROPEAN.match(text, start) or NUMBER.match(text, start)
    if number is None:
        return None
    end = number.end()
    if scale := _SCALE.match(text, end):
        spoken = spoken_number(number["whole"], number["fraction"], dialect)
        if letter := scale["letter"]:
            name = currency.one if is_attributive(text, at) else currency.many
            return [Said(at, scale.end(), f"{minus}{spoken} {_SCALES[letter.lower()]} {name}")]
        if text[end] == "-" or is_attributive(text, at):
            return [Said(at, scale.end(), f"{minus}{spoken} {scale['word']} {currency.one}")]
        return [
            Said(at, end, f"{minus}{spoken}"),
            Said(end, scale.end(), f" {scale['word']} {currency.many}"),
        ]
    said, is_whole = _said(number["whole"], number["fraction"], currency, dialect)
    if is_whole and is_attributive(text, at):
        said = f"{spoken_number(number['whole'], None, dialect)} {currency.one}"
    if is_whole and (until := _RANGE.match(text, end)) and text[until.end()] != ".":
        spoken = spoken_number(number["whole"], number["fraction"], dialect)
        rest = money_at(text, until.end(), dialect) or _amount(text, until.end(), until.end(), currency, "", dialect)
        if rest is not None:
            return [Said(at, until.end(), f"{minus}{spoken} to "), *rest]
    if dashes := _DASHED_WHOLE.match(text, end):
        end = dashes.end()
    if re.match(r"-[^\W\d_]", text[end : end + 2]) and is_whole:
        said = f"{spoken_number(number['whole'], None, dialect)} {currency.one}"
    return [Said(at, end, f"{minus}{said}")]


def _said(whole: str, fraction: str | None, currency: _Currency, dialect: Dialect) -> tuple[str, bool]:
    """What is said, and whether there are no parts in it. `12.50`: twelve dollars and fifty cents."""
    plain = re.sub(r"\D", "", whole)
    if fraction is None or (len(fraction) == 2 and fraction == "00"):
        spoken = spoken_number(plain, None, dialect)
        return f"{spoken} {currency.one if plain.lstrip('0') == '1' else currency.many}", True
    if len(fraction) != 2:
        return f"{spoken_number(plain, fraction, dialect)} {currency.many}", False
    cents = int(fraction)
    parts = f"{numbers.cardinal(cents, dialect)} {currency.part if cents == 1 else currency.parts}"
    if not plain or int(plain) == 0:
        return parts, False
    return f"{numbers.cardinal(plain, dialect)} {currency.one if int(plain) == 1 else currency.many} and {parts}", False
