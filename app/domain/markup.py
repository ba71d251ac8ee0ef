"""The one form of markup that gives a word its phonemes, as the API and the engines read it."""

import re

MARKUP = re.compile(r"\[(?P<word>[^\[\]\n]{1,100})\]\(/(?P<phonemes>[^/\n]{1,100})/\)")
"""`[word](/phonemes/)`, each of 1 to 100 characters. What does not match is text like any other."""

PAUSE = re.compile(r"\[pause:(?P<number>[0-9]{1,5}(?:\.[0-9]{1,3})?)(?P<unit>ms|s)\]\s*", re.IGNORECASE)
"""`[pause:1.5s]`, with the white space behind it. One of more than 60 seconds is text like any other."""
