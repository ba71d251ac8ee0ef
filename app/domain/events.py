"""What happened, told to the actors: frozen, versioned, JSON-safe, and ids only, never a text.

An event travels as the one argument of a message. `run` counts how often the task was set going by a
person: an event of an earlier run finds that its time is over and does nothing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar, Self, cast

from app.domain.ids import TaskId
from app.domain.tasks import Priority


class UnknownEvent(ValueError):
    """A message carries an event, or a version of one, that this code does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    version: ClassVar[int] = 1

    task_id: TaskId
    run: int
    priority: Priority

    @property
    def part(self) -> tuple[int | None, int | None]:
        """The item and the segment that the event is about; None where it is about the whole."""
        return None, None

    def to_json(self) -> dict[str, str | int]:
        return {
            "event": type(self).__name__,
            "version": self.version,
            **asdict(self),
            "priority": int(self.priority),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Self:
        """The event that `to_json` wrote.

        Raises:
          UnknownEvent: another event, another version, or fields that do not fit.
        """
        fields = dict(data)
        name, version = fields.pop("event", None), fields.pop("version", None)
        if (name, version) != (cls.__name__, cls.version):
            raise UnknownEvent(f"Expected {cls.__name__} version {cls.version}, got {name} version {version}.")
        try:
            fields["priority"] = Priority(cast(int, fields.get("priority")))
            return cls(**fields)  # type: ignore[arg-type]  # a field that does not fit raises just below
        except (TypeError, ValueError) as error:
            raise UnknownEvent(f"{cls.__name__}: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class TextToSpeechRequested(Event):
    """A task was accepted, or set going again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRequested(Event):
    """One segment of one item is wanted; `place` is its place among all segments of the task, `take` counts the
    times that segments of the item were lost."""

    item: int
    segment: int
    place: int
    take: int

    @property
    def part(self) -> tuple[int | None, int | None]:
        return self.item, self.segment


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRequested(Event):
    """The end of a run is to be told to the task's webhook, at `at` (milliseconds since the Unix epoch) or later.
    `ticket` numbers the attempts that were asked for: only the newest one is made."""

    ticket: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingRequested(Event):
    """Every item of a book has its file; the one file of all is wanted. `take` counts the times that files or
    segments of its items were lost."""

    take: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AssemblyRequested(Event):
    """Every segment of an item is stored; its file is wanted. `take` as in `SegmentRequested`; `place` is where the item
    stands among those of the task whose files are wanted at once, 0 where it was waited for."""

    item: int
    take: int
    place: int = 0

    @property
    def part(self) -> tuple[int | None, int | None]:
        return self.item, None
