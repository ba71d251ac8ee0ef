"""What a voice sounds like: a sentence in its own language, spoken once and kept."""

import asyncio
import hashlib
import json
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path

import anyio.to_thread

from app.asking import WorkerQuestions
from app.domain.errors import VoiceUnavailable
from app.domain.model_files import KOKORO_TOKENIZER, kokoro_folder, kokoro_model, kokoro_voice, spacy_folder
from app.domain.sample_texts import sample_text
from app.domain.voices import VoiceMix
from app.ports import AudioStore
from app.publishing import SPEAK_SAMPLE
from app.services.list_voices import VoiceDirectory

WAIT_SECONDS = 30.0
"""A player cannot ask again by itself, so its request is held: a model takes seconds to load, a sample to speak."""

_VERSION = 1
"""Rises when samples of the same voice are to be spoken anew."""

_LIBRARIES = ("sayathing", "espeakng-loader", "misaki", "spacy", "onnxruntime")


class TooManySamples(Exception):
    """As many samples as may be are waited for already."""


class VoiceSamples:
    """Samples from the audio store, and those that are not there from a worker.

    A sample lies under the hash of what decides its sound, as far as this process can tell without a model: texts,
    libraries, and size and time of the model's files. It outlives restarts, and another model has another.

    Parameters:
      at_once: how many samples may be waited for at a time; one that several clients wait for counts once.
    """

    def __init__(
        self,
        audio: AudioStore,
        voices: VoiceDirectory,
        questions: WorkerQuestions,
        *,
        model_dir: Path,
        at_once: int,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._audio = audio
        self._voices = voices
        self._questions = questions
        self._model_dir = model_dir
        self._at_once = at_once
        self._wait_seconds = wait_seconds
        self._waited_for: dict[str, asyncio.Task[None]] = {}

    async def sample(self, mix: VoiceMix) -> bytes:
        """The sample's file, in `SAMPLE_FORMAT`; spoken first where there is none.

        Raises:
          VoiceUnavailable: the voice cannot speak here; the message says what to do.
          TooManySamples
          NoAnswer, AnsweredWithError: as `WorkerQuestions.ask` says.
        """
        key, content = await anyio.to_thread.run_sync(self._look, mix)
        if content is not None:
            return content
        asking = self._waited_for.get(key)
        if asking is None:
            if len(self._waited_for) >= self._at_once:
                raise TooManySamples
            asking = self._waited_for[key] = asyncio.create_task(self._ask(mix, key))
            asking.add_done_callback(partial(self._forget, key))
        await asyncio.shield(asking)  # another client may wait for it too
        content = await anyio.to_thread.run_sync(self._audio.read_sample, key)
        if content is None:
            raise VoiceUnavailable("The sample was spoken, but is not in the audio store. Is it the worker's, too?")
        return content

    def _forget(self, key: str, asking: asyncio.Task[None]) -> None:
        del self._waited_for[key]
        if not asking.cancelled():
            asking.exception()  # told to those who wait; nobody may

    async def _ask(self, mix: VoiceMix, key: str) -> None:
        await self._questions.ask(SPEAK_SAMPLE, {"voice": str(mix), "key": key}, seconds=self._wait_seconds)

    def _look(self, mix: VoiceMix) -> tuple[str, bytes | None]:
        self._voices.check(mix)
        try:
            key = sample_key(mix, self._model_dir)
        except FileNotFoundError as error:
            raise VoiceUnavailable("The model is being replaced. Try again in a moment.") from error
        return key, self._audio.read_sample(key)


def sample_key(mix: VoiceMix, model_dir: Path) -> str:
    """The name of a voice's sample: SHA-256, as 64 hex digits."""
    parts: list[object] = [_VERSION, str(mix), sample_text(mix.language), _libraries()]
    if mix.engine == "kokoro":
        files = [kokoro_model(model_dir), kokoro_folder(model_dir) / KOKORO_TOKENIZER]
        files += [kokoro_voice(model_dir, voice.id) for voice, _ in mix.parts]
        parts += [_stamp(path) for path in files if path is not None]
        parts.append((spacy_folder(model_dir) / "meta.json").is_file())
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@cache
def _libraries() -> list[str]:
    return [version(name) for name in _LIBRARIES]


def _stamp(path: Path) -> list[object]:
    status = path.stat()
    return [path.name, status.st_size, status.st_mtime_ns]
