"""Every change to a task, each as one verb over an open transaction.

Each verb checks the state first and does nothing where its time is over: a message that comes twice, late,
or after a cancel changes no row. `now` is in milliseconds since the Unix epoch.
"""

from app.results.changing import StaleTask
from app.results.end_changes import EndChanges
from app.results.reading import SegmentWork, TaskFilter
from app.results.segment_changes import PlannedSegment
from app.results.task_changes import TaskChanges

__all__ = ["PlannedSegment", "ResultsStore", "SegmentWork", "StaleTask", "TaskFilter"]


class ResultsStore(TaskChanges, EndChanges):
    """Reads and writes over one open transaction; also the `Transaction` that events are published in."""
