"""The two charts: which lines they have, and their points as charts.js and a table take them."""

from collections.abc import Callable
from dataclasses import dataclass

from ._service_values import ChartPoint, History


@dataclass(frozen=True, slots=True)
class Line:
    """`colour` is the name of a custom property of the style sheet; `dash` tells lines apart without colours;
    `right` puts it on the right-hand scale."""

    label: str
    colour: str
    value: Callable[[ChartPoint], float | None]
    unit: str = ""
    dash: tuple[int, ...] = ()
    right: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """`whole`: there is nothing between two numbers of its left-hand scale."""

    name: str
    title: str
    lines: tuple[Line, ...]
    whole: bool = False


CHARTS = (
    Chart(
        "depth",
        "Unfinished tasks by state",
        (
            Line("pending", "--grey", lambda point: point.depth["pending"]),
            Line("processing", "--blue", lambda point: point.depth["processing"], dash=(8, 4)),
            Line("retryable", "--amber", lambda point: point.depth["retryable"], dash=(2, 3)),
        ),
        whole=True,
    ),
    Chart(
        "pace",
        "Tasks done, and how long the slowest 5 % waited",
        (
            Line("done per minute", "--green", lambda point: point.completed_per_minute),
            Line("wait p95", "--accent", lambda point: point.wait_p95, unit="s", dash=(6, 4), right=True),
        ),
    ),
)


def chart_data(chart: Chart, history: History | None) -> dict[str, object]:
    """Times in seconds, then each line's values: what uPlot takes, and how the lines look."""
    points = history.points if history else ()
    return {
        "whole": chart.whole,
        "lines": [
            {"label": line.label, "colour": line.colour, "unit": line.unit, "dash": line.dash, "right": line.right}
            for line in chart.lines
        ],
        "data": [
            [point.at / 1000 for point in points],
            *([_rounded(line.value(point)) for point in points] for line in chart.lines),
        ],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
