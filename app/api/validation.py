"""What pydantic found wrong with a value, in words for whoever sent it."""

from collections.abc import Callable, Mapping
from typing import Any

_ADVICE: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "extra_forbidden": lambda _: "There is no such field. Leave it out, or correct its name.",
    "string_type": lambda _: "Give a string.",
    "float_type": lambda _: "Give a number.",
    "int_type": lambda _: "Give a whole number.",
    "bool_type": lambda _: "Give true or false.",
    "list_type": lambda _: "Give a list.",
    "dict_type": lambda _: "Give a JSON object.",
    "model_type": lambda _: "Give a JSON object.",
    "model_attributes_type": lambda _: "Give a JSON object.",
    "enum": lambda about: f"Give one of {about['expected']}.",
    "literal_error": lambda about: f"Give one of {about['expected']}.",
    "greater_than_equal": lambda about: f"Give at least {_figure(about['ge'])}.",
    "less_than_equal": lambda about: f"Give at most {_figure(about['le'])}.",
    "finite_number": lambda _: "Give a finite number.",
    "string_too_short": lambda about: f"Give at least {_counted(about['min_length'], 'character')}.",
    "string_too_long": lambda about: f"Give at most {_counted(about['max_length'], 'character')}.",
    "too_short": lambda about: f"Give at least {_counted(about['min_length'], 'element')}.",
    "too_long": lambda about: f"Give at most {_counted(about['max_length'], 'element')}.",
}
_OBJECTS = {"webhook": ' Such as {"url": "https://example.org/hook"}.', "book": ' Such as {"title": "A Book"}.'}


def _figure(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def advice_of(error: Mapping[str, Any]) -> str:
    """One sentence or two for one of a ValidationError's errors."""
    name = error["loc"][-1] if error["loc"] else ""
    if error["type"] == "missing":
        return f"`{name}` is missing."
    if error["type"] == "string_unicode":
        return f"{'It' if error['loc'] else 'The name of a field'} holds half of a surrogate pair. Remove it."
    if error["type"] in _ADVICE:
        advice = _ADVICE[error["type"]](error.get("ctx", {}))
        return advice + _OBJECTS.get(str(name), "") if error["type"].startswith(("model_", "dict_")) else advice
    return f"{str(error['msg']).rstrip('.')}."


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
