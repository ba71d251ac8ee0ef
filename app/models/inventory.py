"""What is there of the models, and whether it is what it should be. Nobody is asked over a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.model_files import kokoro_model
from app.models.assets import Asset, AssetState, Found, every_asset
from app.models.pins import Pins, shipped_pins


@dataclass(frozen=True, slots=True)
class Inventory:
    """`pins` says what everything should be; `in_use` is the model that workers load, below `model_dir`."""

    model_dir: Path
    pins: Pins
    in_use: str | None
    assets: Sequence[tuple[Asset, Found]]

    @property
    def damaged(self) -> Sequence[str]:
        return [asset.name for asset, found in self.assets if found.state is AssetState.DAMAGED]


def look_over(model_dir: Path) -> Inventory:
    """Read everything that is there; some seconds for a full set.

    Raises:
      ModelsError: something cannot be read.
    """
    pins = shipped_pins()
    used = kokoro_model(model_dir)
    return Inventory(
        model_dir=model_dir,
        pins=pins,
        in_use=str(used.relative_to(model_dir)) if used else None,
        assets=tuple((asset, asset.found(model_dir)) for asset in every_asset(pins)),
    )
