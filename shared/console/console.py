"""The console: a request becomes a page. It reads; its only writes are approve, cancel, and stopping and resuming
sending. Enters: ports, a request.

Who asks is found out first, for every page. Nothing of a person is ever in an address: people are looked up by a form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.alerting.findings import Severity
from shared.alerting.raise_alerts import Alert, AlertStore
from shared.console.access import Door, Principal, Refusal, comes_from_us
from shared.console.exchange import CSS, SCRIPT, SVG, Request, Response, attachment, see_other
from shared.console.log_view import ACTIONS, STATUSES, KeptLog, log_page, read_filters
from shared.console.people_view import Memory, person_view
from shared.console.rendering import Pages
from shared.console.report import FILES, run_view
from shared.model.errors import LedgerError, Missing, RollcallError, UnknownRun
from shared.model.runs import AWAITING_OUTCOMES, TO_SEND, RunState
from shared.planning.decide import approve, cancel
from shared.sending.stops import ALL, holding, resume, stop_sending
from shared.sources.source import Source, no_such_source
from shared.status.reads import RunStatus, SourceStatus, StatusReads

LARGEST_DOWNLOAD = 32 * 1024 * 1024
STATIC = {"style.css": CSS, "progress.js": SCRIPT, "icon.svg": SVG}
SIGN_OUT = "/.auth/logout"  # of App Service authentication
OVER_SHOWN = 100
RUNS_LISTED = 200
LONGEST_REASON = 1_000
_NO_FILE = ("There is no such file", "The page of the run shows the files it has.")


@dataclass(frozen=True, kw_only=True)
class Console:
    """Everything the console needs, and nothing else."""

    door: Door
    pages: Pages
    reads: StatusReads
    memory: Memory
    alerts: AlertStore
    log: KeptLog
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
        """The page, or why not. The files of the pages and the entrance are for everybody."""
        match self.request.method, self.request.path.split("/"):
            case "GET", ["static", name]:
                return self._static(name)
            case "GET" | "POST", ["enter"]:
                return self._enter()
        who = self.console.door.who(self.request)
        if isinstance(who, Refusal):
            return self._refused(who)
        self.principal = who
        if self.request.method == "POST" and (refusal := self.console.door.accepts(self.request, who)):
            return self._refused(refusal)
        return self._routed()

    def told(self, status: int, title: str, text: str, *headers: tuple[str, str], token: bool = False) -> Response:
        """A page with one thing to say."""
        return self._page("message.html", status, *headers, title=title, text=text, token=token)

    def _routed(self) -> Response:
        path = self.request.path
        found = {method: (page, at) for method, address, page in _PAGES if (at := re.fullmatch(address, path))}
        if self.request.method in found:
            page, at = found[self.request.method]
            return page(self, *at.groups())
        if found:
            return self.told(
                405, "Not like this", "This address is not asked in this way.", ("Allow", ", ".join(found))
            )
        return self.told(404, "There is no such page", "The address leads nowhere. The overview shows what there is.")

    def overview(self, status: int = 200, fault: str = "") -> Response:
        reads, queue = self.console.reads, self.console.reads.queue()
        views = [self._seen(source, queue) for _, source in sorted(reads.sources().items())]
        return self._page("overview.html", status, views=views, budget=reads.budget(), live=True, fault=fault)

    def source(self, name: str, status: int = 200, fault: str = "") -> Response:
        reads = self.console.reads
        source = reads.sources().get(name)
        if source is None:
            text = f"{no_such_source(name, self._source_names())}. The overview shows every source there is."
            return self.told(404, "There is no such source", text[0].upper() + text[1:])
        view = self._seen(source, reads.queue())
        shown = {"budget": reads.budget(), "most": RUNS_LISTED, "live": True, "fault": fault}
        return self._page("source.html", status, view=view, **shown)

    def run(self, run_id: str, status: int = 200, fault: str = "") -> Response:
        reads = self.console.reads
        run = reads.ledger.get(run_id)
        view = run_view(reads, run, holding(reads.stops.all(), run.source))
        alerts = [
            each for each in self._open_alerts() if each.finding.run_id == run.run_id and not _says_the_state(each)
        ]
        shown = {"view": view, "run": run, "alerts": alerts, "budget": reads.budget(), "fault": fault}
        return self._page("run.html", status, live=view.verdict.tone != "good", **shown)

    def download(self, run_id: str, name: str) -> Response:
        run, content = self.console.reads.ledger.get(run_id), bytearray()
        if name not in FILES:
            return self.told(404, *_NO_FILE)
        try:
            for piece in self.console.reads.artefacts.read(run, name):
                content += piece
                if len(content) > LARGEST_DOWNLOAD:
                    where = f"{run.source}/{run.run_id}/{name}"
                    return self.told(
                        413, "This file is too large for a page", f"Take it from the container of runs: {where}"
                    )
        except Missing:
            return self.told(404, *_NO_FILE)
        return attachment(bytes(content), FILES[name][0], f"{run.run_id}-{name}")

    def people(self) -> Response:
        return self._page("person.html", view=None, source="", sources=self._source_names())

    def log(self) -> Response:
        names = self._source_names()
        filters = read_filters(self.request.query, names, self.console.reads.now())
        found = log_page(self.console.log, self.console.reads.endpoints().get(filters.source), filters)
        return self._page("log.html", found=found, filters=filters, sources=names, statuses=STATUSES, actions=ACTIONS)

    def alerts(self) -> Response:
        return self._page("alerts.html", over=self.console.alerts.over()[:OVER_SHOWN])

    def switch(self, source: str | None, verb: str) -> Response:
        """Stop sending of a source, or of all, or resume it."""
        principal, reads = self._operator(), self.console.reads
        if principal is None:
            return self._for_operators()
        if source and source not in reads.sources():
            return self.source(source)
        try:
            if verb == "resume":
                resume(reads.stops, source or ALL, principal.signature, reads.now())
            else:
                stop_sending(reads.stops, source or ALL, principal.signature, self._reason(), reads.now())
        except LedgerError as error:
            status = 409 if verb == "resume" else 422
            return self.source(source, status, str(error)) if source else self.overview(status, str(error))
        return see_other(f"{self.request.base}/{f'sources/{source}' if source else ''}")

    def decide(self, run_id: str, verb: str) -> Response:
        """Approve a run, or cancel it."""
        principal, reads, shown = self._operator(), self.console.reads, self.request.form.get("shown", "")
        if principal is None:
            return self._for_operators()
        reason, by, now = self._reason(), principal.signature, reads.now()
        if not reason:
            return self.run(run_id, 422, "Write down why. The reason is kept with the run.")
        if verb == "approve" and len(shown) != 64:
            return self.run(run_id, 422, "The page did not say which plan it showed. Look at it again, then decide.")
        try:
            if verb == "approve":
                approve(reads.ledger, reads.artefacts, run_id, by, reason, now, shown, source=self.console.source)
            else:
                cancel(reads.ledger, run_id, by, reason, now)
        except LedgerError as error:
            return self.run(run_id, 409, str(error))
        return see_other(f"{self.request.base}/runs/{run_id}")

    def person(self) -> Response:
        form, names = self.request.form, self._source_names()
        source, key = form.get("source", ""), form.get("key", "").strip()
        if not key or source not in names:
            fault = "Choose a source and write a key."
            return self._page("person.html", 422, view=None, source=source, sources=names, fault=fault)
        view = person_view(self.console.memory, source, key, form.get("before", ""))
        return self._page("person.html", view=view, source=source, sources=names)

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

    def _operator(self) -> Principal | None:
        """Who asks, where they may decide."""
        return self.principal if self.principal and self.principal.may_decide else None

    def _for_operators(self) -> Response:
        return self.told(403, "This is for operators", "Reading is what your role permits. An operator can decide.")

    def _reason(self) -> str:
        return self.request.form.get("reason", "").strip()[:LONGEST_REASON]

    def _source_names(self) -> list[str]:
        return sorted(self.console.reads.sources())

    def _seen(self, source: Source, queue: Mapping[str, RunStatus]) -> SourceStatus:
        """A source with all its runs; of those under way, how far they are."""
        reads = self.console.reads
        runs = (reads.run(run, queue, TO_SEND, AWAITING_OUTCOMES) for run in reads.ledger.runs(source.source))
        return reads.source(source, reads.endpoints().get(source.source), runs)

    def _open_alerts(self) -> list[Alert]:
        """The worst first, then the latest."""
        found, order = (alert for alert in self.console.alerts.open() if alert.is_open), list(Severity)
        return sorted(found, key=lambda each: (order.index(each.finding.severity), -each.raised_at.timestamp()))

    def _page(self, template: str, status: int = 200, *headers: tuple[str, str], **values: Any) -> Response:
        principal, door, reads = self.principal, self.console.door, self.console.reads
        common: dict[str, Any] = {
            "base": self.request.base,
            "path": self.request.path,
            "principal": principal,
            "csrf": door.form_token(principal) if principal else "",
            "sign_out": SIGN_OUT if door.platform else "",
            "open_alerts": self._open_alerts() if principal else (),
            "damages": reads.damages() if principal else (),
            "stops": reads.stops.all() if principal else (),
            "now": reads.now(),
            "live": False,
            "fault": "",
        }
        return Response(self.console.pages.page(template, **{**common, **values}), status, headers=headers)


# Which page answers: by method and address. What a group of the address holds is an argument
_PAGES: tuple[tuple[str, str, Callable[..., Response]], ...] = (
    ("GET", "", _Visit.overview),
    ("GET", "sources/([^/]+)", _Visit.source),
    ("GET", "runs/([^/]+)", _Visit.run),
    ("GET", "runs/([^/]+)/files/([^/]+)", _Visit.download),
    ("GET", "people", _Visit.people),
    ("GET", "log", _Visit.log),
    ("GET", "alerts", _Visit.alerts),
    ("POST", "runs/([^/]+)/(approve|cancel)", _Visit.decide),
    ("POST", "(?:sources/([^/]+)/)?(stop-sending|resume)", _Visit.switch),
    ("POST", "people", _Visit.person),
)
