"""Corrections: a rejected.csv that somebody has mended and drops again, as it is. Pure.

Its name begins with `rejected`, and its header ends with the two columns that Rollcall put there. It tells of the
people in it and of nobody else, also in a source whose drops hold everybody: it supersedes nothing, nobody is absent.
"""

from __future__ import annotations

from shared.files.records import Table
from shared.model.errors import DropError
from shared.model.runs import DropVersion
from shared.sources.source import Source


def is_correction(drop: DropVersion) -> bool:
    """Whether the name says so, which is known before the file is read."""
    return drop.path.rpartition("/")[2].casefold().startswith("rejected")


def holds_everybody(source: Source, drop: DropVersion) -> bool:
    """Whether who is not in this drop is absent."""
    return source.csv.mode == "full" and not is_correction(drop)


def check_name(source: Source, drop: DropVersion, table: Table) -> None:
    """Raise DropError for a correction that goes by another name: it would be taken for a file that holds everybody."""
    if table.is_correction and holds_everybody(source, drop):
        raise DropError(
            "the columns line and reason at the end of the header say that this is a corrected rejected.csv; "
            "drop it under a name that begins with rejected, or it would count everybody else as absent"
        )
