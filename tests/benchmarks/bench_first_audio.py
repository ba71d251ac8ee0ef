"""How long a client of OpenAI's API waits for the first sound.

One client asks for texts through `POST /v1/audio/speech`, streaming, one at a time, and takes the time until the first
bytes of sound. The engine's own time is that of the first segment: the same texts are cut as the worker cuts them, and
their first segments are spoken by the same engine, in this process, in turns with the requests. No text comes twice,
so that nothing is taken from the cache. The figure that counts is the difference of the medians.

    python tests/benchmarks/bench_first_audio.py [texts] [voice ...]
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import httpx

from actors.container import build_container
from actors.speech import render, split
from app.domain.speech import Utterance
from app.domain.stopping import StopToken
from app.domain.tasks import SegmentKind
from app.domain.voices import VoiceMix
from app.settings import Settings
from tests.benchmarks.tables import fsync_line, print_table, quantile, verdict
from tests.support.processes import running_service

LIMIT_MS = 50.0
FORMATS = ("pcm", "wav", "mp3", "opus", "aac", "flac")
SENTENCES = 6


def text_of(number: int) -> str:
    return " ".join(
        f"Text number {number} has a sentence number {n}, which goes on for about as long as sentences do, and ends here."
        for n in range(SENTENCES)
    )


def main() -> None:
    texts = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    settings = Settings.load()
    voices = sys.argv[2:] or ["espeak-en-us"]
    engines = build_container(settings).engines()
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(Path(folder), SAYATHING_MODEL_DIR=str(settings.model_dir.resolve())) as service,
        httpx.Client(base_url=service.url, timeout=120) as client,
    ):
        print(fsync_line(Path(folder)))

        def first_bytes(text: str, voice: str, format: str) -> float:
            body = {"model": "sayathing", "voice": voice, "input": text, "response_format": format}
            start = time.perf_counter()
            with client.stream("POST", "/v1/audio/speech", json=body) as answer:
                answer.raise_for_status()
                sound = answer.iter_raw()
                while not next(sound):
                    pass
                milliseconds = (time.perf_counter() - start) * 1000
                for _ in sound:
                    pass
                task = answer.headers["x-task-id"]
            client.get(f"/tasks/{task}", headers={"Prefer": "wait=60"})  # its file is no load on the next one
            return milliseconds

        def engine_call(text: str, mix: VoiceMix) -> float:
            span = next(span for span in split(text, language=mix.language) if span.kind is SegmentKind.SPEECH)
            start = time.perf_counter()
            render(engines, Utterance(span.content, mix), StopToken())
            return (time.perf_counter() - start) * 1000

        number = 0
        for voice in voices:
            mix = VoiceMix.parse(voice)
            for _ in range(3):
                number += 1
                first_bytes(text_of(number), voice, "mp3")
                engine_call(text_of(number), mix)
            for format in FORMATS:
                waits, calls = [], []
                for _ in range(texts):
                    number += 1
                    waits.append(first_bytes(text_of(number), voice, format))
                    calls.append(engine_call(text_of(number), mix))
                wait, call = statistics.median(waits), statistics.median(calls)
                rows.append(
                    (
                        f"{voice}, {format}",
                        f"{call:.1f}",
                        f"{wait:.1f}",
                        f"{quantile(waits, 0.95):.1f}",
                        f"{wait - call:.1f}",
                        f"{wait / call:.2f}",
                        verdict(met=wait - call <= LIMIT_MS),
                    )
                )
    print_table(
        (
            "first sound",
            "engine p50 ms",
            "bytes p50 ms",
            "bytes p95 ms",
            "more, p50 ms",
            "ratio p50",
            "at most 50 ms more",
        ),
        rows,
    )


if __name__ == "__main__":
    main()
