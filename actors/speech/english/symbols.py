"""Signs and emoji: what a reader says for them, or the mark of punctuation that they are."""

import unicodedata
from functools import lru_cache

from emoji import EMOJI_DATA

from actors.speech.english import numbers
from actors.speech.english.said import Dialect, Reading, Said

_SAID = {
    "&": "and", "%": "percent", "‰": "per mille", "+": "plus", "=": "equals", "±": "plus or minus", "∓": "minus or plus", "×": "times", "÷": "divided by",
    "·": "times", "≠": "does not equal", "≈": "is about", "≡": "is identical to", "≤": "is at most", "≥": "is at least",
    "⩽": "is at most", "⩾": "is at least", "√": "square root of", "∛": "cube root of", "∞": "infinity", "∑": "sum of", "∏": "product of", "∫": "integral of",
    "∂": "partial", "∆": "delta", "∇": "nabla", "∈": "is in", "∉": "is not in", "∪": "union", "∩": "intersection", "⊂": "is a subset of",
    "∅": "the empty set", "∀": "for all", "∃": "there is", "¬": "not", "∧": "and", "∨": "or", "→": "to", "←": "from", "⇒": "implies", "⇔": "if and only if",
    "↔": "to and from", "↑": "up", "↓": "down", "−": "minus", "∝": "is proportional to", "∠": "angle", "⊥": "is perpendicular to", "∥": "is parallel to",
    "°": "degrees", "º": "", "ª": "", "§": "section", "¶": "paragraph", "©": "copyright", "®": "", "™": "", "℠": "", "†": "", "‡": "", "@": "at", "№": "number",
    "$": "dollars", "£": "pounds", "€": "euros", "¥": "yen", "¢": "cents", "₹": "rupees", "₿": "bitcoins", "µ": "micro", "℃": "degrees Celsius",
    "℉": "degrees Fahrenheit", "Ω": "ohms", "★": "star", "☆": "star", "✓": "check", "✔": "check", "✗": "cross", "✘": "cross", "♯": "sharp", "♭": "flat", "♮": "natural",
    "½": "one half", "\\": "backslash", "♂": "male", "♀": "female",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu",
    "ν": "nu", "ξ": "xi", "ο": "omicron", "π": "pi", "ρ": "rho", "σ": "sigma", "ς": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "ϕ": "phi", "χ": "chi", "ψ": "psi",
    "ω": "omega", "ϑ": "theta", "ϵ": "epsilon",
}  # fmt: skip
_MARKS = {
    ".": ".", ",": ",", ";": ";", ":": ":", "!": "!", "?": "?", "…": "…", "—": "—", "―": "—", "⸺": "—", "(": "(", ")": ")", "[": "(", "]": ")",
    "{": "(", "}": ")", "“": "“", "”": "”", "„": "“", "‟": "“", "«": "“", "»": "”", "「": "“", "」": "”", "『": "“", "』": "”", "《": "“", "》": "”",
    "、": ",", "。": ".", "，": ",", "；": ";", "：": ":", "！": "!", "？": "?", "（": "(", "）": ")", "｡": ".", "､": ",", "¡": "", "¿": "", "‽": "?!",
    "؟": "?", "،": ",", "؛": ";", "।": ".", "॥": ".", "۔": ".", "‼": "!", "⁇": "?", "⁈": "?!", "⁉": "!?", "•": ",", "‣": ",", "◦": ",", "|": ",", "¦": ",",
    "【": "(", "】": ")", "〈": "“", "〉": "”", "～": "",
}  # fmt: skip
_UNSAID_BLOCKS = (range(0x2500, 0x2600), range(0x2800, 0x2900), range(0xE000, 0xF900), range(0x1FB00, 0x1FC00))
"""Lines, boxes and dots that draw something; private use."""

_LONGEST_EMOJI = 10
_VARIATION = "\ufe0f"
_HEARTS = frozenset({"❤", "♥", "❤️", "♥️", "💕", "💖", "💗", "💓", "💙", "💚", "💛", "💜", "🖤"})


def mark_of(character: str) -> str | None:
    """The mark that a reader pauses for, or nothing; None of what is no punctuation."""
    return _MARKS.get(character)


def greek_letter(character: str) -> str | None:
    """The name of a Greek letter."""
    return _GREEK.get(character.lower())


def emoji_at(text: str, at: int) -> Reading | None:
    """An emoji's name, once for a run of the same one; a comma sets it off from the words around it."""
    if text[at] < "\u00aa" and text[at + 1 : at + 2] not in {_VARIATION, "\u20e3"}:
        return None
    sequence = _emoji(text, at)
    if sequence is None or (sequence in _SAID and len(sequence) == 1):
        return None
    end = at + len(sequence)
    while text.startswith(sequence, end):
        end += len(sequence)
    before, after = text[max(0, at - 4) : at].rstrip(), text[end : end + 2].lstrip()
    if sequence in _HEARTS and after[:1].isalnum() and before.split()[-1:] in (["I"], ["We"], ["we"]):
        return [Said(at, end, "love")]
    return [
        Said(
            at,
            end,
            f"{', ' if before[-1:].isalnum() else ''}{_emoji_name(sequence)}{',' if after[:1].isalnum() else ''}",
        )
    ]


def _emoji(text: str, at: int) -> str | None:
    for length in range(_LONGEST_EMOJI, 0, -1):
        sequence = text[at : at + length]
        if sequence in EMOJI_DATA:
            return sequence
    return None


@lru_cache(512)
def _emoji_name(sequence: str) -> str:
    name = str(EMOJI_DATA[sequence]["en"]).strip(":").replace("_", " ").replace("-", " ").replace("’", "'")
    for tone in ("medium light", "medium dark", "light", "medium", "dark"):
        name = name.replace(f" {tone} skin tone", "")
    name = name.replace("keycap ", "").replace("&", "and")
    if "\U0001f1e6" <= sequence[0] <= "\U0001f1ff":
        name = f"flag of {name}"
    if name.isdigit():
        name = numbers.cardinal(name, Dialect.AMERICAN)
    plain = unicodedata.normalize("NFKD", name)
    return "".join(
        character for character in plain if character.isascii() and (character.isalnum() or character in " ',")
    )


@lru_cache(4096)
def said_of(character: str) -> str:
    """What is said for a sign by itself: its name, a number, or nothing."""
    if character in _SAID:
        return _SAID[character]
    category = unicodedata.category(character)
    if category in {"No", "Nl", "Nd"}:
        value = unicodedata.numeric(character, -1)
        return numbers.cardinal(int(value), Dialect.AMERICAN) if value >= 0 and value == int(value) else ""
    if category not in {"So", "Sm", "Sc"} or any(ord(character) in block for block in _UNSAID_BLOCKS):
        return ""
    name = unicodedata.name(character, "").lower().replace("-", " ")
    return "".join(part for part in name if part.isalpha() or part == " ")
