"""Synchronization jobs, templates, secrets, and a job's schema (docs/entra.md B2-B5, B11, C6, C8, C9). Enters: a call.
Leaves: Graph's JSON, or 204.

The secrets collection is named as Graph names it; nothing in it is secret here, and what the service masks is masked.
"""

from __future__ import annotations

import copy
import json
import random
from typing import Any

from emulator.entra import jobs
from emulator.entra.expressions import ARITIES, Context, IgnoreFlow, Value, compile_text, node_json
from emulator.entra.flow import as_text
from emulator.entra.mapping import OPERATOR_NAMES, check_schema, custom_security_attributes
from emulator.entra.routes.calls import CSA_WRITE, SYNC_READ, SYNC_WRITE, Call, Route, graph_route
from emulator.entra.schema import default_schema
from emulator.entra.state import JOB_PREFIX
from emulator.entra.wire import ExpressionError, GraphError, Json, Response, bad_request, json_response

KEYS = frozenset(
    [
        "None",
        "UserName",
        "Password",
        "SecretToken",
        "AppKey",
        "BaseAddress",
        "ClientIdentifier",
        "ClientSecret",
        "SingleSignOnType",
        "Sandbox",
        "Url",
        "Domain",
        "ConsumerKey",
        "ConsumerSecret",
        "TokenKey",
        "TokenExpiration",
        "Oauth2AccessToken",
        "Oauth2AccessTokenCreationTime",
        "Oauth2RefreshToken",
        "SyncAll",
        "InstanceName",
        "Oauth2ClientId",
        "Oauth2ClientSecret",
        "CompanyId",
        "UpdateKeyOnSoftDelete",
        "SynchronizationSchedule",
        "SystemOfRecord",
        "SandboxName",
        "EnforceDomain",
        "SyncNotificationSettings",
        "SkipOutOfScopeDeletions",
        "Oauth2AuthorizationCode",
        "Oauth2RedirectUri",
        "ApplicationTemplateIdentifier",
        "Oauth2TokenExchangeUri",
        "Oauth2AuthorizationUri",
        "AuthenticationType",
        "Server",
        "PerformInboundEntitlementGrants",
        "HardDeletesEnabled",
        "SyncAgentCompatibilityKey",
        "SyncAgentADContainer",
        "ValidateDomain",
        "TestReferences",
        "ConnectionString",
    ]
)
_MASKED = frozenset(
    [
        "Password",
        "SecretToken",
        "ClientSecret",
        "ConsumerSecret",
        "TokenKey",
        "Oauth2AccessToken",
        "Oauth2RefreshToken",
        "Oauth2ClientSecret",
        "Oauth2AuthorizationCode",
        "ConnectionString",
    ]
)
MASK = "*"


def read_secrets(rows: Any) -> dict[str, str]:
    """`[{"key", "value"}, ...]` as a dict. Raises GraphError 400."""
    if not isinstance(rows, list):
        raise _invalid("the collection 'value' is missing")
    found: dict[str, str] = {}
    for row in rows:
        if not isinstance(row, dict) or row.get("key") not in KEYS:
            raise _invalid(f"{row.get('key') if isinstance(row, dict) else row!r} is not a known key")
        if not isinstance(row.get("value"), str):
            raise _invalid(f"the value of {row['key']} is not a string")
        if row["key"] in found:
            raise _invalid(f"{row['key']} stands there twice")
        found[row["key"]] = row["value"]
    return found


def shown_secrets(secrets: dict[str, str]) -> list[Json]:
    """The collection as GET shows it: what looks like a password is masked."""
    return [{"key": key, "value": MASK if key in _MASKED else value} for key, value in secrets.items()]


def _invalid(what: str) -> GraphError:
    return bad_request(f"Invalid synchronization secrets: {what}.")


def list_templates(call: Call) -> Response:
    """The one template of the app."""
    app = call.app(SYNC_READ)
    name = JOB_PREFIX[app.target]
    row = {"id": name, "applicationId": app.template_id, "default": True, "description": None, "discoverable": True,
           "factoryTag": name, "metadata": [], "schema": None}  # fmt: skip
    return json_response(200, {"value": [row]})


def list_jobs(call: Call) -> Response:
    """Every job of the app."""
    app = call.app(SYNC_READ)
    value = [jobs.job_json(app, job, call.tenant.dials.interval) for job in app.jobs.values()]
    return json_response(200, {"value": value})


def create_job(call: Call) -> Response:
    """A job, Disabled and NotConfigured. An app has one."""
    app = call.app(SYNC_WRITE)
    template = call.request.json_object().get("templateId")
    if template != JOB_PREFIX[app.target]:
        raise bad_request(f"The template '{template}' is not one of this app: {JOB_PREFIX[app.target]}.")
    if app.jobs:
        raise GraphError(409, "Conflict", f"The app has a job already: {app.job.id}.")
    return json_response(201, jobs.job_json(app, call.tenant.add_job(app), call.tenant.dials.interval))


def get_job(call: Call) -> Response:
    """One job."""
    app, job = call.job(SYNC_READ)
    return json_response(200, jobs.job_json(app, job, call.tenant.dials.interval))


def delete_job(call: Call) -> Response:
    """The job is gone, and with it what waits in it."""
    app, job = call.job(SYNC_WRITE)
    del app.jobs[job.id]
    return Response(204)


def start_job(call: Call) -> Response:
    """Listen mode."""
    app, job = call.job(SYNC_WRITE)
    jobs.start(app, job, call.now)
    return Response(204)


def pause_job(call: Call) -> Response:
    """Stop provisioning; uploads pile up."""
    _app, job = call.job(SYNC_WRITE)
    jobs.pause(job)
    return Response(204)


def restart_job(call: Call) -> Response:
    """Forget what the resetScope names, purge what waits, and listen."""
    app, job = call.job(SYNC_WRITE)
    criteria = call.request.json_object().get("criteria") or {}
    if not isinstance(criteria, dict):
        raise bad_request("criteria must be an object.")
    jobs.forget(job, jobs.read_scope_names(criteria.get("resetScope")))
    jobs.start(app, job, call.now)
    return Response(204)


def provision_on_demand(call: Call) -> Response:
    """Not supported for API-driven apps (docs/entra.md B5)."""
    call.job(SYNC_WRITE)
    raise bad_request("Provisioning on demand is not supported for this application.")


def validate_credentials(call: Call) -> Response:
    """The portal's Test connection: 204, or 400 where the target cannot be reached with what is given."""
    app, _job = call.job(SYNC_WRITE)
    body = call.request.json_object()
    if body.get("useSavedCredentials") is True:
        credentials = app.secrets
    elif "credentials" in body:
        credentials = read_secrets(body["credentials"])
    else:
        raise bad_request("Either useSavedCredentials or credentials is needed.")
    if app.target == "active-directory":
        _check_domain(call, credentials)
    return Response(204)


def _check_domain(call: Call, credentials: dict[str, str]) -> None:
    if call.tenant.dials.ad_agents != "active":
        raise GraphError(400, "HybridIdentityServiceNoActiveAgents", "No active provisioning agent was found.")
    try:
        domain = json.loads(credentials.get("Domain", "{}")).get("domain")
    except (ValueError, AttributeError) as error:
        raise bad_request("The credential Domain is not a JSON object.") from error
    if domain != call.tenant.dials.ad_domain:
        raise GraphError(400, "HybridIdentityServiceInvalidResource", f"The domain '{domain}' is not registered.")


def get_secrets(call: Call) -> Response:
    """The secrets; what looks like a password is masked."""
    app = call.app(SYNC_READ)
    return json_response(200, {"value": shown_secrets(app.secrets)})


def put_secrets(call: Call) -> Response:
    """Replace the whole collection."""
    app = call.app(SYNC_WRITE)
    app.secrets = read_secrets(call.request.json_object().get("value"))
    return Response(204)


_UNARY = frozenset({"IS FALSE", "IS NOT NULL", "IS NULL", "IS TRUE"})


def get_schema(call: Call) -> Response:
    """The schema, whole."""
    _app, job = call.job(SYNC_READ)
    return json_response(200, job.schema)


def put_schema(call: Call) -> Response:
    """Replace the schema."""
    _app, job = call.job(SYNC_WRITE)
    schema = check_schema(call.request.json_object(), job.schema, job.target)
    if custom_security_attributes(schema) and CSA_WRITE not in call.token().grants:
        raise GraphError(
            403,
            "InsufficientAccountPermission",
            "Provisioning schema has custom security attributes; changing it needs " + CSA_WRITE + ".",
        )
    schema["version"] = f"v{call.tenant.new_id()}"
    call.tenant.set_schema(job, copy.deepcopy(schema))
    return Response(204)


def delete_schema(call: Call) -> Response:
    """Back to the default, with the directories' ids as they were."""
    _app, job = call.job(SYNC_WRITE)
    dials = call.tenant.dials
    fresh = default_schema(job.target, call.tenant.new_id, dials.ad_domain, dials.ad_default_ou)
    ids = {each["name"]: each["id"] for each in job.schema["directories"]}
    for directory in fresh["directories"]:
        directory["id"] = ids.get(directory["name"], directory["id"])
    call.tenant.set_schema(job, fresh)
    return Response(204)


def patch_schema(call: Call) -> Response:
    """Not supported: the service behind Graph does not know the verb (docs/entra.md C6)."""
    app, job = call.job(SYNC_WRITE)
    raise GraphError(
        404,
        "NotFound",
        "No HTTP resource was found that matches the request URI 'https://syncfabric.windowsazure.com/api/"
        f"servicePrincipals('{app.service_principal_id}')/synchronization/jobs('{job.id}')/schema?api-version=2.0'",
    )


def parse_expression(call: Call) -> Response:
    """Read an expression, and try it on a test object where one is given."""
    call.job(SYNC_READ)
    body = call.request.json_object()
    expression = body.get("expression")
    if not isinstance(expression, str):
        raise bad_request("Property expression is required.")
    answer: Json = {
        "@odata.context": call.context("microsoft.graph.parseExpressionResponse"),
        "error": None, "evaluationSucceeded": False, "evaluationResult": [], "parsedExpression": None,
        "parsingSucceeded": False,
    }  # fmt: skip
    try:
        compiled = compile_text(expression)
        answer |= {"parsedExpression": node_json(compiled.tree), "parsingSucceeded": True}
        if body.get("testInputObject") is not None:
            value = compiled.evaluate(_context(call, body["testInputObject"]))
            answer |= {"evaluationSucceeded": True, "evaluationResult": _values(value)}
    except ExpressionError as error:
        answer["error"] = {"code": "InvalidExpression", "message": str(error), "tenantActionable": True}
    return json_response(200, answer)


def filter_operators(call: Call) -> Response:
    """The operators of scoping filters."""
    call.job(SYNC_READ)
    rows = [
        {"id": name, "name": name, "arity": "Unary" if name in _UNARY else "Binary",
         "multivaluedComparisonType": "All", "supportedAttributeTypes": ["String"]}
        for name in OPERATOR_NAMES
    ]  # fmt: skip
    return json_response(200, {"value": rows})


def functions(call: Call) -> Response:
    """The functions of expressions."""
    call.job(SYNC_READ)
    rows = [
        {"id": name, "name": name, "parameters": [
            {"name": f"parameter{number + 1}", "required": True, "allowMultipleOccurrences": False, "type": "String"}
            for number in range(least)
        ]}
        for name, (least, _most) in sorted(ARITIES.items())
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


_SYNC = "/servicePrincipals/{sp}/synchronization"
_JOB = _SYNC + "/jobs/{job}"
_SCHEMA = _JOB + "/schema"
ROUTES: tuple[Route, ...] = (
    graph_route("templates", _SYNC + "/templates", GET=list_templates),
    graph_route("secrets", _SYNC + "/secrets", GET=get_secrets, PUT=put_secrets),
    graph_route("jobs", _SYNC + "/jobs", GET=list_jobs, POST=create_job),
    graph_route("job", _JOB, GET=get_job, DELETE=delete_job),
    graph_route("startJob", _JOB + "/start", POST=start_job),
    graph_route("pauseJob", _JOB + "/pause", POST=pause_job),
    graph_route("restartJob", _JOB + "/restart", POST=restart_job),
    graph_route("validateCredentials", _JOB + "/validateCredentials", POST=validate_credentials),
    graph_route("provisionOnDemand", _JOB + "/provisionOnDemand", POST=provision_on_demand),
    graph_route("schema", _SCHEMA, GET=get_schema, PUT=put_schema, PATCH=patch_schema, DELETE=delete_schema),
    graph_route("parseExpression", _SCHEMA + "/parseExpression", POST=parse_expression),
    graph_route("filterOperators", _SCHEMA + "/filterOperators", GET=filter_operators),
    graph_route("functions", _SCHEMA + "/functions", GET=functions),
)
