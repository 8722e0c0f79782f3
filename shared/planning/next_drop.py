"""What the next drop does about a person if HR's record of them stays as it is. `compare` decides by the same facts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.known_people.people import KnownPerson
from shared.model.runs import TO_SEND, Artefacts, Ledger, Run
from shared.run_folder.folder import RunFolder


class NextDrop(StrEnum):
    """What is to be expected of it."""

    SENDS = "sends"  # the last record failed, is in doubt, or none was ever accepted
    ONLY_CHANGES = "only_changes"
    GIVEN_UP = "given_up"  # two runs in a row had no answer
    UNDER_WAY = "under_way"  # a run that sends this person is not over: what comes next is not decided yet


@dataclass(frozen=True)
class Expected:
    """What is to be expected, and the run that it rests on: the one under way, or the last one that was accepted."""

    what: NextDrop
    run_id: str = ""

    @property
    def sends_again(self) -> bool:
        """Whether the next drop sends this person although nothing has changed."""
        return self.what is NextDrop.SENDS

    @property
    def sentence(self) -> str:
        """The same in words."""
        if self.what is NextDrop.SENDS:
            return "the next drop sends this person again"
        if self.what is NextDrop.UNDER_WAY:
            return f"run {self.run_id} sends this person"
        only = "the next drop sends this person only if HR's record has changed"
        if self.what is NextDrop.GIVEN_UP:
            return f"two runs had no answer: {only}, or `rollcall resend {self.run_id} --unanswered` does"
        return only


def expected(known: KnownPerson | None, under_way: Run | None) -> Expected:
    """What is known of a person whom Entra was sent, or may have been; `under_way` is a run that sends them now.

    Who is not known any more failed, was refused or was not sent: the next drop sends them as a new person.
    """
    if under_way is not None:
        return Expected(NextDrop.UNDER_WAY, under_way.run_id)
    if known is None:
        return Expected(NextDrop.SENDS)
    if known.send_again:
        return Expected(NextDrop.SENDS, known.run_id)
    return Expected(NextDrop.GIVEN_UP if known.outcome == "unknown" else NextDrop.ONLY_CHANGES, known.run_id)


def run_under_way(ledger: Ledger, artefacts: Artefacts, source: str, key: str) -> Run | None:
    """The newest run that sends this person and whose accepted records are not among the known people yet."""
    for run in reversed(ledger.runs(source)):
        if (run.state in TO_SEND or (run.sending_at and not run.folded)) and RunFolder(artefacts, run).sends(key):
            return run
    return None
