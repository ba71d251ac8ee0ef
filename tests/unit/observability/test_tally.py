"""What a process measures until it hands it over."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from app.api.metrics import _family, _Page
from app.domain.metrics import CACHE_LOOKUPS, KEPT, SEGMENT_SECONDS, SHOWN
from app.observability import Tally


def test_counts_add_up_and_are_handed_over_once() -> None:
    tally = Tally()
    tally.count(CACHE_LOOKUPS, "hit")
    tally.count(CACHE_LOOKUPS, "hit", amount=2)
    assert tally.drain() == {(CACHE_LOOKUPS.name, '["hit"]', "total"): 3.0}
    assert tally.drain() == {}


def test_what_could_not_be_handed_over_is_kept() -> None:
    tally = Tally()
    tally.count(CACHE_LOOKUPS, "hit")
    cells = tally.drain()
    tally.count(CACHE_LOOKUPS, "hit")
    tally.put_back(cells)
    assert tally.drain() == {(CACHE_LOOKUPS.name, '["hit"]', "total"): 2.0}


@given(values=st.lists(st.floats(0, 100) | st.sampled_from(SEGMENT_SECONDS.buckets), max_size=20))
def test_our_histograms_are_those_of_the_client_library(values: list[float]) -> None:
    registry = CollectorRegistry()
    theirs = Histogram(
        SEGMENT_SECONDS.name, SEGMENT_SECONDS.help, ["engine"], buckets=SEGMENT_SECONDS.buckets, registry=registry
    )
    tally = Tally()
    for value in values:
        theirs.labels("espeak").observe(value)
        tally.observe(SEGMENT_SECONDS, value, "espeak")

    ours = generate_latest(_Page([_family(SEGMENT_SECONDS, tally.drain())])).decode()  # type: ignore[arg-type]
    wanted = [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]
    assert ours.splitlines() == wanted


def test_names_follow_the_conventions() -> None:
    names = [metric.shown for metric in SHOWN]
    assert len(set(names)) == len(names)
    for metric in SHOWN:
        assert metric.name.startswith("sayathing_")
        assert metric.help.endswith(".")
        assert metric.buckets == tuple(sorted(metric.buckets))
        assert not any(unit in metric.name for unit in ("_ms", "milliseconds", "_minutes"))
    assert set(KEPT.values()) <= set(SHOWN)
