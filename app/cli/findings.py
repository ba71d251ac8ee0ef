"""What a check of `sayathing doctor` tells."""

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `advice` says what to do where it is not well."""

    name: str
    verdict: Literal["ok", "warn", "fail"]
    detail: str
    advice: str = ""

    def to_json(self) -> dict[str, str]:
        return asdict(self)
