"""The dashboard: HTML pages that show tasks and their audio, and play it.

It knows no queue, no database and no engine: whoever mounts it hands it a `DashboardBackend`.
"""

from ._backend import DashboardBackend, FormRefused, MoveRefused
from ._fake import FakeBackend
from ._routes import create_dashboard
from ._values import (
    STATES,
    AudioFile,
    Choices,
    Count,
    DroppedSpan,
    Fault,
    ItemView,
    Moment,
    SpeakForm,
    State,
    TaskLine,
    TaskPage,
    TaskQuery,
    TaskView,
    VoiceChoice,
)

__all__ = [
    "STATES",
    "AudioFile",
    "Choices",
    "Count",
    "DashboardBackend",
    "DroppedSpan",
    "FakeBackend",
    "Fault",
    "FormRefused",
    "ItemView",
    "Moment",
    "MoveRefused",
    "SpeakForm",
    "State",
    "TaskLine",
    "TaskPage",
    "TaskQuery",
    "TaskView",
    "VoiceChoice",
    "create_dashboard",
]
