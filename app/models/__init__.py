"""The models on this machine: fetched when a person says so, and looked over.

    look_over(model_dir)         what is there, and whether it is what it should be
    pull(model_dir, wanted, ...) fetch what is missing or damaged
    voices_of_languages(text)    the voices that a person means
    precision_here(model_dir)    the precision of the model that workers load

What each file should be is in `pins.json`, which ships with this version.
"""

from app.models.assets import Asset, AssetState, Found, KokoroFile, SpacyModel
from app.models.errors import ModelsError, PullFailed, SourceAway, SourceRefuses, UnknownLanguage
from app.models.inventory import Inventory, look_over
from app.models.pulling import Pulled, PullWatcher, pull
from app.models.wanted import Wanted, precision_here, voices_of_languages

__all__ = [
    "Asset",
    "AssetState",
    "Found",
    "Inventory",
    "KokoroFile",
    "ModelsError",
    "PullFailed",
    "PullWatcher",
    "Pulled",
    "SourceAway",
    "SourceRefuses",
    "SpacyModel",
    "UnknownLanguage",
    "Wanted",
    "look_over",
    "precision_here",
    "pull",
    "voices_of_languages",
]
