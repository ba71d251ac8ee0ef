"""What is fetched, from where, and what it has to be: `pins.json`, which ships with this version.

The model hub could not be reached where the list was made. Its revision and hashes are those that public projects pin
for the same files, each found in at least two that do not know of each other, in November 2026. They have not been
compared with the hub by us: the first pull does that. Where one is wrong, the pull says so and leaves the file out.
`bytes` is null where no exact size was found; the source is asked for it.
"""

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Pin(BaseModel):
    """What a download has to be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: Annotated[int, Field(gt=0)] | None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class KokoroPins(BaseModel):
    """Files of one commit of a repository on the hub, by their names in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: str
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    files: dict[str, Pin]


class WheelPin(Pin):
    """A wheel at an address of its own."""

    url: str


class Pins(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kokoro: KokoroPins
    spacy: WheelPin


@cache
def shipped_pins() -> Pins:
    return Pins.model_validate_json(Path(__file__).with_name("pins.json").read_bytes())
