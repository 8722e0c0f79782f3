"""Reads a bulk request (entra-api.md A3, A4). Enters: headers and bytes. Leaves: the operations' data.

Raises GraphError 400 for whatever A4 rules out. Decided here, because the service does not publish it (J): more
than 50 operations are a 400; so are a custom URN that `data.schemas` does not name, and an array or an object of
the wrong shape; a bulkId may repeat.
"""

from __future__ import annotations

from typing import Any

from .attributes import CORE_URN, USER_URN
from .errors import GraphError, bad_request
from .wire import Json, Request

BULK_REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
CONTENT_TYPE = "application/scim+json"


def check_content_type(request: Request) -> None:
    """400 unless the body is declared as application/scim+json."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != CONTENT_TYPE:
        raise _invalid(f"the Content-Type must be {CONTENT_TYPE}, not '{given}'")


def read_operations(request: Request, most: int, external_id_needed: bool) -> list[Json]:
    """The `data` of each operation, in order."""
    body = request.json()
    if not isinstance(body, dict):
        raise _invalid("the body is not an object")
    if body.get("schemas") != [BULK_REQUEST]:
        raise _invalid(f"schemas must be exactly [{BULK_REQUEST}]")
    operations = body.get("Operations")
    if not isinstance(operations, list):
        raise _invalid("Operations must be an array")
    if not 1 <= len(operations) <= most:
        raise _invalid(f"Operations has {len(operations)} entries; 1 to {most} are allowed")
    return [_data(number, each, external_id_needed) for number, each in enumerate(operations)]


def _data(number: int, operation: Any, external_id_needed: bool) -> Json:
    where = f"Operations[{number}]"
    if not isinstance(operation, dict):
        raise _invalid(f"{where} is not an object")
    if operation.get("method") != "POST":
        raise _invalid(f"{where}.method must be POST, not {operation.get('method')!r}")
    if operation.get("path") not in ("/Users", "/users"):
        raise _invalid(f"{where}.path must be /Users, not {operation.get('path')!r}")
    if not isinstance(operation.get("bulkId"), str) or not operation["bulkId"]:
        raise _invalid(f"{where}.bulkId must be a text")
    data = operation.get("data")
    if not isinstance(data, dict):
        raise _invalid(f"{where}.data must be an object")
    _check_user(where, data, external_id_needed)
    return data


def _check_user(where: str, data: Json, external_id_needed: bool) -> None:
    schemas = data.get("schemas")
    if not isinstance(schemas, list) or not {CORE_URN, USER_URN} & {str(each) for each in schemas}:
        raise _invalid(f"{where}.data.schemas must name the core or the enterprise user schema")
    for key in data:
        if key.startswith("urn:") and key not in schemas:
            raise _invalid(f"{where}.data uses {key} without naming it in schemas")
    _check_shapes(where, data)
    external_id = data.get("externalId")
    if external_id is not None and not isinstance(external_id, str):
        raise _invalid(f"{where}.data.externalId must be a text")
    if external_id_needed and not external_id:
        raise _invalid(f"{where}: Source identifier of an entry cannot be empty")


def _check_shapes(where: str, data: Json) -> None:
    for key in ("emails", "addresses", "phoneNumbers"):
        value = data.get(key)
        if value is not None and not (isinstance(value, list) and all(isinstance(each, dict) for each in value)):
            raise _invalid(f"{where}.data.{key} must be an array of objects")
    enterprise = data.get(USER_URN)
    manager = enterprise.get("manager") if isinstance(enterprise, dict) else None
    for key, value in (("name", data.get("name")), (USER_URN, enterprise), ("manager", manager)):
        if value is not None and not isinstance(value, dict):
            raise _invalid(f"{where}.data.{key} must be an object")


def _invalid(what: str) -> GraphError:
    return bad_request(f"Invalid Data Format: {what}.")
