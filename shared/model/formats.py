"""The version of what this release stores: known people, plans, runs, receipts and the rows of every table.

A release reads the versions before its own and migrates them once; it refuses a newer one by name, and touches nothing.

| version | release | what changed |
|---|---|---|
| 1 | 0.1 | said no version; `people/`, and the tables `runs` and `chunks` |
| 2 | 0.2 | last two records, people in doubt, receipts before calls; `known-people/`, `runstore`, `uploads` |
| 2 | 0.2 | plans hold the hashes of what they send and of their source file; receipts may say `left_out` |
"""

from __future__ import annotations

from shared.model.errors import NewerState

RELEASE = "0.2.0"
FORMAT = 2


def check_format(what: str, version: int, release: str = "") -> None:
    """Raise NewerState where this was written in a format that this release does not know."""
    if version > FORMAT:
        raise NewerState(what, version, FORMAT, release)
