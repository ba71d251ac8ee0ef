"""The names that clients of OpenAI's speech API use, and what they stand for here. docs/api.md shows these tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Alias:
    """Who speaks under one of OpenAI's voice names: `kokoro` where that can speak here, else `espeak`."""

    kokoro: str
    espeak: str


VOICE_ALIASES: Mapping[str, Alias] = MappingProxyType(
    {
        "alloy": Alias("af_alloy", "espeak-en-us"),
        "ash": Alias("am_michael", "espeak-en-us-nyc"),
        "ballad": Alias("bm_george", "espeak-en-gb-x-rp"),
        "cedar": Alias("am_fenrir", "espeak-en-gb-scotland"),
        "coral": Alias("af_bella", "espeak-en-029"),
        "echo": Alias("am_echo", "espeak-en-us-nyc"),
        "fable": Alias("bm_fable", "espeak-en-gb"),
        "marin": Alias("af_heart", "espeak-en-us"),
        "nova": Alias("af_nova", "espeak-en-us"),
        "onyx": Alias("am_onyx", "espeak-en-gb-scotland"),
        "sage": Alias("af_sarah", "espeak-en-gb-x-gbclan"),
        "shimmer": Alias("af_sky", "espeak-en-us"),
        "verse": Alias("am_puck", "espeak-en-gb-x-gbcwmd"),
    }
)
"""The built-in voices of OpenAI's API, by gender and accent where ours allow it."""

MODELS: Mapping[str, str | None] = MappingProxyType(
    {
        "tts-1": None,
        "tts-1-hd": None,
        "gpt-4o-mini-tts": None,
        "gpt-4o-mini-tts-2025-03-20": None,
        "gpt-4o-mini-tts-2025-12-15": None,
        "sayathing": None,
        "kokoro": "kokoro",
        "espeak": "espeak",
    }
)
"""The models that a request may name, and the engine that its voice must have; None where any will do."""
