"""The console: a request becomes a page. It reads; its only writes are approve, cancel, and stopping and resuming
sending. Enters: ports, a request.

Who asks is found out first, for every page. Nothing of a person is ever in an address: people are looked up by a form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.alerting.raise_alerts import Alert, AlertStore
from shared.console.access import Door, Principal, Refusal, comes_from_us
from shared.console.exchange import CSS, SCRIPT, SVG, Request, Response, attachment, see_other
from shared.console.log_view import ACTIONS, STATUSES, LogBook, log_page, read_filters
from shared.console.overview import RUNS_LISTED, quota, sorted_alerts, source_view, source_views
from shared.console.people_view import Memory, person_view
from shared.console.rendering import Pages
from shared.console.run_view import FILES, run_view
from shared.model.errors import LedgerError, Missing, RollcallError, UnknownRun
from shared.model.runs import ListedArtefacts, Run, RunState
from shared.planning.decide import approve, cancel
from shared.sending.stops import ALL, holding, resume, stop_sending
from shared.sources.source import Source, no_such_source
from shared.status.reads import StatusReads

LARGEST_DOWNLOAD = 32 * 1024 * 1024
STATIC = {"style.css": CSS, "progress.js": SCRIPT, "icon.svg": SVG}
SIGN_OUT = "/.auth/logout"  # of App Service authentication
OVER_SHOWN = 100
Page = Callable[[], Response]


@dataclass(frozen=True)
class Console:
    """Everything the console needs, and nothing else."""

    door: Door
    pages: Pages
    reads: StatusReads
    memory: Memory
    folder: ListedArtefacts
    alerts: AlertStore
    log: LogBook
    now: Callable[[], datetime]
    source: Callable[[str], Source]  # by name, as its file is now; raises ConfigurationError


def answer(console: Console, request: Request) -> Response:
    """The response to a request; every fault is a page that says what happened."""
    try:
        return _Visit(console, request).answer()
    except UnknownRun as error:
        return _Visit(console, request).told(404, "There is no such run", str(error))
    except RollcallError as error:
        return _Visit(console, request).told(503, "This could not be read", str(error))


def answer_without_settings(request: Request, faults: Iterable[str], now: datetime) -> Response:
    """The response where faulty settings keep the app from starting. `faults` are those that the visitor may see."""
    pages = Pages()
    if request.path.startswith("static/") and (name := request.path.removeprefix("static/")) in STATIC:
        return Response(pages.file(name), 200, STATIC[name])
    text = "; ".join(faults) or "The route health of the app names them."
    page = pages.page(
        "message.html", base=request.base, path=request.path, principal=None, title="Settings of the app are faulty",
        text=text, token=False, live=False, fault="", damages=(), stops=(), now=now,
    )  # fmt: skip
    return Response(page, 503)


def _says_the_state(alert: Alert) -> bool:
    """Whether the page of the run says the same in its first line."""
    return alert.finding.rule == f"run-{RunState.HELD}"


@dataclass
class _Visit:
    console: Console
    request: Request
    principal: Principal | None = None

    def answer(self) -> Response:
        first, *rest = [*self.request.path.split("/"), ""] if self.request.path else [""]
        match self.request.method, first, rest:
            case "GET", "static", [name, ""]:
                return self._static(name)
            case "GET" | "POST", "enter", [""]:
                return self._enter()
        who = self.console.door.who(self.request)
        if isinstance(who, Refusal):
            return self._refused(who)
        self.principal = who
        if self.request.method == "POST" and (refusal := self.console.door.accepts(self.request, who)):
            return self._refused(refusal)
        return self._routed(first, rest)

    def told(self, status: int, title: str, text: str, *headers: tuple[str, str], token: bool = False) -> Response:
        """A page with one thing to say."""
        return self._page("message.html", status, *headers, title=title, text=text, token=token)

    def _routed(self, first: str, rest: list[str]) -> Response:
        pages = {"GET": self._to_read(first, rest), "POST": self._to_write(first, rest)}
        if page := pages.get(self.request.method):
            return page()
        if allowed := ", ".join(method for method, page in pages.items() if page):
            return self.told(405, "Not like this", "This address is not asked in this way.", ("Allow", allowed))
        return self.told(404, "There is no such page", "The address leads nowhere. The overview shows what there is.")

    def _to_read(self, first: str, rest: list[str]) -> Page | None:
        match first, rest:
            case "", []:
                return self._overview
            case "sources", [name, ""]:
                return lambda: self._source(name)
            case "runs", [run_id, ""]:
                return lambda: self._run(self._find(run_id))
            case "runs", [run_id, "files", name, ""]:
                return lambda: self._download(self._find(run_id), name)
            case "people", [""]:
                return lambda: self._page("person.html", view=None, source="", sources=self._source_names())
            case "log", [""]:
                return self._log
            case "alerts", [""]:
                return lambda: self._page("alerts.html", over=self.console.alerts.over()[:OVER_SHOWN])
        return None

    def _to_write(self, first: str, rest: list[str]) -> Page | None:
        match first, rest:
            case "runs", [run_id, "approve" | "cancel" as verb, ""]:
                return lambda: self._decide(self._find(run_id), verb)
            case "stop-sending" | "resume", [""]:
                return lambda: self._switch(ALL, first)
            case "sources", [name, "stop-sending" | "resume" as verb, ""]:
                return lambda: self._switch(name, verb)
            case "people", [""]:
                return self._person
        return None

    def _overview(self, status: int = 200, fault: str = "") -> Response:
        now = self.console.now()
        budget = self.console.reads.budget()
        views = source_views(self.console.reads, self.console.alerts.open(), now)
        return self._page("overview.html", status, views=views, quota=quota(budget, now), live=True, fault=fault)

    def _source(self, name: str, status: int = 200, fault: str = "") -> Response:
        source = self.console.reads.sources().get(name)
        if source is None:
            text = f"{no_such_source(name, self._source_names())}. The overview shows every source there is."
            return self.told(404, "There is no such source", text[0].upper() + text[1:])
        endpoint = self.console.reads.endpoints().get(name)
        alerts = self.console.alerts.open()
        view = source_view(self.console.reads, source, endpoint, alerts, self.console.now(), RUNS_LISTED)
        return self._page("source.html", status, view=view, live=True, fault=fault)

    def _run(self, run: Run, status: int = 200, fault: str = "") -> Response:
        reads, now = self.console.reads, self.console.now()
        stop = holding(reads.stops.all(), run.source)
        view = run_view(reads.ledger, self.console.folder, run, reads.budget(), now, stop)
        alerts = [
            each for each in self._open_alerts() if each.finding.run_id == run.run_id and not _says_the_state(each)
        ]
        return self._page(
            "run.html", status, view=view, run=run, fault=fault, alerts=alerts, live=view.verdict.tone != "good"
        )

    def _download(self, run: Run, name: str) -> Response:
        if name not in FILES:
            return self.told(404, "There is no such file", "The page of the run shows the files it has.")
        content = bytearray()
        try:
            for piece in self.console.folder.read(run, name):
                content += piece
                if len(content) > LARGEST_DOWNLOAD:
                    where = f"{run.source}/{run.run_id}/{name}"
                    return self.told(
                        413, "This file is too large for a page", f"Take it from the container of runs: {where}"
                    )
        except Missing:
            return self.told(404, "There is no such file", "The page of the run shows the files it has.")
        return attachment(bytes(content), FILES[name][0], f"{run.run_id}-{name}")

    def _switch(self, source: str, verb: str) -> Response:
        """Stop sending of a source, or of all, or resume it."""
        assert self.principal is not None
        if not self.principal.may_decide:
            return self._for_operators()
        if source and source not in self.console.reads.sources():
            return self._source(source)
        stops, by, now = self.console.reads.stops, self.principal.signature, self.console.now()
        try:
            if verb == "resume":
                resume(stops, source, by, now)
            else:
                stop_sending(stops, source, by, self.request.form.get("reason", "").strip()[:1000], now)
        except LedgerError as error:
            status = 409 if verb == "resume" else 422
            return self._source(source, status, str(error)) if source else self._overview(status, str(error))
        return see_other(f"{self.request.base}/{f'sources/{source}' if source else ''}")

    def _for_operators(self) -> Response:
        return self.told(403, "This is for operators", "Reading is what your role permits. An operator can decide.")

    def _decide(self, run: Run, verb: str) -> Response:
        assert self.principal is not None
        if not self.principal.may_decide:
            return self._for_operators()
        form, now, ledger = self.request.form, self.console.now(), self.console.reads.ledger
        reason, by = form.get("reason", "").strip()[:1000], self.principal.signature
        if not reason:
            return self._run(run, 422, "Write down why. The reason is kept with the run.")
        try:
            if verb == "approve":
                if len(form.get("shown", "")) != 64:
                    return self._run(
                        run, 422, "The page did not say which plan it showed. Look at it again, then decide."
                    )
                folder, source = self.console.folder, self.console.source
                approve(ledger, folder, run.run_id, by, reason, now, form["shown"], source=source)
            else:
                cancel(ledger, run.run_id, by, reason, now)
        except LedgerError as error:
            return self._run(ledger.get(run.run_id), 409, str(error))
        return see_other(f"{self.request.base}/runs/{run.run_id}")

    def _person(self) -> Response:
        form = self.request.form
        source, key = form.get("source", ""), form.get("key", "").strip()
        names = self._source_names()
        if not key or source not in names:
            return self._page(
                "person.html", 422, view=None, source=source, sources=names, fault="Choose a source and write a key."
            )
        view = person_view(self.console.memory, source, key, form.get("before", ""))
        return self._page("person.html", view=view, source=source, sources=names)

    def _log(self) -> Response:
        names = self._source_names()
        filters = read_filters(self.request.query, names, self.console.now())
        found = log_page(self.console.log, filters)
        return self._page("log.html", found=found, filters=filters, sources=names, statuses=STATUSES, actions=ACTIONS)

    def _enter(self) -> Response:
        request = self.request
        if request.method == "POST" and not comes_from_us(request):
            return self._refused(Refusal(403, "This form does not come from the console. Open the page again."))
        if isinstance(self.console.door.who(request), Principal):
            return see_other(f"{request.base}/")
        given = request.form.get("token", "") if request.method == "POST" else request.query.get("token", "")
        found = self.console.door.enter(request, given.strip())
        return self._refused(found) if isinstance(found, Refusal) else found

    def _static(self, name: str) -> Response:
        if name not in STATIC:
            return self.told(404, "There is no such file", "The address leads nowhere.")
        return Response(self.console.pages.file(name), 200, STATIC[name])

    def _refused(self, refusal: Refusal) -> Response:
        title = {401: "Sign in", 403: "Not for you"}.get(refusal.status, "There is no such page")
        token = refusal.status == 401 and bool(self.console.door.token) and not self.console.door.platform
        return self.told(refusal.status, title, refusal.text, token=token)

    def _find(self, run_id: str) -> Run:
        return self.console.reads.ledger.get(run_id)

    def _source_names(self) -> list[str]:
        return sorted(self.console.reads.sources())

    def _open_alerts(self) -> tuple[Alert, ...]:
        return sorted_alerts(self.console.alerts.open())

    def _page(self, template: str, status: int = 200, *headers: tuple[str, str], **values: Any) -> Response:
        principal, door = self.principal, self.console.door
        common: dict[str, Any] = {
            "base": self.request.base,
            "path": self.request.path,
            "principal": principal,
            "csrf": door.form_token(principal) if principal else "",
            "sign_out": SIGN_OUT if door.platform else "",
            "open_alerts": self._open_alerts() if principal else (),
            "damages": self.console.reads.damages() if principal else (),
            "stops": self.console.reads.stops.all() if principal else (),
            "now": self.console.now(),
            "live": False,
            "fault": "",
        }
        return Response(self.console.pages.page(template, **{**common, **values}), status, headers=headers)
