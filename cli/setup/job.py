"""`rollcall setup status`, `start`, `stop`, `restart`, `endpoint`: the job."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text

from cli import console
from cli.console import Misused, counted
from cli.setup.office import Office
from shared.app import House
from shared.model.job import JobState
from shared.model.runs import AWAITING_OUTCOMES, Run, RunState
from shared.planning.decide import resend as resend_run
from shared.provisioning_app.tenant import JobPlace
from shared.run_folder.folder import RunFolder
from shared.status.job_words import consequences, scope_fault, words

DONE, NOT_DONE = 0, 1


def status(office: Office, *, as_json: bool) -> int:
    """Show the job. 0 when it listens and is in no quarantine."""
    found = office.find()
    job = office.tenant.job(found.place)
    told = words(job)
    runs = job.state is JobState.RUNNING
    if as_json:
        console.print_json({"source": office.source.source, "job": found.place.job_id, "runs": runs, "words": told})
        return DONE if runs else NOT_DONE
    screen = console.out()
    name = found.app.display_name if found.app else ""
    screen.print(Text.assemble((office.source.source, "bold"), f"  {name}, job {found.place.job_id}"))
    rows = [
        ("state", told.state),
        ("quarantine", told.quarantine),
        ("cure", told.remedy),
        ("next try", told.next_attempt),
        ("last cycle", told.last_cycle or "none yet"),
        ("last success", told.last_success or "none yet"),
        ("accounts", ", ".join(f"{count:,} {kind}" for kind, count in told.counts.items())),
        ("interval", told.interval if runs else ""),
    ]
    for label, text in rows:
        if text:
            screen.print(Text(f"{label:<13}{text}"))
    return DONE if runs else NOT_DONE


def start(office: Office) -> int:
    """Start provisioning."""
    return _do(office, "start", office.tenant.start)


def stop(office: Office) -> int:
    """Stop provisioning."""
    return _do(office, "stop", office.tenant.stop)


def restart(office: Office, scope: str, *, resend: bool) -> int:
    """Restart, and send open runs again when that is asked for."""
    if fault := scope_fault(scope):
        raise Misused(fault)
    ended = _do(office, "restart", lambda place: office.tenant.restart(place, scope), scope)
    if ended == DONE and resend:
        _resend(office)
    elif ended == DONE and office.around.is_set_up and (runs := _open_runs(office.around.house(), office)):
        listed = " ".join(run.run_id for run in runs)
        console.out().print(f"open runs, to be sent again in about 40 minutes with `rollcall resend`: {listed}")
    return ended


def endpoint(office: Office) -> None:
    """Print the address, alone on stdout."""
    print(office.endpoint_at(office.find().place))


def _do(office: Office, verb: str, act: Callable[[JobPlace], None], scope: str = "") -> int:
    found = office.find()
    told = (*consequences(verb, found.job, scope), *_pending(office))
    if not office.agreed(f"{verb} the provisioning job of {office.source.source}", told):
        return NOT_DONE
    act(found.place)
    state = words(office.tenant.job(found.place))
    console.out().print(Text(f"done; the job {state.state}{': ' + state.quarantine if state.quarantine else ''}"))
    return DONE


def _pending(office: Office) -> tuple[str, ...]:
    """What the app's own books say is on its way."""
    if not office.around.is_set_up:
        return ("which runs are open is not known here: there are no settings of the app",)
    runs = _open_runs(office.around.house(), office)
    people = sum(run.figures.sent for run in runs)
    return (f"{counted(len(runs), 'open run')} with {counted(people, 'person', 'people')} sent or to be sent",)


def _open_runs(house: House, office: Office) -> list[Run]:
    return house.ledger.runs(office.source.source, AWAITING_OUTCOMES)


def _resend(office: Office) -> None:
    """Everybody of a sent run who has no answer yet, with what was sent for them then."""
    house, now = office.around.house(), office.clock.now()
    for run in _open_runs(house, office):
        if run.state is not RunState.SENT:
            console.out().print(f"{run.run_id} is {run.state}; it goes on by itself")
        elif keys := _unanswered(house, run):
            made = resend_run(house.ledger, house.files, run.run_id, keys, now)
            console.out().print(f"{run.run_id}: {counted(len(keys), 'person', 'people')} again, as run {made.run_id}")
        else:
            console.out().print(f"{run.run_id}: everybody has an answer")


def _unanswered(house: House, run: Run) -> list[str]:
    known = house.outcomes.of(run.run_id)
    people = list(RunFolder(house.files, run).people())
    return [each.key for each in people if each.chunk and not (known.get(each.key) and known[each.key].outcome)]
