"""espeak-ng by ctypes, a fresh instance for each call.

Two samples of the same text differ when an instance has spoken before: the library's flutter and wave phase
go on from call to call, and neither espeak_Terminate nor espeak_ng_SetRandSeed resets them. A file in memory
that only this process knows is therefore loaded and unloaded around every call, which costs about 5 ms. It also
means that a forked child, or another user of the library such as phonemizer, finds no state of ours.

Source of names and numbers: espeak-ng 1.52, src/include/espeak-ng/speak_lib.h.
"""

import _ctypes
import ctypes
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.domain.errors import EngineFailed, EngineMissing

_OUTPUT_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_CHARS_UTF8 = 0x1
_PHONEMES = 0x100
_FROM_CHARACTER = 1
_PARAMETER_RATE = 1
_PARAMETER_LINE_LENGTH = 13
_ANY_LINE = 1 << 30
"""A line shorter than this ends a clause: whoever calls leaves a line break only where one does."""

_BLOCK_MILLISECONDS = 1000
"""Sound in each call back. Its own 60 ms are 200 calls for a segment, each of which waits for the interpreter's lock while
another thread works; a block of 5 s has other samples. A call can be stopped after each: about every 2 ms."""

_EVENT_LIST_END = 0
_EVENT_WORD = 1
_DATA_FILE = "phontab"

_BAD_LIBRARY = re.compile("ELF|file too short|undefined symbol|No such file|not found|Exec format error")
"""What dlopen says of a file that is no library, or lacks another; else memory or file handles ran out."""


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_void_p),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class EspeakVoice:
    """`identifier` is the name of the voice's file, which unlike a language tag is unique."""

    name: str
    identifier: str


@dataclass(slots=True)
class RawSpeech:
    """16-bit mono samples as bytes of the machine's order; a word event is (offset in the text, sample)."""

    sample_rate: int
    samples: bytearray = field(default_factory=bytearray)
    word_events: list[tuple[int, int]] = field(default_factory=list)


class EspeakLibrary:
    """The library of the espeakng-loader wheel. Not safe between threads: the caller takes turns."""

    def __init__(self) -> None:
        self._copy: tuple[int, int] | None = None

    def version(self) -> str:
        with self._instance() as (library, _):
            return str(library.espeak_Info(None).decode())

    def voices(self) -> dict[str, EspeakVoice]:
        """The voices by language tag: the first tag of each, or its file's name where that is taken."""
        with self._instance() as (library, _):
            return dict(_iter_voices(library))

    def speak(
        self, text: str, *, identifier: str, words_per_minute: int, phonemes: bool, stopped: Callable[[], bool]
    ) -> RawSpeech:
        """Speak `text`, ending early once `stopped` says so.

        `phonemes` lets `[[` begin phoneme mnemonics; otherwise every character is text.

        Raises:
          EngineMissing: the library cannot be loaded.
          EngineFailed: it could not be loaded this time, or does not take the voice or the text.
        """
        with self._instance() as (library, sample_rate):
            speech = RawSpeech(sample_rate)

            def collect(samples: Any, count: int, events: Any) -> int:
                if count > 0 and samples:
                    speech.samples += ctypes.string_at(samples, 2 * count)
                index = 0
                while events[index].type != _EVENT_LIST_END:
                    if events[index].type == _EVENT_WORD:
                        speech.word_events.append((events[index].text_position - 1, events[index].sample))
                    index += 1
                return 1 if stopped() else 0

            callback = _Callback(collect)
            library.espeak_SetSynthCallback(callback)
            if library.espeak_SetVoiceByName(identifier.encode()) != 0:
                raise EngineFailed(f"espeak-ng does not take its own voice {identifier!r}.")
            library.espeak_SetParameter(_PARAMETER_RATE, words_per_minute, 0)
            library.espeak_SetParameter(_PARAMETER_LINE_LENGTH, _ANY_LINE, 0)
            encoded = text.encode() + b"\0"
            flags = _CHARS_UTF8 | (_PHONEMES if phonemes else 0)
            result = library.espeak_Synth(encoded, len(encoded), 0, _FROM_CHARACTER, 0, flags, None, None)
            if result != 0:
                raise EngineFailed(f"espeak-ng answered with error {result}.")
            return speech

    def close(self) -> None:
        if self._copy is not None:
            os.close(self._copy[1])
            self._copy = None

    @contextmanager
    def _instance(self) -> Iterator[tuple[ctypes.CDLL, int]]:
        path, data = self._paths()
        try:
            library = ctypes.CDLL(path)
        except OSError as error:
            if _BAD_LIBRARY.search(str(error)):
                raise EngineMissing(f"The espeak-ng library cannot be loaded: {error}.") from error
            raise EngineFailed(f"The espeak-ng library could not be loaded this time: {error}.") from error
        try:
            _declare(library)
            sample_rate = library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, _BLOCK_MILLISECONDS, data.encode(), _DONT_EXIT)
            if sample_rate <= 0:
                if not Path(data, _DATA_FILE).is_file():
                    raise EngineMissing(f"espeak-ng has no data in {data!r}.")
                raise EngineFailed(f"espeak-ng could not read its data in {data!r} this time.")
            yield library, sample_rate
        finally:
            library.espeak_Terminate()
            _ctypes.dlclose(library._handle)  # noqa: SLF001 - ctypes has no public way to unload

    def _paths(self) -> tuple[str, str]:
        try:
            import espeakng_loader

            original = Path(espeakng_loader.get_library_path())
            data = espeakng_loader.get_data_path()
            if self._copy is None or self._copy[0] != os.getpid():
                # The parent may have forked in the middle of a call: its copy is then in use in the child too.
                self.close()
                self._copy = os.getpid(), _in_memory(original.read_bytes())
        except (ImportError, FileNotFoundError, RuntimeError) as error:
            raise EngineMissing(f"espeak-ng is not here ({error}); install the package espeakng-loader.") from error
        except OSError as error:
            raise EngineFailed(f"The espeak-ng library could not be loaded this time: {error}.") from error
        return f"/proc/{os.getpid()}/fd/{self._copy[1]}", data


def _in_memory(content: bytes) -> int:
    """The descriptor of a file in memory with this content; nothing is left open where that fails."""
    descriptor = os.memfd_create("espeak-ng")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _declare(library: ctypes.CDLL) -> None:
    library.espeak_Initialize.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
    library.espeak_Info.argtypes = (ctypes.c_void_p,)
    library.espeak_Info.restype = ctypes.c_char_p
    library.espeak_ListVoices.argtypes = (ctypes.c_void_p,)
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    library.espeak_SetSynthCallback.argtypes = (_Callback,)
    library.espeak_SetSynthCallback.restype = None
    library.espeak_SetVoiceByName.argtypes = (ctypes.c_char_p,)
    library.espeak_SetParameter.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int)
    library.espeak_Synth.argtypes = (
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )


def _iter_voices(library: ctypes.CDLL) -> Iterator[tuple[str, EspeakVoice]]:
    taken = set()
    listed = library.espeak_ListVoices(None)
    index = 0
    while listed[index]:
        voice = listed[index].contents
        identifier = voice.identifier.decode()
        # A language entry is one byte of priority and a string; the first is the voice's own.
        tag = ctypes.string_at(voice.languages + 1).decode().lower()
        if tag in taken:
            tag = identifier.rsplit("/", 1)[-1].lower()
        taken.add(tag)
        yield tag, EspeakVoice(voice.name.decode().strip(), identifier)
        index += 1
