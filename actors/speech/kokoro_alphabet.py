"""The symbols that Kokoro has tokens for."""

KOKORO_ALPHABET = frozenset(
    '$;:,.!?—…"()“” \u0303ʣʥʦʨᵝ\uab67AIOQSTWYᵊabcdefhijklmnopqrstuvwxyzɑɐɒæβɔɕçɖðʤəɚɛɜɟɡɥɨɪʝɯɰŋɳɲɴøɸθœɹɾɻʁɽʂʃʈʧʊʋʌɣɤχʎʒʔ'
    "ˈˌːʰʲ↓→↗↘ᵻ"
)
"""115 of the model's 178 token ids have one (tokenizer.json of Kokoro-82M v1.0)."""
