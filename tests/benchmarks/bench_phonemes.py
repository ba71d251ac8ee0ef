"""How fast text becomes phonemes, what it takes to load, and its share of an engine's own time.

    python tests/benchmarks/bench_phonemes.py [SPACY_MODEL]

`SPACY_MODEL` is the folder of en_core_web_sm; without it there is no row with the tagger. Each way runs in a process of
its own. The baseline is espeak-ng's own speech of the same text, all of it: Kokoro on two cores takes many times longer.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.tables import print_table

TEXT = (
    "It was a bright cold day in April 1984, and the clocks were striking 13. Dr. Smith paid $12.50 for 3 kg of apples at "
    "3:30pm, then walked 5 km home along St. James's Street. “Nothing is lost,” she said; “everything is kept.” The record "
    "shows that they lived near the river, where the wind blows from the north all year, and nobody minded the rain. "
) * 40


def measure(way: str, model: str) -> dict[str, float]:
    """CPU seconds to load and to speak `TEXT` once more, and the resident memory at the end in MiB."""
    begin = time.process_time()
    speak = _speaker(way, model)
    speak("Hello, strange blorptastic world 12.")
    loaded = time.process_time() - begin
    begin = time.process_time()
    for place in range(0, len(TEXT), 250):
        speak(TEXT[place : place + 250])
    spoken = time.process_time() - begin
    return {"load": loaded, "speak": spoken, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _speaker(way: str, model: str):
    if way == "espeak speech":
        from actors.speech import EspeakEngine
        from app.domain.speech import Utterance
        from app.domain.stopping import StopToken
        from app.domain.voices import VoiceMix

        engine, voice = EspeakEngine(), VoiceMix.parse("espeak-en-us")
        return lambda text: engine.synthesize(Utterance(text, voice), StopToken())
    if way == "espeak phonemes":
        from actors.speech.phonemes import EspeakPhonemizer

        phonemizer = EspeakPhonemizer()
        return lambda text: phonemizer(text, "en-us")
    from actors.speech.english import Dialect, EnglishPhonemizer

    english = EnglishPhonemizer(Dialect.AMERICAN, Path(model) if way == "misaki, with the tagger" else None)
    return lambda text: english(text, {})


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else ""
    ways = ["espeak speech", "espeak phonemes", "misaki, blank spaCy", *(["misaki, with the tagger"] if model else [])]
    rows = []
    baseline = 0.0
    for way in ways:
        command = [sys.executable, __file__, "--way", way, model]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        baseline = baseline or found["speak"]
        rows.append(
            (
                way,
                f"{found['load']:.1f}",
                f"{len(TEXT) / found['speak']:,.0f}",
                f"{found['speak'] / baseline:.2f}",
                f"{found['mib']:.0f}",
            )
        )
    print_table(("way", "load, CPU s", "characters a CPU s", "ratio to espeak's speech", "RSS, MiB"), rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--way"]:
        print(json.dumps(measure(sys.argv[2], sys.argv[3])))
    else:
        main()
