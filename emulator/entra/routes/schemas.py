"""A job's schema and the service's help with it (entra-api.md C6, C8, C9). Enters: a call. Leaves: Graph's JSON."""

from __future__ import annotations

import copy
import random
from typing import Any

from .. import access
from ..errors import ExpressionError, GraphError, bad_request
from ..expressions import FUNCTIONS, SPECIAL, Context, IgnoreFlow, Value, compile_text, parse
from ..expressions.tree import node_json
from ..flatten import as_text
from ..schema import default_schema
from ..schema_check import check_schema, custom_security_attributes
from ..scope import OPERATOR_NAMES
from ..wire import Json, Response, json_response
from .calls import Call, Route, graph_route
from .jobs import accessed

_UNARY = frozenset({"IS FALSE", "IS NOT NULL", "IS NULL", "IS TRUE"})


def get_schema(call: Call) -> Response:
    """The schema, whole."""
    _app, job = accessed(call, access.SYNC_READ)
    return json_response(200, job.schema)


def put_schema(call: Call) -> Response:
    """Replace the schema."""
    _app, job = accessed(call, access.SYNC_WRITE)
    schema = check_schema(call.request.json_object(), job.schema, job.target)
    if custom_security_attributes(schema) and access.CSA_WRITE not in call.token().grants:
        raise GraphError(
            403,
            "InsufficientAccountPermission",
            "Provisioning schema has custom security attributes; changing it needs " + access.CSA_WRITE + ".",
        )
    schema["version"] = f"v{call.tenant.new_id()}"
    call.tenant.set_schema(job, copy.deepcopy(schema))
    return Response(204)


def delete_schema(call: Call) -> Response:
    """Back to the default, with the directories' ids as they were."""
    _app, job = accessed(call, access.SYNC_WRITE)
    dials = call.tenant.dials
    fresh = default_schema(job.target, call.tenant.new_id, dials.ad_domain, dials.ad_default_ou)
    ids = {each["name"]: each["id"] for each in job.schema["directories"]}
    for directory in fresh["directories"]:
        directory["id"] = ids.get(directory["name"], directory["id"])
    call.tenant.set_schema(job, fresh)
    return Response(204)


def patch_schema(call: Call) -> Response:
    """Not supported: the service behind Graph does not know the verb (C6)."""
    app, job = accessed(call, access.SYNC_WRITE)
    raise GraphError(
        404,
        "NotFound",
        "No HTTP resource was found that matches the request URI 'https://syncfabric.windowsazure.com/api/"
        f"servicePrincipals('{app.service_principal_id}')/synchronization/jobs('{job.id}')/schema?api-version=2.0'",
    )


def parse_expression(call: Call) -> Response:
    """Read an expression, and try it on a test object where one is given."""
    accessed(call, access.SYNC_READ)
    body = call.request.json_object()
    expression = body.get("expression")
    if not isinstance(expression, str):
        raise bad_request("Property expression is required.")
    answer: Json = {
        "@odata.context": f"{call.request.origin}/{call.version}/$metadata"
        "#microsoft.graph.parseExpressionResponse",
        "error": None, "evaluationSucceeded": False, "evaluationResult": [], "parsedExpression": None,
        "parsingSucceeded": False,
    }  # fmt: skip
    try:
        compiled = compile_text(expression)
        answer |= {"parsedExpression": node_json(parse(expression)), "parsingSucceeded": True}
        if body.get("testInputObject") is not None:
            value = compiled.evaluate(_context(call, body["testInputObject"]))
            answer |= {"evaluationSucceeded": True, "evaluationResult": _values(value)}
    except ExpressionError as error:
        answer["error"] = {"code": "InvalidExpression", "message": str(error), "tenantActionable": True}
    return json_response(200, answer)


def filter_operators(call: Call) -> Response:
    """The operators of scoping filters."""
    accessed(call, access.SYNC_READ)
    rows = [
        {"id": name, "name": name, "arity": "Unary" if name in _UNARY else "Binary",
         "multivaluedComparisonType": "All", "supportedAttributeTypes": ["String"]}
        for name in OPERATOR_NAMES
    ]  # fmt: skip
    return json_response(200, {"value": rows})


def functions(call: Call) -> Response:
    """The functions of expressions."""
    accessed(call, access.SYNC_READ)
    counts = {name: (each.least, each.most) for name, each in FUNCTIONS.items()} | SPECIAL
    rows = [
        {"id": name, "name": name, "parameters": [
            {"name": f"parameter{number + 1}", "required": True, "allowMultipleOccurrences": False, "type": "String"}
            for number in range(least)
        ]}
        for name, (least, _most) in sorted(counts.items())
    ]  # fmt: skip
    return json_response(200, {"value": rows})


def _context(call: Call, given: Any) -> Context:
    properties = given.get("properties") if isinstance(given, dict) else None
    if not isinstance(properties, list) or not all(isinstance(each, dict) for each in properties):
        raise bad_request("testInputObject.properties must be a list of key and value.")
    return Context(
        attributes={str(each.get("key")): as_text(each.get("value")) for each in properties},
        rng=random.Random(f"{call.tenant.seed}/parseExpression"),
        default_domain=call.tenant.dials.default_domain,
        now=call.now,
    )


def _values(value: Value) -> list[str]:
    if value is None or isinstance(value, IgnoreFlow):
        return []
    return [str(value)] if isinstance(value, str) else value


_SCHEMA = "/servicePrincipals/{sp}/synchronization/jobs/{job}/schema"
ROUTES: tuple[Route, ...] = (
    graph_route("schema", _SCHEMA, GET=get_schema, PUT=put_schema, PATCH=patch_schema, DELETE=delete_schema),
    graph_route("parseExpression", _SCHEMA + "/parseExpression", POST=parse_expression),
    graph_route("filterOperators", _SCHEMA + "/filterOperators", GET=filter_operators),
    graph_route("functions", _SCHEMA + "/functions", GET=functions),
)
