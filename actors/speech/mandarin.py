"""Mandarin phonemes by misaki, which Kokoro was trained with, over jieba's words and pypinyin's readings."""

import logging
import re
import tempfile
import warnings
from collections.abc import Iterator

from actors.speech.mixed_scripts import without_failures
from actors.speech.phonemes import Speaker

SEAM = "\x1f"
"""Between two syllables of a word: white space where words are aligned, and nothing afterwards."""

_HAN = re.compile("[\u4e00-\u9fff]+|[^\u4e00-\u9fff]+")
_BELOW = "\u032f"
"""A mark below a vowel that Kokoro has no token for."""


def mandarin_speaker() -> Speaker:
    """
    Raises:
      ImportError: the extra `zh` is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of jieba's source and of its use of pkg_resources
        import cn2an
        import jieba
        from misaki.zh import ZHG2P
        from pypinyin import Style, lazy_pinyin
    jieba.setLogLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        jieba.dt.tmp_dir = folder  # else it leaves, and would believe, a file in /tmp
        jieba.initialize()

    def syllables(word: str) -> str:
        pinyins = lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True)
        return SEAM.join(ZHG2P.py2ipa(pinyin) for pinyin in pinyins)

    def groups(text: str) -> Iterator[str]:
        for part in _HAN.findall(text):
            if "\u4e00" <= part[0] <= "\u9fff":
                yield " ".join(syllables(word) for word in jieba.lcut(part, cut_all=False))
            else:
                yield part

    def speak(text: str) -> str:
        plain = ZHG2P.map_punctuation(cn2an.transform(text, "an2cn"))
        return re.sub(" +", " ", "".join(groups(plain)).replace(_BELOW, "")).strip()

    return without_failures(speak)
