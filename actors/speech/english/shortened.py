"""Abbreviations, initials and Roman numerals, where a reader says more than what stands there."""

import re

from actors.speech.english import numbers
from actors.speech.english.said import Dialect, Reading, Said, word_set

_WITH_STOP = {
    "mr": "Mister", "mrs": "Missus", "ms": "Miz", "messrs": "Messers", "mx": "Mix", "prof": "Professor", "rev": "Reverend", "hon": "Honorable",
    "gen": "General", "col": "Colonel", "capt": "Captain", "cpt": "Captain", "lt": "Lieutenant", "sgt": "Sergeant",
    "cpl": "Corporal", "pvt": "Private", "maj": "Major", "cmdr": "Commander", "adm": "Admiral", "gov": "Governor",
    "sen": "Senator", "rep": "Representative", "pres": "President", "supt": "Superintendent", "dept": "department",
    "est": "established", "approx": "approximately", "appt": "appointment", "apt": "apartment", "assn": "association", "assoc": "associate",
    "asst": "assistant", "ave": "Avenue", "blvd": "Boulevard", "bldg": "building", "bros": "brothers", "ch": "chapter",
    "co": "company", "corp": "corporation", "cf": "compare", "ed": "editor", "eds": "editors", "esp": "especially", "etc": "etc",
    "ext": "extension", "fig": "figure", "figs": "figures", "ft": "Fort", "govt": "government", "hwy": "Highway", "inc": "incorporated",
    "incl": "including", "intl": "international", "jr": "junior", "ltd": "limited", "max": "maximum", "min": "minimum", "misc": "miscellaneous",
    "mt": "Mount", "mts": "mountains", "mtn": "mountain", "nos": "numbers", "para": "paragraph", "pp": "pages", "pg": "page", "prev": "previous",
    "pt": "part", "pkwy": "Parkway", "rd": "Road", "ref": "reference", "sec": "section", "sect": "section", "sq": "square", "sr": "senior",
    "tel": "telephone", "temp": "temperature", "univ": "university", "viz": "namely", "vol": "volume", "vols": "volumes",
    "vs": "versus", "v": "versus", "yr": "year", "yrs": "years", "hr": "hour", "hrs": "hours", "mo": "month", "wk": "week", "al": "al",
    "ca": "circa", "c": "circa", "p": "page", "op": "opus", "jct": "junction", "ln": "Lane", "dist": "district", "ste": "suite", "hist": "historical",
}  # fmt: skip
"""Short forms that are followed by a full stop, by their small letters."""

_ONLY_BEFORE_DIGITS = word_set("ch p pp pg c ca ext fig figs nos sec pt op vol para ed ref")
_ONLY_BEFORE_NAMES = word_set("gen col maj rep sen gov pres hon rev adm ft mt v capt")
_ONLY_AFTER_NAMES = word_set("ave co corp inc ltd jr sr rd ln bros")
_NEVER_CAPITAL = word_set("al etc max min mo temp")
_AFTER_WORDS_ONLY = frozenset({"al"})
_WORD_BEFORE_STOP = re.compile(r"[A-Za-z]{1,6}(?=\.)")

_DOTTED = {
    "e.g": "for example", "i.e": "that is", "a.k.a": "also known as", "n.b": "nota bene", "q.v": "which see", "r.i.p": "R I P",
    "p.s": "P S", "a.m": "A M", "p.m": "P M", "ph.d": "P H D", "d.phil": "D Phil", "b.sc": "B S C", "m.sc": "M S C", "w.r.t": "with respect to",
}  # fmt: skip
_INITIALS = re.compile(r"(?:[A-Za-z]\.){2,10}(?:[A-Za-z](?![^\W_]))?|(?:[A-Za-z]{1,2}\.[A-Za-z]{1,4})\.?(?![^\W_])")
_INITIAL = re.compile(r"[A-Z]\.(?=[ \u00a0][A-Z])")
_BARE = {"vs": "versus", "eg": "for example", "ie": "that is", "aka": "also known as", "etc": "etc", "approx": "approximately", "dept": "department",
         "govt": "government", "w/o": "without", "w/": "with", "b/c": "because", "n/a": "N A", "c/o": "care of", "a/c": "A C", "mr": "Mister", "mrs": "Missus",
         "dr": "Doctor", "prof": "Professor", "jr": "junior"}  # fmt: skip
_BARE_WORD = re.compile(r"w/o|w/(?=[ \u00a0\w])|b/c|[nN]/[aA]|c/o|a/c|[A-Za-z]{2,6}")
_BARE_CAPITAL = frozenset({"mr", "mrs", "dr", "prof", "jr"})
_NUMBER_WORD = re.compile(r"N[oº°]\.?[ \u00a0]?(?=\d)|no\.[ \u00a0]?(?=\d)|Nr\.[ \u00a0]?(?=\d)")
_DOCTOR_OR_DRIVE = re.compile(r"(?P<word>Dr|St)\.(?![^\W_])")
_PRECEDING_NAME = re.compile(r"([A-Za-z0-9][\w'’-]{0,30})\.?[ \u00a0]$")

_ROMAN = re.compile(r"[IVXLCDM]{1,15}(?![^\W_]|['’-][^\W_])")
_COUNTED = word_set(
    "chapter part volume vol book act scene section article appendix phase stage type class grade level title figure "
    "table plate canto psalm war mark mk ii division super apollo saturn gemini episode season round unit group form "
    "schedule step lesson column rocky final fantasy bowl olympiad factor tier world module"
)
_REGNAL = word_set(
    "henry james george edward richard william charles elizabeth louis philip francis frederick john paul pius leo "
    "benedict gregory innocent clement urban boniface alexander nicholas catherine peter ivan constantine ferdinand "
    "alfonso christian gustav harald olaf ramesses napoleon wilhelm leopold albert victor umberto carlos juan joseph "
    "maximilian otto haakon mary robert david malcolm cleopatra ptolemy thutmose amenhotep celestine martin sixtus "
    "stephen adrian julius xerxes darius mehmed murad selim charlemagne felipe"
)


def shortened_at(text: str, at: int, dialect: Dialect) -> Reading | None:
    """What a short form that begins at `at` stands for."""
    for rule in (_number_word, _doctor_or_drive, _initials, _with_stop, _bare, _roman):
        reading = rule(text, at, dialect)
        if reading is not None:
            return reading
    return None


def _number_word(text: str, at: int, dialect: Dialect) -> Reading | None:
    match = _NUMBER_WORD.match(text, at)
    return match and [Said(at, match.end(), "number ")]


def _doctor_or_drive(text: str, at: int, dialect: Dialect) -> Reading | None:
    """Before a name doctor and saint, behind one drive and street."""
    match = _DOCTOR_OR_DRIVE.match(text, at)
    if match is None:
        return None
    title, road = ("Doctor", "Drive") if match["word"] == "Dr" else ("Saint", "Street")
    following = text[match.end() : match.end() + 3].lstrip(" \u00a0\n")
    before = _PRECEDING_NAME.search(text[max(0, at - 33) : at])
    follows_name = (
        before is not None and (before[1][0].isupper() or before[1][0].isdigit()) and before[1].lower() not in _NO_NAMES
    )
    precedes_name = following[:1].isupper()
    if follows_name and not (precedes_name and before is not None and not _follows_number(text, at)):
        return [Said(at, match.end(), road + _stop_after(text, match.end()))]
    return [Said(at, match.end(), title if precedes_name or not follows_name else road)]


_NO_NAMES = word_set("the a an to for see by and of with from ask dear when if but so as in at on i he she")
_HOUSE_NUMBER = re.compile(r"\d[\w-]{0,6}[ \u00a0](?:[A-Z0-9][\w'’.-]{0,30}[ \u00a0]){1,3}$")


def _follows_number(text: str, at: int) -> bool:
    """Whether it ends an address such as `12 Oak St.`"""
    return _HOUSE_NUMBER.search(text[max(0, at - 80) : at]) is not None


def _initials(text: str, at: int, dialect: Dialect) -> Reading | None:
    match = _INITIALS.match(text, at)
    if match is None:
        single = _INITIAL.match(text, at)
        return single and [Said(at, single.end(), text[at])]
    written = match[0]
    end = match.end()
    known = _DOTTED.get(written.lower().rstrip("."))
    if known is not None and known[0].islower():
        return [Said(at, end, known)]
    if known is None and not all(len(part) == 1 for part in written.rstrip(".").split(".")):
        return None
    if known is None and written.islower() and len(written) < 5 and not written.endswith("."):
        return None
    spoken = known or " ".join(written.upper().replace(".", ""))
    return [Said(at, end, spoken + (_stop_after(text, end) if written.endswith(".") else ""))]


def _stop_after(text: str, end: int) -> str:
    """A full stop that is of the short form and of the sentence: where nothing, a line's end or a new sentence follows."""
    following = text[end : end + 40]
    rest = following.lstrip(" \u00a0\"'”’)")
    if not rest or following.lstrip(" \u00a0")[:1] == "\n":
        return " ."
    word = re.match(r"[A-Za-z]+", rest)
    return " ." if word is not None and word[0] in _SENTENCE_STARTERS and following[:1].isspace() else ""


_SENTENCE_STARTERS = word_set(
    "The A An This That These Those There Then It Its He She We They You I In On At As If When While But And Or So "
    "For After Before His Her Our My Their Your What Who Why How Where Now No Not"
)


def _with_stop(text: str, at: int, dialect: Dialect) -> Reading | None:
    match = _WORD_BEFORE_STOP.match(text, at)
    if match is None:
        return None
    word = match[0].lower()
    spoken = _WITH_STOP.get(word)
    end = match.end() + 1
    if spoken is None or (
        end < len(text) and text[end].isalnum() and not (text[end].isdigit() and word in _ONLY_BEFORE_DIGITS)
    ):
        return None
    if word in _ONLY_AFTER_NAMES and not match[0][0].isupper():
        return None
    following = text[end : end + 3].lstrip(" \u00a0")
    if word in _ONLY_BEFORE_DIGITS and not following[:1].isdigit() and not (following[:1] in "IVX" and following[:1]):
        return None
    if word in _ONLY_BEFORE_NAMES and not (following[:1].isupper() and (match[0][0].isupper() or word == "v")):
        return None
    if (
        word in _NEVER_CAPITAL
        and word != "etc"
        and (match[0][0].isupper() or not following[:1].islower())
        and word not in _AFTER_WORDS_ONLY
    ):
        return None
    if match[0].isupper() and len(match[0]) > 1:
        return None
    return [Said(at, end, spoken + _stop_after(text, end))]


def _bare(text: str, at: int, dialect: Dialect) -> Reading | None:
    """Short forms without a stop; British English writes Mr and Dr so."""
    match = _BARE_WORD.match(text, at)
    if match is None or match[0].lower() not in _BARE or (match.end() < len(text) and _continues(text, match.end())):
        return None
    word = match[0].lower()
    if word in _BARE_CAPITAL:
        if not match[0][0].isupper() or match[0].isupper() or not text[match.end() + 1 : match.end() + 2].isupper():
            return None
    elif match[0].isupper() and "/" not in word:
        return None
    if word in {"eg", "ie"} and text[match.end() : match.end() + 1] not in {" ", ",", ":"}:
        return None
    return [Said(at, match.end(), _BARE[word])]


def _continues(text: str, end: int) -> bool:
    return text[end - 1] != "/" and (text[end].isalnum() or text[end] in "'’_")


def _roman(text: str, at: int, dialect: Dialect) -> Reading | None:
    """Numbers of chapters and kings; without such a word before them only what is no word, letter or abbreviation."""
    match = _ROMAN.match(text, at)
    if match is None:
        return None
    value = numbers.roman(match[0])
    if value is None:
        return None
    before = _PRECEDING_NAME.search(text[max(0, at - 33) : at])
    word = before[1] if before is not None else ""
    if word.lower() in _REGNAL and word[0].isupper() and (len(match[0]) > 1 or match[0] in "VX"):
        return [Said(at, match.end(), f"the {numbers.ordinal(value, dialect)}")]
    if word.lower() in _REGNAL and match[0] == "I" and _ends_a_name(text, match.end()):
        return [Said(at, match.end(), "the first")]
    if word.lower() in _COUNTED and (word[0].isupper() or len(match[0]) > 1):
        return [Said(at, match.end(), numbers.cardinal(value, dialect))]
    if match[0] in _NO_WORDS and word and word[0].isupper():
        return [Said(at, match.end(), numbers.cardinal(value, dialect))]
    if text[match.end() : match.end() + 1] in {".", ")"} and _begins_line(text, at) and match[0] != "I":
        return [Said(at, match.end(), numbers.cardinal(value, dialect))]
    return None


_NO_WORDS = word_set("II III IV VI VII VIII IX XI XII XIII XIV XV XVI XVII XVIII XIX XXI XXII XXIII XXIV")


def _ends_a_name(text: str, end: int) -> bool:
    following = text[end : end + 12].lstrip()
    return (
        not following
        or following[0] in ",.;:)!?"
        or following.split(None, 1)[0] in {"of", "was", "and", "had", "the", "in", "died"}
    )


def _begins_line(text: str, at: int) -> bool:
    before = text[max(0, at - 8) : at].rstrip(" \t")
    return not before or before[-1] == "\n"
