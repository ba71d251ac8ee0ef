"""Elements of HTML by what they mean to a reader."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


BLOCKS = _names(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hgroup html legend li main menu ol p pre section summary table tbody td tfoot "
    "th thead tr ul"
)
"""What begins a new paragraph, and ends it."""

HEADINGS = {f"h{level}": level for level in range(1, 7)}

SILENT = _names(
    "area audio base button canvas col colgroup datalist embed head iframe input link map meta nav noscript object "
    "option param progress rp rt rtc script select source style svg template textarea title track video"
)
"""What has no text of its own, or none that is read aloud: a page's code, its menus, the readings above a kanji."""
