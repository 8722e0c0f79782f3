"""Graph as set-up calls it: what is not sure is discovered, what is refused is told, and no token goes astray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from shared.graph.client import GraphClient
from shared.graph.setup import GraphSetUp
from shared.graph.tokens import Tokens
from shared.model.endpoint import TrustedHosts
from shared.model.errors import GraphError, Refused, Throttled, Unreachable, UntrustedHost
from shared.provisioning_app.tenant import TEMPLATES, JobPlace, Tenant
from tests.support.clock import FakeClock
from tests.support.graph import Identity
from tests.unit.provisioning_app.office import GRAPH, Office

CLOUD = TEMPLATES["entra"][1]
Answer = Callable[[httpx.Request], httpx.Response]
PLACE = JobPlace("sp", "API2AAD.x.y")


class Script:
    """A Graph that answers as it was told."""

    def __init__(self, *answers: Answer | httpx.Response | Exception) -> None:
        self.clock = FakeClock()
        self.identity = Identity(self.clock)
        self.requests: list[httpx.Request] = []
        self.said: list[str] = []
        self._answers = list(answers)
        tokens = Tokens(lambda: self.identity, self.clock.now)
        client = httpx.Client(transport=httpx.MockTransport(self._answer))
        graph = GraphClient(lambda: client, tokens, TrustedHosts(), self.clock)
        self.tenant = Tenant(GraphSetUp(graph, GRAPH, self.said.append), lambda: None)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else httpx.Response(answer.status_code, content=answer.content,
                                                                        headers=answer.headers)  # fmt: skip


def ok(**body: Any) -> httpx.Response:
    return httpx.Response(200, json=body)


def refusal(status: int, code: str = "X", message: str = "no", **headers: str) -> httpx.Response:
    body = {"error": {"code": code, "message": message}}
    return httpx.Response(status, json=body, headers={"request-id": "r-1", **headers})


def test_the_template_is_found_by_its_name() -> None:
    assert Office().tenant().template_id("entra") == (CLOUD, True)


def test_a_gallery_that_does_not_show_it_leaves_the_known_id() -> None:
    assert Script(ok(value=[])).tenant.template_id("entra") == (CLOUD, False)


def test_where_the_filter_is_not_supported_all_apps_are_looked_through() -> None:
    row = {"id": "a", "appId": "b", "displayName": "HR", "applicationTemplateId": CLOUD, "tags": ["t"]}
    other = row | {"id": "c", "applicationTemplateId": None}
    link = {"@odata.nextLink": f"{GRAPH}/v1.0/servicePrincipals?$skiptoken=1"}
    script = Script(refusal(400, "Request_UnsupportedQuery"), ok(value=[other], **link), ok(value=[row]))
    (found,) = script.tenant.principals(CLOUD)
    assert (found.id, found.tags) == ("a", ("t",))
    assert script.requests[0].headers["ConsistencyLevel"] == "eventual"


@pytest.mark.parametrize("name", ["id", "objectId"])
def test_the_new_apps_id_is_read_under_either_name(name: str) -> None:
    script = Script(httpx.Response(201, json={"servicePrincipal": {name: "sp", "appId": "x"}}))
    assert script.tenant.instantiate(CLOUD, "HR").id == "sp"


def test_a_template_that_is_not_the_default_comes_last() -> None:
    rows = [{"id": "Other", "default": False}, {"id": "API2AAD", "default": True}]
    assert Script(ok(value=rows)).tenant.job_templates("sp") == ["API2AAD", "Other"]


def test_a_link_to_another_host_gets_no_token() -> None:
    script = Script(ok(value=[], **{"@odata.nextLink": "https://evil.example/v1.0/x"}))
    with pytest.raises(UntrustedHost):
        script.tenant.jobs("sp")
    assert len(script.requests) == 1


def test_a_list_without_an_end_is_given_up() -> None:
    script = Script(ok(value=[], **{"@odata.nextLink": f"{GRAPH}/v1.0/x"}))
    with pytest.raises(Refused, match="no end"):
        script.tenant.jobs("sp")


def test_a_new_token_is_tried_once_and_then_the_missing_permission_told() -> None:
    script = Script(refusal(401, "InvalidAuthenticationToken"))
    with pytest.raises(Refused, match="also answers 401 where a permission is missing"):
        script.tenant.jobs("sp")
    assert script.identity.issued == 2


def test_making_an_app_is_never_tried_twice_when_nobody_knows_whether_it_was_taken() -> None:
    script = Script(httpx.ReadTimeout("late"))
    with pytest.raises(Unreachable, match="Run the command again"):
        script.tenant.instantiate(CLOUD, "HR")
    assert len(script.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 504])
def test_nor_after_a_fault_on_the_way(status: int) -> None:
    script = Script(refusal(status))
    with pytest.raises(Refused):
        script.tenant.instantiate(CLOUD, "HR")
    assert len(script.requests) == 1


def test_reading_is_tried_again_after_a_cut_connection() -> None:
    script = Script(httpx.RemoteProtocolError("cut"), refusal(502), ok(value=[{"id": "j"}]))
    assert [job.id for job in script.tenant.jobs("sp")] == ["j"]
    assert len(script.said) == 2


def test_a_pause_that_graph_asks_for_is_kept_also_for_a_post() -> None:
    script = Script(refusal(429, **{"Retry-After": "12"}), httpx.Response(204))
    script.tenant.start(PLACE)
    assert script.clock.slept[0] >= 12


def test_a_graph_that_asks_for_pauses_for_ever_is_left_alone_in_the_end() -> None:
    script = Script(refusal(429, **{"Retry-After": "1"}))
    with pytest.raises(Throttled, match="run the command again later"):
        script.tenant.jobs("sp")


def test_a_404_is_only_waited_out_for_an_app_that_was_just_made() -> None:
    script = Script(refusal(404, "Request_ResourceNotFound"))
    assert script.tenant.principal("sp") is None
    assert script.clock.slept == []
    script.tenant.graph.expect("sp")
    assert script.tenant.principal("sp") is None
    assert 150 < script.clock.passed() < 240


@pytest.mark.parametrize(
    ("status", "code", "message", "told"),
    [
        (403, "Authorization_RequestDenied", "no", "Application Administrator"),
        (403, "X", "CustomSecAttributeProvisioning", "custom security attributes"),
        (404, "NotFound", "https://syncfabric.windowsazure.com/api/", "nothing was changed"),
        (404, "Request_ResourceNotFound", "gone", "another tenant"),
        (400, "BadRequest", "Property source has a value that does not match schema.", "form that Entra keeps"),
        (409, "Conflict", "busy", "run the command again"),
    ],
)
def test_an_answer_is_told_as_what_to_do_with_its_request_id(status: int, code: str, message: str, told: str) -> None:
    with pytest.raises(GraphError, match=told) as raised:
        Script(refusal(status, code, message)).tenant.put_schema(PLACE, {})
    assert "request-id r-1" in str(raised.value)
    assert "saving the attribute mappings did not work" in str(raised.value)


def test_an_identity_that_gives_no_token_says_how_to_sign_in() -> None:
    script = Script(ok())
    script.identity.fails = True
    with pytest.raises(Refused, match="az login"):
        script.tenant.caller()


def test_an_expression_that_cannot_be_read_has_no_tree() -> None:
    office = Office()
    office.apply()
    place = JobPlace(office.app.service_principal_id, office.app.job.id)
    broken = office.tenant().parse(place, "Join(")
    assert broken.tree is None
    assert broken.error
    read = office.tenant().parse(place, 'Join("-", [a], [b])', {"a": "1", "b": "2"})
    assert read.values == ("1-2",)


def test_a_connection_that_is_bad_is_a_sentence_and_a_role_that_is_missing_an_error() -> None:
    assert "no agents" in Script(refusal(400, "X", "no agents")).tenant.test_connection(PLACE)
    with pytest.raises(Refused):
        Script(refusal(403)).tenant.test_connection(PLACE)


def test_roles_that_graph_does_not_show_are_unknown() -> None:
    script = Script(ok(userPrincipalName="a@b.c"), refusal(403))
    caller = script.tenant.caller()
    assert (caller.name, caller.roles) == ("a@b.c", None)
