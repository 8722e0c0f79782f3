"""Whatever Graph or the identity endpoint answers: each call ends in a value or a GraphError, and in nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.identity import CredentialUnavailableError
from hypothesis import given
from hypothesis import strategies as st

from shared.collecting.checkpoint import Window
from shared.collecting.entries import read_entry
from shared.graph.client import GraphClient, reply_of
from shared.graph.job import GraphJob, JobBook
from shared.graph.log import GraphLog
from shared.graph.setup import GraphSetUp
from shared.graph.sign_in import LocalPerson
from shared.graph.tokens import OfApp, OfPerson, Tokens
from shared.graph.upload import GraphUpload
from shared.model.endpoint import TrustedHosts
from shared.model.errors import ConfigurationError, GraphError, NotSignedIn, Refused, Throttled, Unreachable
from shared.model.job import job_of
from shared.model.limits import LOG_CALLS, LOG_WINDOW
from shared.provisioning_app.schema import decoded, object_mapping, source_attributes
from shared.provisioning_app.tenant import JobPlace, Tenant
from shared.sending.replies import Pacer
from tests.support.clock import MORNING, FakeClock
from tests.support.graph import Identity, endpoint

Json = dict[str, Any]
Answer = Callable[[httpx.Request], httpx.Response]
HOSTS = TrustedHosts()
JOB = HOSTS.endpoint(endpoint())
PLACE = JobPlace("sp", "job")
WINDOW = Window(MORNING.replace(hour=1), MORNING.replace(hour=2))
ENDLESS = b'{"value": [' * 50_000


def body(content: bytes, status: int = 200, **headers: str) -> Answer:
    return lambda request: httpx.Response(status, content=content, headers=headers)


def raises(error: Exception) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return answer


def of(value: object) -> Answer:
    return body(json.dumps(value).encode())


NO_JSON = {
    "empty": b"", "page": b"<html>Our services aren't available right now</html>", "cut": b'{"value": [',
    "no-text": b"\xff\xfe", "bytes-in-a-text": b'{"a": "\xff"}', "brackets-without-end": ENDLESS,
    "number-without-end": b'{"a": 1e999}',
}  # fmt: skip
OTHER_JSON = {"list": [], "texts": ["x"], "text": "x", "number": 1, "null": None, "true": True}
BAD: dict[str, Answer] = {
    **{name: body(content) for name, content in NO_JSON.items()},
    **{name: of(value) for name, value in OTHER_JSON.items()},
    **{f"{status}-{name}": body(content, status) for status in (400, 403, 404, 409, 429, 500, 503)
       for name, content in NO_JSON.items()},
    **{f"400-{name}": body(json.dumps({"error": value}).encode(), 400) for name, value in OTHER_JSON.items()},
    "302": body(b"", 302, location="https://evil.example/"),
    "no-gzip": body(b"no gzip", 200, **{"content-encoding": "gzip"}),
    "429-odd-headers": body(b"{}", 429, **{"Retry-After": "99999999999999999999", "Date": "Mon, 99 Nov 2026"}),
    "timeout": raises(httpx.ReadTimeout("no")), "cut-off": raises(httpx.RemoteProtocolError("no")),
    "unreachable": raises(httpx.ConnectError("no")),
}  # fmt: skip
ODD_JOBS: list[Json] = [
    {"status": "x"}, {"status": []}, {"status": 3}, {"schedule": "x"}, {"schedule": ["x"]}, {"schedule": {"state": []}},
    {"status": {"code": {}}}, {"status": {"code": 3}}, {"status": {"quarantine": "x"}}, {"status": {"quarantine": []}},
    {"status": {"quarantine": {"reason": ["x"]}}}, {"status": {"lastExecution": "x"}},
    {"status": {"lastExecution": [{}]}},
]  # fmt: skip
NO_GRAPH: list[tuple[Exception, type[GraphError]]] = [
    (ClientAuthenticationError("no"), Refused),
    (CredentialUnavailableError("no"), Refused),
    (ServiceRequestError("no"), Unreachable),
    (HttpResponseError("no"), Unreachable),
    (httpx.ConnectError("no"), Unreachable),
    (json.JSONDecodeError("no", "", 0), Unreachable),
    (AttributeError("'list' object has no attribute 'get'"), Unreachable),
    (ValueError("invalid literal"), Unreachable),
    (KeyError("access_token"), Unreachable),
    (Refused("the emulator gives none"), Refused),
]


class Giving:
    """An identity that gives this, or raises it."""

    def __init__(self, *found: AccessToken | Exception) -> None:
        self.found = list(found)
        self.asked = 0

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.asked += 1
        found = self.found.pop(0) if len(self.found) > 1 else self.found[0]
        if isinstance(found, Exception):
            raise found
        return found


class Client:
    """Everything that calls Graph, before one answer."""

    def __init__(self, *answers: Answer, identity: Any = None) -> None:
        self.clock = FakeClock()
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)
        graph = httpx.Client(transport=httpx.MockTransport(self._answer))
        known = identity or Identity(self.clock)
        self.tokens = Tokens(lambda: known, self.clock.now)
        client = GraphClient(lambda: graph, self.tokens, HOSTS, self.clock)
        self.job = GraphJob(client)
        self.log = GraphLog(client, Pacer(LOG_CALLS, LOG_WINDOW))
        self.upload = GraphUpload(client)
        self.tenant = Tenant(GraphSetUp(client, "https://graph.microsoft.com", lambda text: None), lambda: None)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return (self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])(request)


Call = Callable[[Client], object]
READS: dict[str, Call] = {
    "read": lambda made: made.job.read(JOB),
    "facts": lambda made: JobBook(made.job, made.clock.elapsed).facts(JOB),
    "log": lambda made: list(made.log.pages(JOB, WINDOW)),
    "caller": lambda made: made.tenant.caller(),
    "template": lambda made: made.tenant.template_id("entra"),
    "principals": lambda made: made.tenant.principals("t"),
    "principal": lambda made: made.tenant.principal("sp"),
    "job-templates": lambda made: made.tenant.job_templates("sp"),
    "jobs": lambda made: made.tenant.jobs("sp"),
    "job": lambda made: made.tenant.job(PLACE),
    "secrets": lambda made: made.tenant.secrets("sp"),
    "schema": lambda made: decoded(made.tenant.schema(PLACE)),
    "agents": lambda made: made.tenant.agents(),
    "graph-roles": lambda made: made.tenant.graph_roles(),
    "held": lambda made: made.tenant.held("sp"),
}
WRITES: dict[str, Call] = {
    "instantiate": lambda made: made.tenant.instantiate("t", "HR"),
    "parse": lambda made: made.tenant.parse(PLACE, "[a]"),
    "create-job": lambda made: made.tenant.create_job("sp", "t"),
    "tags": lambda made: made.tenant.set_tags("sp", ("a",)),
    "put-secrets": lambda made: made.tenant.put_secrets("sp", []),
    "put-schema": lambda made: made.tenant.put_schema(PLACE, {}),
    "connection": lambda made: made.tenant.test_connection(PLACE),
    "start": lambda made: made.tenant.start(PLACE),
    "stop": lambda made: made.tenant.stop(PLACE),
    "restart": lambda made: made.tenant.restart(PLACE, ""),
    "assign": lambda made: made.tenant.assign("sp", "graph", "role"),
}


def test_every_call_of_set_up_is_in_the_table() -> None:
    methods = {name for name in vars(Tenant) if not name.startswith("_")}
    asked = {name.replace("-", "_") for name in {**READS, **WRITES}}
    short = {"template_id": "template", "set_tags": "tags", "test_connection": "connection"}
    assert {short.get(name, name) for name in methods} <= asked


@pytest.mark.parametrize("answer", BAD)
@pytest.mark.parametrize("call", READS)
def test_a_read_that_is_not_answered_as_documented_is_a_graph_error(call: str, answer: str) -> None:
    """What is not understood is never taken for nothing there, but for an app that Graph says is not there."""
    if call == "principal" and answer.startswith("404"):
        assert READS[call](Client(BAD[answer])) is None
        return
    with pytest.raises(GraphError):
        READS[call](Client(BAD[answer]))


@pytest.mark.parametrize("answer", BAD)
@pytest.mark.parametrize("call", WRITES)
def test_a_write_ends_in_a_value_or_a_graph_error(call: str, answer: str) -> None:
    try:
        WRITES[call](Client(BAD[answer]))
    except GraphError:
        return


@pytest.mark.parametrize("answer", BAD)
def test_an_upload_is_a_reply_whatever_comes_back(answer: str) -> None:
    reply = Client(BAD[answer]).upload.post(JOB, b"{}")
    assert reply.status in (0, 200, 302, 400, 403, 404, 409, 429, 500, 503)


@pytest.mark.parametrize("answer", BAD)
def test_whether_nulls_flow_is_said_to_be_unknown_where_the_schema_does_not_read(answer: str) -> None:
    assert "could not be read" in Client(BAD[answer]).job.nulls_flow(JOB)


RULE = {"sourceDirectoryName": "API"}
ODD_SCHEMAS: list[Json] = [
    {}, {"synchronizationRules": "x", "directories": []}, {"synchronizationRules": {"0": RULE}, "directories": []},
    {"synchronizationRules": ["x"], "directories": ["x"]}, {"synchronizationRules": [RULE], "directories": []},
    {"synchronizationRules": [RULE], "directories": ["x"]}, {"synchronizationRules": [RULE], "directories": {"a": 1}},
    {"synchronizationRules": [RULE], "directories": [{"name": "Other"}]},
    {"synchronizationRules": [{}], "directories": [{}]},
    {"synchronizationRules": [RULE], "directories": [{"name": "API", "objects": "x"}]},
    {"synchronizationRules": [RULE], "directories": [{"name": "API", "objects": [{"attributes": ["x"]}]}]},
]  # fmt: skip


@pytest.mark.parametrize("schema", ODD_SCHEMAS)
def test_whether_nulls_flow_is_said_to_be_unknown_where_the_schema_has_another_shape(schema: Json) -> None:
    assert "could not be read" in Client(of(schema)).job.nulls_flow(JOB)


def test_nulls_that_flow_are_named_and_others_are_not() -> None:
    def schema(flows: object) -> Json:
        attribute = {"name": "title", "flowNullValues": flows}
        return {
            "synchronizationRules": [RULE],
            "directories": [{"name": "API", "objects": [{"attributes": [attribute]}]}],
        }

    assert Client(of(schema(False))).job.nulls_flow(JOB) == ""
    assert "title" in Client(of(schema(True))).job.nulls_flow(JOB)


@pytest.mark.parametrize("call", ["read", "facts"])
@pytest.mark.parametrize("job", ODD_JOBS)
def test_from_a_job_of_another_shape_nothing_is_concluded(job: Json, call: str) -> None:
    with pytest.raises(Refused, match="another shape"):
        READS[call](Client(of(job)))


@pytest.mark.parametrize("job", [{}, {"status": None, "schedule": None}, {"status": {"quarantine": None}}])
@pytest.mark.parametrize("call", ["read", "facts"])
def test_what_a_job_leaves_out_is_empty(job: Json, call: str) -> None:
    READS[call](Client(of(job)))


kinds = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
words = st.sampled_from(["12", "x", "1e9", "Active", "2026-11-02T06:00:00Z", "0001-01-01T00:00:00+14:00", "inf"])
anything = st.recursive(
    kinds | words, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
names = st.sampled_from([
    "schedule", "state", "status", "code", "quarantine", "reason", "lastExecution", "timeBegan", "timeEnded", "error",
    "countImported", "countExported", "countEscrowed", "currentBegan", "nextAttempt", "synchronizedEntryCountByType",
    "key", "value", "steadyStateFirstAchievedTime", "message",
])  # fmt: skip
jobs = st.dictionaries(
    names, st.recursive(anything, lambda inner: st.dictionaries(names, inner, max_size=6)), max_size=6
)


@given(jobs)
def test_any_job_is_read_or_refused(job: Json) -> None:
    made = Client(of(job))
    for call in ("read", "facts"):
        try:
            READS[call](made)
        except GraphError:
            continue


COUNTS: list[tuple[object, int]] = [
    (12, 12), ("12", 12), (12.0, 12), ("x", 0), ("", 0), (None, 0), ([], 0), ({}, 0), ("1e3", 0),
]  # fmt: skip


@pytest.mark.parametrize(("count", "read"), COUNTS)
def test_a_count_may_be_written_as_a_text(count: object, read: int) -> None:
    execution = {"state": "Succeeded", "countImported": count}
    by_type = [{"key": "User", "value": count}, "x", None]
    facts = job_of({"status": {"lastExecution": execution, "synchronizedEntryCountByType": by_type}})
    assert facts.cycle is not None
    assert facts.cycle.imported == read
    assert facts.counts == (("User", read),)


@given(st.dictionaries(st.sampled_from([
    "id", "activityDateTime", "jobId", "provisioningAction", "provisioningStatusInfo", "status", "errorInformation",
    "provisioningSteps", "details", "modifiedProperties", "displayName", "newValue", "sourceIdentity", "name",
    "durationInMilliseconds",
]), anything, max_size=6))  # fmt: skip
def test_any_log_entry_is_read(raw: Json) -> None:
    read_entry(raw)


ODD_PAGES: list[Json] = [
    {}, {"value": None}, {"value": "x"}, {"value": {}}, {"value": [], "@odata.nextLink": 3},
    {"value": [], "@odata.nextLink": "https://graph.microsoft.com/" + "a" * 70_000},
]  # fmt: skip


@pytest.mark.parametrize("page", ODD_PAGES)
@pytest.mark.parametrize("call", ["log", "principals", "jobs", "job-templates", "held", "template"])
def test_a_list_of_another_shape_is_a_graph_error(call: str, page: Json) -> None:
    with pytest.raises(GraphError):
        READS[call](Client(of(page)))


ODD: dict[str, list[Json]] = {
    "instantiate": [{"servicePrincipal": "x"}, {"servicePrincipal": []}, {"servicePrincipal": {"id": "a", "tags": 3}}],
    "principal": [{"id": "a", "tags": "x"}, {"id": "a", "tags": {"b": 1}}],
    "secrets": [{"value": "x"}, {"value": ["x"]}, {"value": None}, {"secrets": {}}, {}],
    "jobs": [{"value": ["x"]}, {"value": [{}]}, {"value": [{"id": 3}]}, {"value": [{"id": "a", "status": "x"}]}],
    "job": [{"id": "a", **job} for job in ODD_JOBS if "state" not in str(job) and "code" not in str(job)
            and "reason" not in str(job)],
    "parse": [{"error": "x"}, {"evaluationResult": 3}, {"parsingSucceeded": True, "parsedExpression": "x"}],
    "agents": [{"agents": "x"}, {"agents": ["x"]}, {"publishedResources": 3}],
    "graph-roles": [{"id": 3, "appRoles": []}, {"id": "a"}, {"id": "a", "appRoles": ["x"]},
                    {"id": "a", "appRoles": [{"value": "b"}]}],
    "schema": [{"synchronizationRules": "x", "directories": [{}]}, {"synchronizationRules": [3], "directories": [{}]},
               {"synchronizationRules": [{"objectMappings": "x"}], "directories": [{}]},
               {"synchronizationRules": [{"objectMappings": [{"attributeMappings": [{"source": "x"}]}]}],
                "directories": [{}]},
               {"synchronizationRules": [{"objectMappings": [{"attributeMappings": [{"matchingPriority": "x"}]}]}],
                "directories": [{}]},
               {"synchronizationRules": [{}], "directories": [{"objects": [{"attributes": ["x"]}]}]}],
}  # fmt: skip


@pytest.mark.parametrize(("call", "found"), [(call, found) for call, all_of_it in ODD.items() for found in all_of_it])
def test_an_answer_of_another_shape_is_refused_by_each_call_of_set_up(call: str, found: Json) -> None:
    """A list that does not read is not an empty list: with it, settings would be lost, and a second job made."""
    with pytest.raises(Refused):
        {**READS, **WRITES}[call](Client(of(found)))


def test_a_schema_that_reads_is_read() -> None:
    schema = {
        "synchronizationRules": [{"sourceDirectoryName": "API", "objectMappings": [{"attributeMappings": [{"a": 1}]}]}],
        "directories": [{"name": "API", "objects": [{"attributes": [{"name": "title"}]}]}],
    }
    found = decoded(json.dumps(schema).encode())
    assert object_mapping(found) == {"attributeMappings": [{"a": 1}]}
    assert source_attributes(found) == [{"name": "title"}]


@pytest.mark.parametrize(("status", "kind"), [(429, Throttled), (503, Refused), (500, Refused), (403, Refused)])
def test_a_job_that_is_not_given_is_raised_as_its_siblings_raise_it(status: int, kind: type[GraphError]) -> None:
    answer = body(b"", status, **{"Retry-After": "7", "request-id": "r-1"})
    for call in ("read", "log"):
        with pytest.raises(kind) as raised:
            READS[call](Client(answer))
        assert (raised.value.status, raised.value.request_id) == (status, "r-1")
    with pytest.raises(kind) as raised:
        Client(answer).job.read(JOB)
    assert getattr(raised.value, "retry_after", 7.0) == 7.0


def test_a_token_that_is_over_is_renewed_once() -> None:
    made = Client(body(b"", 401), of({"schedule": {"state": "Active"}}))
    assert made.job.read(JOB).schedule == "Active"
    assert [request.headers["Authorization"] for request in made.requests] == ["Bearer token-1", "Bearer token-2"]
    made = Client(body(b"", 401))
    with pytest.raises(Refused) as raised:
        made.job.read(JOB)
    assert (raised.value.status, len(made.requests)) == (401, 2)


def test_an_identity_that_gives_no_token_is_asked_twice() -> None:
    token = AccessToken("t", int(FakeClock().now().timestamp()) + 3600)
    identity = Giving(ClientAuthenticationError("not yet"), token)
    made = Client(of({}), identity=identity)
    made.job.read(JOB)
    assert identity.asked == 2


ASKS: list[str] = ["read", "facts", "log", "job", "secrets"]


@pytest.mark.parametrize(("error", "kind"), NO_GRAPH, ids=lambda each: getattr(each, "__name__", type(each).__name__))
@pytest.mark.parametrize("call", ASKS)
def test_an_identity_endpoint_that_gives_nothing_is_a_graph_error(
    call: str, error: Exception, kind: type[GraphError]
) -> None:
    made = Client(of({}), identity=Giving(error))
    with pytest.raises(kind):
        READS[call](made)
    assert made.requests == []


@pytest.mark.parametrize(("error", "kind"), NO_GRAPH[:-1], ids=lambda each: getattr(each, "__name__", ""))
def test_an_upload_without_a_token_never_left(error: Exception, kind: type[GraphError]) -> None:
    made = Client(body(b"", 202), identity=Giving(error))
    reply = made.upload.post(JOB, b"{}")
    assert reply.status == (401 if kind is Refused else 0)
    assert not reply.may_have_been_taken
    assert made.requests == []


@pytest.mark.parametrize("error", [NotSignedIn("run az login"), ConfigurationError("LOCAL_GRAPH_URL is not here")])
@pytest.mark.parametrize("call", ASKS)
def test_what_a_person_has_to_do_is_said_as_it_is(call: str, error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        READS[call](Client(of({}), identity=Giving(error)))


TOKENS: list[Any] = [
    AccessToken(None, 4_000_000_000), AccessToken(5, 4_000_000_000), AccessToken("", 4_000_000_000),  # type: ignore[arg-type]
    AccessToken("t", None), AccessToken("t", "soon"), None, "t",  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.parametrize("token", TOKENS, ids=str)
def test_a_token_that_is_none_is_no_token(token: Any) -> None:
    for wrapped in (OfApp, OfPerson):
        with pytest.raises(AzureError):
            wrapped(Giving(token)).get_token("scope")
    with pytest.raises(Unreachable):
        Client(of({}), identity=Giving(token)).job.read(JOB)


@pytest.mark.parametrize(("error", "kind"), NO_GRAPH[:-1], ids=lambda each: getattr(each, "__name__", ""))
def test_storage_hears_of_an_identity_endpoint_as_the_sdk_tells_it(error: Exception, kind: type[GraphError]) -> None:
    with pytest.raises(ClientAuthenticationError if kind is Refused else AzureError):
        OfApp(Giving(error)).get_token("scope")
    with pytest.raises(NotSignedIn if kind is Refused else AzureError):
        OfPerson(Giving(error)).get_token("scope")


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"{}", b"null", b'"x"'])
def test_an_emulator_that_gives_no_token_is_refused(content: bytes) -> None:
    client = httpx.Client(transport=httpx.MockTransport(body(content)))
    with pytest.raises(Refused):
        LocalPerson("http://127.0.0.1:1", client, FakeClock().now).get_token()


@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40), st.binary(max_size=60))
def test_any_header_and_any_error_are_a_reply(text: str, content: bytes) -> None:
    headers: Mapping[bytes, bytes] = {name: text.encode("latin-1") for name in (b"Retry-After", b"Date", b"request-id")}
    reply_of(httpx.Response(400, content=content, headers=list(headers.items())), MORNING)
