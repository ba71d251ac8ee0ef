"""What ends a command, and with which exit status.

    CommandFailed       1   it was tried and did not work
      WrongUse          2   the command, its options or a setting make no sense
      NoService         3   no service answers, or it cannot take work now
      Interrupted     130   Ctrl-C

A task that failed also ends with 1. `str(error)` is what a person reads, one line for each problem.
"""

from typing import ClassVar

DONE = 0


class CommandFailed(Exception):
    status: ClassVar[int] = 1


class WrongUse(CommandFailed):
    status = 2


class NoService(CommandFailed):
    status = 3


class Interrupted(CommandFailed):
    status = 130
