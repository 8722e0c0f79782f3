"""What a command can say no with.

CommandError       it did not work out; exit code 1
└── Misused        the command was called wrongly; exit code 2
"""

from __future__ import annotations


class CommandError(Exception):
    """The command did not work out. Its text is the one line that is shown."""

    exit_code = 1


class Misused(CommandError):
    """The command was called wrongly: no such file, no such source."""

    exit_code = 2
