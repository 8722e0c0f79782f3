"""Each query of alerts and workbook, by Microsoft's own language service, against the tables it reads.

The check takes the project and yields faults, one sentence each.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from tests.infra.kusto.language_service import check
from tests.infra.project import Project


def queries(project: Project) -> Iterator[str]:
    """No query has a fault, and each reads a table."""
    for name, answer in check(project.queries, os.environ).items():
        yield from (f"{name}: {fault}" for fault in answer.faults)
        if not answer.tables:
            yield f"{name}: it reads no table"


CHECKS = (queries,)
