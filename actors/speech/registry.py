"""Which engine speaks a voice."""

import threading
from collections.abc import Callable, Mapping

from app.domain.errors import EngineMissing
from app.domain.voices import VoiceMix
from app.ports import SpeechEngine


class Engines:
    """The engines by the name that the catalogue gives them (`Voice.engine`), each made at its first use.

    Safe between threads: a factory is called once. One that raises is tried again at the next use.
    """

    def __init__(self, factories: Mapping[str, Callable[[], SpeechEngine]]) -> None:
        self._factories = dict(factories)
        self._engines: dict[str, SpeechEngine] = {}
        self._lock = threading.Lock()

    def engine_for(self, voice: VoiceMix) -> SpeechEngine:
        """
        Raises:
          EngineMissing: no engine of that name was given.
        """
        with self._lock:
            if voice.engine not in self._engines:
                if voice.engine not in self._factories:
                    raise EngineMissing(f"This worker has no engine {voice.engine!r} for the voice {str(voice)!r}.")
                self._engines[voice.engine] = self._factories[voice.engine]()
            return self._engines[voice.engine]

    def close(self) -> None:
        """Close every engine that was made; the next use loads it again."""
        with self._lock:
            for engine in self._engines.values():
                engine.close()
