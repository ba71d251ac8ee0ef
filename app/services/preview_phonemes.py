"""How a text would be said, as a worker tells."""

from app.asking import NoAnswer, WorkerQuestions
from app.domain.lexicons import Lexicon
from app.domain.phonemes import PhonemePreview
from app.domain.pronunciations import occurring
from app.domain.voices import VoiceMix
from app.publishing import PREVIEW_PHONEMES

WAIT_SECONDS = 20.0
"""A worker that has said no English yet takes some seconds to load what it needs."""

MOST_AT_ONCE = 10


class PhonemePreviews:
    """Asks workers, and bounds how many wait for them."""

    def __init__(
        self, questions: WorkerQuestions, *, at_once: int = MOST_AT_ONCE, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        self._questions = questions
        self._left = at_once
        self._wait_seconds = wait_seconds

    async def preview(self, text: str, voice: VoiceMix, lexicon: Lexicon | None) -> PhonemePreview:
        """The phonemes of the text, for a Kokoro voice; its model need not be there.

        Raises:
          NoAnswer, AnsweredWithError: as `WorkerQuestions.ask` says; also where too many wait.
        """
        if not self._left:
            raise NoAnswer("As many previews as may be are waited for already.")
        self._left -= 1
        try:
            question = {
                "text": text,
                "voice": str(voice),
                "pronunciations": occurring(text, lexicon.entries) if lexicon else (),
            }
            answer = await self._questions.ask(PREVIEW_PHONEMES, question, seconds=self._wait_seconds)
        finally:
            self._left += 1
        return PhonemePreview.from_json(answer)
