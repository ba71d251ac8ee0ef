"""What a plain installation brings."""

import tomllib
from pathlib import Path

LOCK = Path(__file__).parents[2] / "uv.lock"


def test_the_default_install_has_no_torch_and_nothing_of_the_extras() -> None:
    packages = {package["name"]: package for package in tomllib.loads(LOCK.read_text())["package"]}
    wanted, seen = ["sayathing"], set()
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.add(name)
            wanted += [each["name"] for each in packages[name].get("dependencies", [])]
    assert {"misaki", "spacy", "espeakng-loader"} <= seen
    assert not seen & {"torch", "spacy-curated-transformers", "fugashi", "jieba", "unidic-lite"}
