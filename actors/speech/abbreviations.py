"""Words whose full stop does not end a sentence."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EVERYWHERE = _words("dr prof st mr mrs ms vs cf vol fig nr no tel")

_BY_LANGUAGE: dict[str, frozenset[str]] = {
    "en": _words(
        "gen col capt lt sgt maj cmdr adm gov sen rep rev hon pres supt messrs mme mlle mt ft e.g i.e viz al approx "
        "dept est ca pp ch sec ed eds trans jan feb mar apr jun jul aug sept sep oct nov dec mon tue wed thu fri "
        "ave blvd rd"
    ),
    "de": _words(
        "z.b d.h u.a bzw ca evtl ggf hr fr hrn frl str abs art bd inkl exkl max min s.o s.u sog usf vgl zzgl jan feb "
        "aug sept okt nov dez mo di mi do fr sa so o.ä z.t i.d.r u.u geb gest bspw jh"
    ),
    "fr": _words("m mm mme mmes mlle mlles me p.ex c.-à-d env av apr ch ed éd janv févr juil sept oct nov déc"),
    "es": _words("sr sra srta d dña ud uds p.ej pág págs núm avda avdas c aprox ee.uu lic ing"),
    "it": _words("sig sigg sig.ra dott dott.ssa prof.ssa ing avv es p.es pag pagg ecc art cap"),
    "pt": _words("sr sra srta dra exmo exma p.ex pág av núm ex"),
}

_MAY_END = _words("etc inc ltd co corp jr sr bros a.m p.m u.s u.k u.n e.u d.c b.c a.d ph.d m.d b.a m.a usw")

_STARTERS = _words(
    "The A An This That These Those There Then It Its He She We They You I In On At As If When While But And Or So "
    "For From With After Before His Her Our My Their Your What Who Why How Where Now No Not One Two Some Many Most "
    "All Yet Still Here By To Der Die Das Ein Eine Er Sie Es Wir Ich Le La Les Un Une Il Elle El Los Las Lo"
)


def ends_sentence(word: str, following: str, language: str) -> bool:
    """Whether `word`, which a full stop follows, can be a sentence's last.

    `word` is without that stop, `following` the next word with nothing before it, `language` a BCP 47 tag.
    Of an abbreviation, an initial or one letter (`z. B.`, `p. 5`) that may stand at an end, the next word decides:
    one that often begins sentences says yes.
    """
    lower = word.lower()
    family = language.split("-", 1)[0]
    if lower in _EVERYWHERE or lower in _BY_LANGUAGE.get(family, frozenset()):
        # "No." before a number is "number", before anything else it is an answer.
        return lower == "no" and not following[:1].isdigit()
    if family == "de" and word.isdigit() and len(word) <= 2:
        return False
    if lower in _MAY_END or (len(word) == 1 and word.lower() != word.upper()) or _is_dotted_initials(word):
        return following in _STARTERS
    return True


def _is_dotted_initials(word: str) -> bool:
    return "." in word and all(len(part) == 1 and part.isalpha() for part in word.split("."))
