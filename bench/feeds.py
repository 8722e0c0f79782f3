"""The drops that are measured: 24 columns, 20 attributes mapped, made up once and kept in a folder.

Enters: how many people, and whether it is the day after. Leaves: a CSV file. On the day after, one person in a hundred
has another title.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from emulator.feed import EMPLOYEE_COLUMNS, Feed, Row, employees, worker_id
from shared.sources.source import Source, read_source

DIFFERENT = 20_000  # people made up one by one; a larger drop repeats them under keys of its own
CHANGED_EVERY = 100
KEY, USER, MANAGER, TITLE = (EMPLOYEE_COLUMNS.index(name) for name in ("WorkerID", "UserID", "ManagerID", "JobTitle"))

SOURCE = """\
source: employees
key: WorkerID
attributes:
  userName: { template: "{UserID}@contoso.com" }
  active: { column: WorkerStatus, is: Active }
  displayName: FullName
  name.givenName: FirstName
  name.familyName: LastName
  title: JobTitle
  userType: WorkerType
  addresses[type eq "work"].streetAddress: StreetAddress
  addresses[type eq "work"].locality: City
  addresses[type eq "work"].postalCode: ZipCode
  addresses[type eq "work"].country: CountryCode
  phoneNumbers[type eq "work"].value: OfficePhone
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber: WorkerID
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization: Company
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division: Division
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: Department
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter: CostCenter
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager: ManagerID
  urn:ietf:params:scim:schemas:extension:csv:1.0:User:HireDate: { column: HireDate, date: "%Y-%m-%d" }
  urn:ietf:params:scim:schemas:extension:csv:1.0:User:Custom01: Custom01
"""


def source() -> Source:
    """The source file of these drops."""
    return read_source(SOURCE, "bench.yaml")


def drop_file(folder: Path, people: int, day: int = 1) -> Path:
    """The file of that day, made when it is not there yet."""
    file = folder / f"{people}-day{day}.csv"
    if not file.exists():
        part = file.with_suffix(".part")
        with part.open("w", encoding="utf-8", newline="") as text:
            csv.writer(text).writerows(_rows(people, day))
        part.rename(file)
    return file


def _rows(people: int, day: int) -> Iterator[Row]:
    yield EMPLOYEE_COLUMNS
    feed = Feed(people, seed=7)
    different = [list(row) for row in islice(employees(Feed(DIFFERENT, seed=7, clean=True)), 1, DIFFERENT + 1)]
    for person, row in enumerate(islice(cycle(different), people)):
        row[KEY], row[USER] = worker_id(feed, person), f"EMP{10_000 + person}"
        row[MANAGER] = "" if person == 0 else worker_id(feed, (person - 1) // 8)
        told = list(row)
        if day > 1 and person % CHANGED_EVERY == 0:
            told[TITLE] += " II"
        yield told
