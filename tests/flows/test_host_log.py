"""Everything that the app writes to any logger while it works, and while things fail: no secret and no person in it.

The functions run as the worker runs them: the root logger at information level, and what leaves a function goes to the
log of the host with every error behind it.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import azure.functions as func
import httpx
import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError

import function_app
from shared.model.errors import StorageError, Unexpected
from shared.model.runs import RunState
from shared.planning.decide import resend
from shared.stores.memory import MemoryContainer, MemoryTable
from tests.support.clock import FakeClock
from tests.support.desk import Desk, Row, as_csv
from tests.support.graph import Identity, cut, entry, no_answer, status
from tests.support.hooks import Hooked
from tests.support.house import environment, rollcall
from tests.support.log_net import LogNet, as_the_worker_tells, below_every_logger, of_file, of_settings

CHANNELS = {
    "ALERT_TEAMS_URL": "https://teams.example/workflows/1f2e3d4c5b6a/triggers/manual?sig=Qm9ndXNTaWduYXR1cmU",
    "ALERT_SLACK_URL": "https://slack.example/services/T0MB5T0N3/B0R0UGH77/Xsl4ckS3cr3tXsl4ck",
    "ALERT_WEBHOOK_URL": "https://hooker:pa55w0rd@hook.example/in/w3bh00kS3cret?code=0urC0de4711",
    "ALERT_WEBHOOK_KEY": "the-key-that-signs-hooks",
    "CONSOLE_TOKEN": "the-token-that-opens-the-console",
}
TOKEN = "eyJ0b2tlbg.of-the-app."
FIRST = ("Zebulon", "Quirina", "Ottokar", "Philomena", "Ladislaus", "Wilhelmine", "Thaddaeus", "Apollonia")
LAST = ("Quillfeather", "Ambergate", "Vandersloot", "Hollingberry", "Marchbanks", "Oxenbridge")


def staff(count: int, start: int = 0, **cells: str) -> list[Row]:
    """People with names that stand in no code."""
    return [
        Row(**{"id": f"WK{number:05d}X", "name": f"{FIRST[number % 8]} {LAST[number % 6]}", "title": "Master-of-Bees",
               "manager": f"WK{start:05d}X"} | cells)
        for number in range(start, start + count)
    ]  # fmt: skip


EVERYBODY = staff(140)


class SecretIdentity(Identity):
    """The app's identity, whose tokens are known by their beginning."""

    def get_token(self, *scopes: str, **options: object):  # type: ignore[no-untyped-def]
        token = super().get_token(*scopes, **options)
        return token._replace(token=TOKEN + token.token)


@dataclass
class App:
    """The function app over stores in memory, and the net below its loggers."""

    desk: Desk
    graph: Hooked
    net: LogNet
    cookie: str = ""

    def call(self, name: str, *arguments: object) -> object:
        """Run a function as the worker does; what it fails with is looked at as the host logs it."""
        try:
            return getattr(function_app, name).build().get_user_function()(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever leaves a function is in the log
            self.net.look(as_the_worker_tells(error), f"what {name} failed with")
            return error

    def tick(self, minutes: int = 20) -> list[object]:
        """Every timer once."""
        self.desk.clock.advance(minutes=minutes)
        return [self.call(name, None) for name in ("sweep", "send_runs", "collect_logs", "raise_alerts")]

    def page(self, path: str, method: str = "GET", body: bytes = b"", **query: str) -> func.HttpResponse:
        """Ask the console, or health where the path says so."""
        headers = {"host": "127.0.0.1:7071", "cookie": self.cookie, "sec-fetch-site": "same-origin",
                   "content-type": "application/x-www-form-urlencoded"}  # fmt: skip
        url = f"http://127.0.0.1:7071/api/{path if path == 'health' else f'console/{path}'}"
        asked = func.HttpRequest(method, url, headers=headers, params=query, route_params={"path": path}, body=body)
        answered = self.call("health" if path == "health" else "console", asked)
        assert isinstance(answered, func.HttpResponse), answered
        return answered

    def post(self, path: str, **fields: str) -> func.HttpResponse:
        """Send a form of a page."""
        page = self.page("people").get_body().decode()
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
        return self.page(path, "POST", urlencode({**fields, "csrf": csrf}).encode())

    def sign_in(self) -> None:
        answered = self.page("enter", token=CHANNELS["CONSOLE_TOKEN"])
        self.cookie = answered.headers["Set-Cookie"].partition(";")[0]


def forbidden() -> set[str]:
    """What must not be logged: of the file that is dropped, the settings, the identity."""
    return {*of_file(as_csv(EVERYBODY), leave_out=["status"]), *of_settings(CHANNELS), TOKEN, *FIRST, *LAST}


@pytest.fixture(autouse=True)
def net_of_the_flow() -> None:
    """The tests of this file hang nets of their own."""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    clock = FakeClock()
    graph = Hooked(clock)
    made = rollcall(tmp_path / "sources", graph, clock, SecretIdentity(clock), **CHANNELS)
    desk = Desk(made, graph, clock)
    desk.source("gates: {disables: 20, enables: null, creates: null, changes: null, shrink: null}\nabsence: disable")
    monkeypatch.setattr(function_app, "_built", lambda: desk.rollcall.house)
    with below_every_logger(LogNet(forbidden())) as net:
        yield App(desk, graph, net)


def two_days(app: App) -> None:
    """HR drops files, Entra takes, refuses and answers, people look."""
    desk, graph = app.desk, app.graph
    graph.refuses = {EVERYBODY[3].id}
    desk.put(EVERYBODY, "monday.csv")
    app.tick()
    said = f"{EVERYBODY[5].name} <{EVERYBODY[5].id}@contoso.com> is there already"
    graph.script.extend([status(400, "Bad", said), no_answer, cut, status(401, "No", said), status(429, "Slow", said)])
    desk.put([*EVERYBODY[:60], *staff(20, 60, title="Head-of-Bees")], "tuesday.csv")
    for _ in range(4):
        app.tick()
    at = desk.clock.now()
    graph.log += [entry(each.id, at, outcome="failure", code="Conflict", reason=said) for each in EVERYBODY[:30]]
    graph.log += [entry(each.id, at, "StrangeAction", displayName=said) for each in EVERYBODY[30:]]
    page = b'{"value": [{"' + said.encode() + b'": 1}, "' + said.encode() + b'"], "' + said.encode() + b'"'
    graph.log_script.extend(
        [status(400, "Bad", said), status(403, said, said), no_answer, cut, lambda _: httpx.Response(200, content=page)]
    )
    for _ in range(6):
        app.tick()
    desk.put(staff(50, status="Left"), "wednesday.csv")
    desk.put(b"\x00\xff rubbish", "thursday.csv")
    desk.put(b"id,other\n" + EVERYBODY[0].id.encode() + b",x\n", "friday.csv")
    for _ in range(3):
        app.tick()


def look_at_everything(app: App) -> None:
    """Every page, a person, files, decisions, and what is refused."""
    house = app.desk.rollcall.house
    app.page("")
    app.page("enter", token="a-wrong-token")
    app.sign_in()
    runs = house.ledger.runs()
    for path in ("", "alerts", "log", "people", "sources/employees", "nowhere", "health"):
        app.page(path, source="employees", status="failure")
    for run in runs:
        app.page(f"runs/{run.run_id}")
        for name in house.files.names(run):
            app.page(f"runs/{run.run_id}/files/{name}")
        app.post(f"runs/{run.run_id}/approve", reason=f"{EVERYBODY[0].name} is right", shown="0" * 64)
    assert app.post("people", source="employees", key=EVERYBODY[0].id).status_code == 200
    app.post("people", source="employees", key="absent@contoso.example")
    app.post("stop-sending", reason=f"ask {EVERYBODY[1].name}")
    app.tick()
    app.post("resume")
    failed = next(run for run in runs if run.state in (RunState.SENT, RunState.SETTLED))
    app.desk.rollcall.house.ledger.add(
        resend(house.ledger, house.files, failed.run_id, [EVERYBODY[3].id], house.clock.now())
    )
    app.tick()


def test_two_days_of_work_and_every_page_log_no_secret_and_no_person(app: App) -> None:
    two_days(app)
    look_at_everything(app)
    app.tick(minutes=100 * 24 * 60)  # what is old is forgotten
    app.tick()
    assert app.net.caught == []
    states = {run.state for run in app.desk.rollcall.house.ledger.runs()}
    assert {RunState.REJECTED} < states
    assert {"drop_planned", "runs_sent", "logs_collected", "alerts_raised", "swept"} <= events(app.net)
    assert all(app.graph.heard[host] for host in ("teams.example", "slack.example", "hook.example"))


def events(net: LogNet) -> set[str]:
    """The events of the app that were logged."""
    told = (line.partition(" INFO ")[2] for line in net.lines if line.startswith("rollcall "))
    return {str(json.loads(line)["event"]) for line in told}


@pytest.mark.parametrize("client", ["httpx"])
def test_the_net_catches_an_address_as_soon_as_a_client_may_log_it(app: App, client: str) -> None:
    """What would be in the log of the host without the levels that the app sets."""
    logging.getLogger(client).setLevel(logging.INFO)
    try:
        two_days(app)
    finally:
        logging.getLogger(client).setLevel(logging.WARNING)
    for name in ("ALERT_TEAMS_URL", "ALERT_SLACK_URL", "ALERT_WEBHOOK_URL"):
        secret = max(of_settings({name: CHANNELS[name].replace("hooker:pa55w0rd@", "")}), key=len)
        assert any(secret.rpartition("?")[2][-12:] in each for each in app.net.caught), name


class Away(httpx.BaseTransport):
    """Channels that are not to be reached; the error holds the address, as errors of httpx do."""

    def __init__(self, error: Callable[[httpx.Request], Exception]) -> None:
        self.error = error
        self.asked = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        raise self.error(request)


@pytest.mark.parametrize(
    "error",
    [
        lambda request: httpx.ConnectError(f"no way to {request.url}", request=request),
        lambda request: httpx.ReadTimeout(f"{request.url} is slow", request=request),
        lambda request: httpx.InvalidURL(f"{request.url} is none"),
        lambda request: ValueError(f"{request.url} {request.content!r}"),
        lambda request: OSError(f"{request.url}"),
        lambda request: RuntimeError(f"{request.url} {request.content!r} {dict(request.headers)}"),
    ],
)
def test_a_channel_that_fails_is_named_without_its_address(
    app: App, monkeypatch: pytest.MonkeyPatch, error: Callable[[httpx.Request], Exception]
) -> None:
    app.desk.put(b"id,other\n1,2\n", "wrong.csv")
    app.call("sweep", None)
    away = Away(error)
    app.desk.rollcall.house.__dict__["client"] = httpx.Client(transport=away)
    app.call("raise_alerts", None)
    assert away.asked
    assert app.net.caught == []


@pytest.mark.parametrize("answer", [503, 302, 404])
def test_a_channel_that_refuses_is_named_without_its_address(app: App, answer: int) -> None:
    app.desk.put(b"id,other\n1,2\n", "wrong.csv")
    app.call("sweep", None)
    moved = {"location": CHANNELS["ALERT_SLACK_URL"]}
    transport = httpx.MockTransport(lambda _: httpx.Response(answer, headers=moved, text=CHANNELS["ALERT_TEAMS_URL"]))
    app.desk.rollcall.house.__dict__["client"] = httpx.Client(transport=transport)
    app.call("raise_alerts", None)
    (told,) = [json.loads(line.partition(" INFO ")[2]) for line in app.net.lines if '"alerts_raised"' in line]
    assert told["failed_channels"] == ["slack", "teams", "webhook"]
    assert app.net.caught == []


def of_azure(text: str) -> Exception:
    """An error of our own tree, behind it the SDK's with the address it asked for."""
    try:
        try:
            raise ServiceRequestError(f"Max retries exceeded with url: /{text}?sig={TOKEN}")
        except ServiceRequestError as error:
            raise HttpResponseError(f"GET https://st.table.core.windows.net/{text}") from error
    except HttpResponseError as error:
        told = StorageError("table outcomes gave no answer: HttpResponseError")
        told.__cause__ = error
        return told


FAILURES: list[Callable[[], Exception]] = [
    lambda: of_azure(f"outcomes(PartitionKey='{EVERYBODY[0].id}',RowKey='{EVERYBODY[0].name}')"),
    lambda: ValueError(f"could not convert {EVERYBODY[1].name}"),
    lambda: KeyError(f"{EVERYBODY[2].id}@contoso.com"),
]


@pytest.mark.parametrize("failure", FAILURES)
def test_what_a_function_fails_with_names_types_and_places_only(
    app: App, monkeypatch: pytest.MonkeyPatch, failure: Callable[[], Exception]
) -> None:
    """Storage is away, or the code has a fault, in each function: the host logs the whole chain of errors."""
    two_days(app)
    app.sign_in()

    def fails(*_: object, **__: object) -> object:
        raise failure()

    for kind in (MemoryTable, MemoryContainer):
        for name in ("rows", "get", "insert", "replace", "upsert", "insert_missing", "read", "versions", "put", "drop"):
            if hasattr(kind, name):
                monkeypatch.setattr(kind, name, fails)
    ended = [
        *app.tick(),
        app.call("health", func.HttpRequest("GET", "http://127.0.0.1/api/health", body=b"")),
        app.call(
            "console", func.HttpRequest("GET", "http://127.0.0.1/api/console/", route_params={"path": ""}, body=b"")
        ),
    ]
    assert any(isinstance(each, StorageError | Unexpected) for each in ended)
    assert app.net.caught == []


def test_an_error_that_leaves_a_function_still_says_where_it_came_from(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryTable, "rows", lambda *_: (_ for _ in ()).throw(of_azure("x")))
    error = app.call("send_runs", None)
    assert isinstance(error, StorageError)
    told = as_the_worker_tells(error)
    assert told.startswith("StorageError: table outcomes gave no answer")
    assert "caused by HttpResponseError at " in told
    assert "caused by ServiceRequestError at " in told
    assert "in send_runs" in told


def test_warnings_of_clients_lose_their_values_and_their_errors(app: App) -> None:
    """The words that these clients have in their code, with what they put in."""
    address, person = CHANNELS["ALERT_SLACK_URL"], EVERYBODY[0]
    try:
        raise ConnectionError(f"{address} of {person.name}")
    except ConnectionError as error:
        logging.getLogger("urllib3.connectionpool").warning(
            "Failed to parse headers (url=%s): %s", address, error, exc_info=True
        )
    logging.getLogger("urllib3.connectionpool").warning(
        "Retrying (%r) after connection broken by '%r': %s",
        0,
        OSError(address),
        f"/outcomes(PartitionKey='{person.id}')",
    )
    logging.getLogger("azure.core.pipeline.policies").warning(f"it was refused:\n{address} for {person.name}")
    logging.getLogger("msal.oauth2cli").error(f"{address} was refused")
    asyncio.run(_a_task_that_is_not_awaited(address, person.name))
    assert app.net.caught == []
    text = "\n".join(app.net.lines)
    for told in (
        "Failed to parse headers",
        "[ConnectionError]",
        "Retrying",
        "it was refused",
        "Task exception was never",
    ):
        assert told in text


async def _a_task_that_is_not_awaited(address: str, name: str) -> None:
    async def fail() -> None:
        raise ConnectionError(f"{address} {name}")

    task = asyncio.ensure_future(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task


def test_importing_the_app_quietens_the_clients_before_anything_else_is_loaded(root: Path) -> None:
    script = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("azure", "azurefunctions", "httpx", "msal", "urllib3") and not seen:
            seen.append({each: logging.getLogger(each).level for each in sys.argv[1:]})
seen = []
sys.meta_path.insert(0, Watch())
import function_app
print(seen, {each: logging.getLogger(each).getEffectiveLevel() for each in sys.argv[1:]})
"""
    clients = ("httpx", "httpcore", "azure", "msal", "urllib3", "asyncio")
    command = [sys.executable, "-c", script, *clients]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    quiet = dict.fromkeys(clients, logging.WARNING)
    assert ran.stdout.strip() == f"{[quiet]} {quiet}"


def test_the_net_finds_what_is_hidden_in_an_error_or_beside_a_message() -> None:
    """A net with holes would find nothing in anything."""
    net = LogNet({"a-secret"})
    with below_every_logger(net):
        log = logging.getLogger("anything")
        log.info("%s", "a-secret")
        log.info("x", extra={"where": "a-secret"})
        log.info("a%2Dsecret")
        log.warning("ask ann@contoso.com")
        try:
            raise ValueError("a-secret")
        except ValueError:
            log.exception("it failed")
    assert len({each.partition(" in ")[2] for each in net.caught}) >= 5


def test_what_is_forbidden_comes_from_the_file_and_the_settings() -> None:
    found = forbidden()
    header, *rows = csv.reader(io.StringIO(as_csv(EVERYBODY).decode()))
    assert {row[header.index("id")] for row in rows} <= found
    assert {"Xsl4ckS3cr3tXsl4ck", "T0MB5T0N3", "w3bh00kS3cret", "0urC0de4711", "pa55w0rd"} <= found
    assert set(environment()) & found == set()
