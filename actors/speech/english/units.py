"""Units of measurement behind a number."""

import re
from dataclasses import dataclass

from actors.speech.english.said import Dialect, word_set


@dataclass(frozen=True, slots=True)
class Unit:
    one: str
    many: str

    def after(self, number: str, dialect: Dialect) -> str:
        """Its name after a number in digits."""
        name = self.one if number == "1" else self.many
        return name.replace("meter", "metre").replace("liter", "litre") if dialect is Dialect.BRITISH else name


def _units(*names: str) -> dict[str, Unit]:
    """Lines such as `km kilometer`, or `ft foot feet` where the plural is no mere s."""
    table = {}
    for line in names:
        symbol, one, *many = line.split(" ", 2)
        one = one.replace("_", " ")
        table[symbol] = Unit(one, many[0].replace("_", " ") if many else f"{one}s")
    return table


_PLAIN = _units(
    "km kilometer", "cm centimeter", "mm millimeter", "nm nanometer", "µm micrometer", "μm micrometer", "m meter",
    "mi mile", "ft foot feet", "yd yard", "in inch inches", "kg kilogram", "g gram", "mg milligram", "µg microgram",
    "μg microgram", "lb pound", "lbs pound pounds", "oz ounce", "st stone stone", "l liter", "L liter", "ml milliliter",
    "mL milliliter", "cl centiliter", "dl deciliter", "gal gallon", "pt pint", "ms millisecond", "µs microsecond",
    "μs microsecond", "ns nanosecond", "s second", "sec second", "secs second", "min minute", "mins minute", "h hour",
    "hr hour", "hrs hour", "wk week", "wks week", "yr year", "yrs year", "Hz hertz hertz", "kHz kilohertz kilohertz",
    "MHz megahertz megahertz", "GHz gigahertz gigahertz", "W watt", "kW kilowatt", "MW megawatt", "GW gigawatt",
    "Wh watt_hour", "kWh kilowatt_hour", "MWh megawatt_hour", "V volt", "kV kilovolt", "mV millivolt", "mA milliamp",
    "mAh milliamp_hour", "kJ kilojoule", "cal calorie", "kcal kilocalorie", "Pa pascal",
    "hPa hectopascal", "kPa kilopascal", "bar bar", "psi P_S_I P_S_I", "dB decibel", "Ω ohm", "kΩ kilohm",
    "KB kilobyte", "kB kilobyte", "MB megabyte", "GB gigabyte", "TB terabyte", "PB petabyte", "KiB kibibyte",
    "MiB mebibyte", "GiB gibibyte", "TiB tebibyte", "Mb megabit", "Gb gigabit", "kbps kilobit_per_second kilobits_per_second",
    "Mbps megabit_per_second megabits_per_second", "Gbps gigabit_per_second gigabits_per_second",
    "mph mile_per_hour miles_per_hour", "kph kilometer_per_hour kilometers_per_hour",
    "km/h kilometer_per_hour kilometers_per_hour", "kmh kilometer_per_hour kilometers_per_hour",
    "m/s meter_per_second meters_per_second", "mpg mile_per_gallon miles_per_gallon", "rpm R_P_M R_P_M",
    "fps frame_per_second frames_per_second", "dpi D_P_I D_P_I", "ppm part_per_million parts_per_million",
    "bpm beat_per_minute beats_per_minute", "px pixel", "MP megapixel", "ha hectare", "ac acre",
    "km² square_kilometer", "m² square_meter", "cm² square_centimeter", "ft² square_foot square_feet", "km2 square_kilometer",
    "m2 square_meter", "sqft square_foot square_feet", "m³ cubic_meter", "cm³ cubic_centimeter", "m3 cubic_meter",
    "m/s² meter_per_second_squared meters_per_second_squared", "mmHg millimeter_of_mercury millimeters_of_mercury",
    "°C degree_Celsius degrees_Celsius", "°F degree_Fahrenheit degrees_Fahrenheit", "°K degree_Kelvin degrees_Kelvin",
    "℃ degree_Celsius degrees_Celsius", "℉ degree_Fahrenheit degrees_Fahrenheit",
    "° degree", "º degree", "% percent percent", "‰ per_mille per_mille", "″ inch inches", "′ foot feet",
)  # fmt: skip

_NEEDS_NO_SPACE = word_set("s h in st ac cal bar pt W L V")
"""These symbols are words or names too, so that they are units only right behind the digits."""

_SYMBOLS = sorted(_PLAIN, key=len, reverse=True)
_UNIT = re.compile(
    "(?P<space>[ \u00a0\u202f]?)(?P<symbol>" + "|".join(map(re.escape, _SYMBOLS)) + r")(?![\w²³°]|[/'’]\w|-\d)"
)


@dataclass(frozen=True, slots=True)
class UnitFound:
    """`[start, end)` without the space before it."""

    start: int
    end: int
    unit: Unit


def unit_at(text: str, offset: int) -> UnitFound | None:
    """The unit that stands at `offset`, or behind one space there."""
    match = _UNIT.match(text, offset)
    if match is None:
        return None
    if match["space"] and match["symbol"] in _NEEDS_NO_SPACE:
        return None
    return UnitFound(match.start("symbol"), match.end(), _PLAIN[match["symbol"]])
