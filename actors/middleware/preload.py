"""Loads the voice that most tasks will ask for while the worker waits for its first."""

import threading
from typing import Any

import structlog
from dramatiq import Broker, Middleware

from actors.speech import Engines
from app.domain.errors import SpeechError
from app.services.list_voices import VoiceDirectory

log = structlog.get_logger(__name__)


class Preload(Middleware):
    """In a thread beside the work: a task that comes meanwhile waits for the same model, not for a second one.

    `timeout_seconds` is how long it may take before the log says so; loading itself cannot be interrupted.
    """

    def __init__(self, engines: Engines, voices: VoiceDirectory, timeout_seconds: float) -> None:
        self._engines = engines
        self._voices = voices
        self._timeout_seconds = timeout_seconds

    def after_worker_boot(self, broker: Broker, worker: Any) -> None:
        threading.Thread(target=self._preload, name="Preload", daemon=True).start()

    def _preload(self) -> None:
        voice = self._voices.default()
        slow = threading.Timer(self._timeout_seconds, self._complain, args=(str(voice),))
        slow.daemon = True
        slow.start()
        try:
            self._engines.engine_for(voice).preload([voice])
            log.info("voice_preloaded", voice=str(voice))
        except SpeechError as error:
            log.warning("voice_not_preloaded", voice=str(voice), reason=str(error))
        finally:
            slow.cancel()

    def _complain(self, voice: str) -> None:
        log.warning("voice_preload_slow", voice=voice, limit_seconds=self._timeout_seconds)
