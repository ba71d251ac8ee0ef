"""The service's words, as the command line says them: commands for addresses, options for fields of the body."""

import re

_COMMANDS = (
    (
        re.compile(r"Take `task_id` from the answer to POST /api/tts, or from GET /tasks\."),
        "`sayathing tasks list` lists them.",
    ),
    (re.compile(r"GET /tasks(?![\w/])"), "`sayathing tasks list`"),
    (re.compile(r"GET /tts/voices(?![\w/])"), "`sayathing voices`"),
    (re.compile(r"GET /tts/lexicons(?![\w/])"), "`sayathing lexicons list`"),
    (re.compile(r"PUT /tts/lexicons/([\w-]+)"), r"`sayathing lexicons put \1 FILE`"),
    (re.compile(r"send one as `Authorization: [^`]*` or `X-API-Key: [^`]*`\."), "put one into SAYATHING_API_KEY."),
    (re.compile(r"This key is unknown or revoked\."), "The key in SAYATHING_API_KEY is unknown or revoked."),
    (re.compile(r" GET /task-states lists the moves\."), ""),
)
_OPTION = re.compile(r"^(\s*)/(voice|speed|volume|format|lexicon|priority)(?=[:/])", re.MULTILINE)
_TEXT = re.compile(r"^(\s*)/text(?=:)", re.MULTILINE)
_CHAPTER = re.compile(r"^(\s*)/items/(\d{1,4})/text(?=:)", re.MULTILINE)


def with_commands(message: str) -> str:
    """What a problem says, with the command in the place of an address that a client would ask."""
    for address, command in _COMMANDS:
        message = address.sub(command, message)
    return message


def with_options(message: str) -> str:
    """What is wrong with the body that `sayathing say` sent, with the option in the place of each pointer."""
    message = _OPTION.sub(r"\1--\2", message)
    message = _TEXT.sub(r"\1the text", message)
    return _CHAPTER.sub(lambda found: f"{found[1]}chapter {int(found[2]) + 1}", message)
