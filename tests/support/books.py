"""Books that nobody has written, of any length."""

import random

WORDS = [
    "the",
    "a",
    "lamp",
    "sea",
    "night",
    "harbour",
    "road",
    "winter",
    "letter",
    "window",
    "quietly",
    "never",
    "always",
    "old",
    "small",
    "bright",
    "behind",
    "across",
    "under",
    "before",
    "after",
    "captain",
    "sister",
    "stranger",
    "garden",
    "river",
    "mountain",
    "silver",
    "broken",
    "laughed",
    "walked",
    "waited",
    "remembered",
    "forgot",
    "carried",
    "opened",
    "closed",
    "followed",
    "whispered",
    "answered",
    "and",
    "but",
    "while",
    "because",
    "although",
    "toward",
    "without",
]
CHAPTER_CHARACTERS = 20_000


def sentence(rng: random.Random) -> str:
    words = [rng.choice(WORDS) for _ in range(rng.randint(4, 22))]
    if len(words) > 12:
        words[len(words) // 2] += ","
    return f"{' '.join(words).capitalize()}{rng.choice('...?!')}"


def chapters_of(rng: random.Random, characters: int, chapter_characters: int = CHAPTER_CHARACTERS) -> list[str]:
    """Chapters of about that many characters together, with headings, in paragraphs of 2 to 8 sentences."""
    chapters: list[str] = []
    while characters > 0:
        paragraphs, length = [f"Chapter {len(chapters) + 1}"], 0
        while length < min(chapter_characters, characters):
            paragraphs.append(" ".join(sentence(rng) for _ in range(rng.randint(2, 8))))
            length += len(paragraphs[-1]) + 2
        chapters.append("\n\n".join(paragraphs))
        characters -= length
    return chapters
