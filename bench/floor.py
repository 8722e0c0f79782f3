"""The floor of planning: read the file, make one dict a row by hand, encode bulk requests of 50. Nothing is checked."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import msgspec

from shared.model.limits import MAX_OPERATIONS
from shared.model.scim import BULK_REQUEST, CORE_USER, ENTERPRISE_USER

CUSTOM = "urn:ietf:params:scim:schemas:extension:csv:1.0:User"
SCHEMAS = [CORE_USER, ENTERPRISE_USER, CUSTOM]


def floor(file: Path) -> int:
    """Encode everybody in this file; how many bytes that makes."""
    size = 0
    operations: list[dict[str, Any]] = []
    with file.open(encoding="utf-8", newline="") as text:
        rows = csv.reader(text)
        next(rows)
        for row in rows:
            operations.append({"method": "POST", "bulkId": row[0], "path": "/Users", "data": _user(row)})
            if len(operations) == MAX_OPERATIONS:
                size += len(_encoded(operations))
                operations.clear()
    return size + len(_encoded(operations))


def _encoded(operations: list[dict[str, Any]]) -> bytes:
    return msgspec.json.encode({"schemas": [BULK_REQUEST], "Operations": operations, "failOnErrors": None})


def _user(row: list[str]) -> dict[str, Any]:
    return {
        "schemas": SCHEMAS,
        "externalId": row[0],
        "userName": f"{row[3]}@contoso.com",
        "active": row[1] == "Active",
        "displayName": row[6],
        "name": {"givenName": row[4], "familyName": row[5]},
        "title": row[16],
        "userType": row[2],
        "addresses": [
            {
                "type": "work",
                "primary": True,
                "streetAddress": row[17],
                "locality": row[18],
                "postalCode": row[23],
                "country": row[19],
            }
        ],
        "phoneNumbers": [{"type": "work", "value": row[20]}],
        ENTERPRISE_USER: {
            "employeeNumber": row[0],
            "organization": row[14],
            "division": row[12],
            "department": row[11],
            "costCenter": row[13],
            "manager": {"value": row[8]},
        },
        CUSTOM: {"HireDate": f"{row[9]}T00:00:00+00:00", "Custom01": row[21]},
    }
