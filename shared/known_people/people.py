"""Known people: what Entra last accepted of every person of a source, and what it may hold instead. A SQLite file.

A person's fingerprint is the hash of the SCIM user that was accepted; each attribute has a small one of its own, so
that a plan can say what changed and what would be cleared. The last two accepted records are kept whole, compressed.

The next drop sends a person again, whatever it holds, when
- the log said that the last record failed (`FAILED`), or
- the person is in doubt (`IN_DOUBT`): a call got no answer and its run ended, the log said nothing in the time waited,
  or an older record was processed after a newer one (`OUT_OF_ORDER`). Gates count the worse case until it is certain.
Two runs in a row without an answer end the sending again: it would use up the quota. A person whose creation failed is
forgotten, but for the run that sent them: no older record follows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec

from shared.known_people.fingerprints import attribute_hashes, fingerprint
from shared.known_people.people_db import FAILED, IN_DOUBT, OUT_OF_ORDER
from shared.known_people.people_db import DamagedPeople as DamagedPeople
from shared.known_people.people_reads import ABSENT_FINGERPRINT, ONE_ATTRIBUTE, PeopleReads
from shared.known_people.people_reads import KnownPerson as KnownPerson

MOST_UNKNOWNS = 2  # runs in a row without an answer, after which a person is not sent again
MOST_EARLIER = 4  # runs that are remembered of a person beside those of the last two records
_NEVER_ACCEPTED = b""  # the same of a person whom Entra may have taken, but never accepted
_IN_THE_DIRECTORY = frozenset({"created", "updated", "disabled", "enabled", "unchanged"})  # outcomes
_PUT = """
INSERT INTO people (key, fingerprint, attributes, user_name, active, run_id, calls) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET fingerprint=excluded.fingerprint, attributes=excluded.attributes,
user_name=excluded.user_name, active=excluded.active, run_id=excluded.run_id, calls=excluded.calls, outcome='',
send_again=''
"""
_EARLIER = """
INSERT OR IGNORE INTO earlier (key, run_id, outcome)
SELECT key, run_id, outcome FROM people WHERE key=:key AND run_id NOT IN ('', :run_id)
    AND outcome NOT IN ('created', 'updated', 'disabled', 'enabled', 'unchanged')
"""
_NO_MORE_THAN = """
DELETE FROM earlier WHERE key=:key AND run_id NOT IN (
    SELECT run_id FROM earlier WHERE key=:key ORDER BY run_id DESC LIMIT :most)
"""
_POSSIBLY = """
INSERT INTO people (key, fingerprint, attributes, user_name, active, run_id, send_again, may_be_active, may_be_inactive)
VALUES (:key, :never, :never, :name, :active, '', :doubt, :active, NOT :active)
ON CONFLICT (key) DO UPDATE SET send_again=:doubt, may_be_active=max(may_be_active, :active),
may_be_inactive=max(may_be_inactive, NOT :active)
"""
_UNKNOWN = """
UPDATE people SET unknowns=unknowns + (outcome <> 'unknown'), outcome='unknown' WHERE key=? AND run_id=?
"""
_IN_DOUBT_NOW = """
UPDATE people SET send_again=?,
    may_be_active=max(may_be_active, ?), may_be_inactive=max(may_be_inactive, ?)
WHERE key=? AND (unknowns < ? OR outcome <> 'unknown')
"""
_CERTAIN = """
UPDATE people SET outcome=:outcome, confirmed=max(confirmed, :confirmed), unknowns=0,
    send_again=CASE send_again WHEN :disorder THEN send_again ELSE '' END,
    may_be_active=CASE send_again WHEN :disorder THEN may_be_active ELSE 0 END,
    may_be_inactive=CASE send_again WHEN :disorder THEN may_be_inactive ELSE 0 END
WHERE key=:key AND run_id=:run_id
"""


class PeopleStore(Protocol):
    """Where the known people of each source are kept."""

    def open(self, source: str) -> AbstractContextManager[People]:
        """The people of a source, to be read; what is written there is thrown away."""
        ...

    def update(self, source: str, change: Callable[[People], None]) -> None:
        """Change the people of a source; `change` is called again when somebody else was quicker."""
        ...


class People(PeopleReads):
    """The known people of one source, to be read and changed. Raises DamagedPeople where the bytes are no such file."""

    def put(self, key: str, user: bytes, run_id: str, row: bytes = b"", *, calls: int = 1) -> None:
        """Entra has accepted this user, encoded; `row` is the fingerprint of the line that it was made of.

        `calls` is how many calls may have brought it to Entra.
        """
        decoded = msgspec.json.decode(user)
        name, active = decoded.get("userName", ""), bool(decoded["active"])
        self._keep_earlier(key, run_id)
        self._db.execute(_PUT, (key, fingerprint(decoded), self._packed(decoded), name, active, run_id, calls))
        if self._db.execute("DELETE FROM forgotten WHERE key = ?", (key,)).rowcount:
            self._db.execute("DELETE FROM records WHERE key = ?", (key,))  # they are of an account that was never made
        self._keep_record(key, user, run_id)
        self._keep_row(key, row)
        self._db.execute("DELETE FROM doubts WHERE key = ?", (key,))
        self._forgotten = self._count = None

    def disable(self, key: str, user: bytes, run_id: str, *, calls: int = 1) -> None:
        """Entra has accepted that an absent person is disabled. What else it knows of them has not changed."""
        self._keep_earlier(key, run_id)
        self._db.execute(
            "UPDATE people SET active=0, run_id=?, outcome='', fingerprint=?, send_again='', calls=? WHERE key=?",
            (run_id, ABSENT_FINGERPRINT, calls, key),
        )
        self._keep_record(key, user, run_id)
        self._forget_row(key)
        self._db.execute("DELETE FROM doubts WHERE key = ?", (key,))

    def possibly_sent(self, key: str, user: bytes, run_id: str, at: datetime) -> None:
        """Entra may have taken this user: the call got no answer, and its run has ended. `at` is when it was made."""
        decoded = msgspec.json.decode(user)
        active = bool(decoded["active"])
        values = {"key": key, "name": decoded.get("userName", ""), "active": active}
        self._db.execute(_POSSIBLY, {**values, "never": _NEVER_ACCEPTED, "doubt": IN_DOUBT})
        self._db.execute(
            "INSERT OR REPLACE INTO doubts VALUES (?, ?, ?, ?, ?)",
            (key, run_id, at.astimezone(UTC).isoformat(), active, self._packed_record(user)),
        )
        self._db.execute("INSERT OR IGNORE INTO earlier (key, run_id) VALUES (?, ?)", (key, run_id))
        self._keep_row(key, b"")
        self._count = None

    def add_record(self, key: str, user: bytes) -> None:
        """Keep the accepted record of a person of whom only fingerprints are known: release 0.1 kept no records."""
        run_id = self.last_run(key)
        if run_id and not self.has_record(key):
            self._keep_record(key, user, run_id)

    def unchanged(self, key: str, row: bytes) -> None:
        """Another line of the file says the same of this person, unless they are to be sent again."""
        self._db.execute(
            "UPDATE rows SET row = ? WHERE key = ? AND"
            " (SELECT fingerprint <> ? AND send_again = '' FROM people WHERE key = ?)",
            (row, key, ABSENT_FINGERPRINT, key),
        )

    def absent(self, keys: Iterable[str]) -> None:
        """A full drop was sent: these people were not in it, all others were. To be called once a drop."""
        self._db.execute("UPDATE people SET absences = -1 - absences")
        self._db.executemany("UPDATE people SET absences = -absences WHERE key = ?", ((key,) for key in keys))
        self._db.execute("UPDATE people SET absences = 0 WHERE absences < 0")

    def remember_drop(self, sha256: str, run_id: str, at: datetime, *, whole_lines: bool = True) -> None:
        """The content of a drop that was sent to its end, and whether its last line had one.

        Of drops of one second, the one that was sent later counts as newer.
        """
        second = (at.isoformat(), (at + timedelta(seconds=1)).isoformat())
        (last,) = self._db.execute("SELECT max(at) FROM drops WHERE at >= ? AND at < ?", second).fetchone()
        at = datetime.fromisoformat(last) + timedelta(microseconds=1) if last else at
        self._db.execute(
            "INSERT OR REPLACE INTO drops VALUES (?, ?, ?, ?)", (sha256, run_id, at.isoformat(), whole_lines)
        )

    def has_all_records(self) -> None:
        """A full drop has brought the records that were not kept."""
        self._db.execute("DELETE FROM meta WHERE name = 'lacks_records'")

    def forget_records(self, before: datetime) -> None:
        """Forget what inactive people's records say that were sent before this time; fingerprints stay."""
        date = f"{before:%Y%m%dT%H%M%SZ}"
        query = "SELECT key, position, run_id FROM records WHERE key IN (SELECT key FROM people WHERE active = 0)"
        old = [(key, at) for key, at, run_id in self._db.execute(query) if run_id.rsplit("-", 2)[1] < date]
        self._db.executemany("DELETE FROM records WHERE key = ? AND position = ?", old)
        runs = [run_id for (run_id,) in self._db.execute("SELECT DISTINCT run_id FROM earlier")]
        gone = [(run_id,) for run_id in runs if run_id.rsplit("-", 2)[1] < date]
        self._db.executemany("DELETE FROM earlier WHERE run_id = ?", gone)

    def answered(self, run_id: str, outcomes: Iterable[tuple[str, str]]) -> int:
        """The outcomes of a run, by key. Saying the same again changes nothing.

        Who is in the directory and failed counts as active: a leaver, or somebody absent, is disabled then. Returns how
        many had no answer for the second time in a row, and are not sent again.
        """
        given_up = 0
        for key, outcome in outcomes:
            self._db.execute("UPDATE earlier SET outcome=? WHERE key=? AND run_id=?", (outcome, key, run_id))
            if outcome == "unknown":
                given_up += self._no_answer(key, run_id)
            elif outcome == "failed":
                self._failed(key, run_id)
            elif outcome == "overtaken":
                self._db.execute("DELETE FROM doubts WHERE key = ? AND run_id = ?", (key, run_id))
            elif outcome != "not_sent":
                self._settle_doubt(key, run_id)
                self._certain(key, run_id, outcome)
        return given_up

    def put_out_of_order(self, key: str, run_id: str, *, active: bool) -> None:
        """An older record, active or not, was processed after that of this run, which was the newest: the next drop
        sends the person again.
        """
        changed = self._db.execute(
            "UPDATE people SET send_again=?, may_be_active=max(may_be_active, ?),"
            " may_be_inactive=max(may_be_inactive, ?) WHERE key=? AND run_id=?",
            (OUT_OF_ORDER, active, not active, key, run_id),
        )
        if changed.rowcount > 0:
            self._forget_row(key)

    def may_differ(self, keys: Iterable[str] | None) -> None:
        """Entra may hold other records of these people (None: of everybody) than are known here: the next drop sends
        them, and gates take the worse case.
        """
        for key in [known.key for known in self] if keys is None else keys:
            self._db.execute(
                "UPDATE people SET send_again=?, may_be_active=1, may_be_inactive=1 WHERE key=?", (OUT_OF_ORDER, key)
            )
            self._forget_row(key)

    def send_held(self, key: str, run_id: str) -> None:
        """Entra did not carry out what it had held back: the next drop sends the person again."""
        self._db.execute(
            "UPDATE people SET send_again=? WHERE key=? AND run_id=? AND outcome='held_by_entra'",
            (IN_DOUBT, key, run_id),
        )
        self._forget_row(key)

    def _settle_doubt(self, key: str, run_id: str) -> None:
        """Where the log answers for a record that Entra may have taken: it is the last accepted one now."""
        doubts = self.doubts(key)
        place = next((at for at, doubt in enumerate(doubts) if doubt.run_id == run_id), None)
        if place is None:
            return
        self.put(key, doubts[place].record, run_id)
        for newer in reversed(doubts[:place]):
            self.possibly_sent(key, newer.record, newer.run_id, datetime.fromisoformat(newer.at))

    def _certain(self, key: str, run_id: str, outcome: str) -> None:
        """The log has answered for the last accepted record. What may have been taken since stays in doubt."""
        if self._has_doubts(key):
            return
        confirmed = outcome in _IN_THE_DIRECTORY
        values = {"key": key, "run_id": run_id, "outcome": outcome, "confirmed": confirmed, "disorder": OUT_OF_ORDER}
        changed = self._db.execute(_CERTAIN, values)
        if outcome == "held_by_entra" and changed.rowcount > 0:  # the change waits in Entra: the account is as it was
            before = self._before(key)
            values = {"key": key, "active": before is True, "inactive": before is False}
            self._db.execute(
                "UPDATE people SET may_be_active=:active, may_be_inactive=:inactive WHERE key=:key", values
            )

    def _no_answer(self, key: str, run_id: str) -> bool:
        """Whether it was the second time in a row."""
        if not self._db.execute(_UNKNOWN, (key, run_id)).rowcount:
            return False
        before = self._before(key)
        self._db.execute(_IN_DOUBT_NOW, (IN_DOUBT, before is True, before is False, key, MOST_UNKNOWNS))
        self._forget_row(key)
        known = self.get(key)
        return known is not None and known.unknowns >= MOST_UNKNOWNS

    def _failed(self, key: str, run_id: str) -> None:
        """A record failed: the person is sent again, or forgotten where the log never said that there is an account."""
        doubtful = self._db.execute("DELETE FROM doubts WHERE key = ? AND run_id = ?", (key, run_id)).rowcount > 0
        if self._has_doubts(key):
            self._db.execute("UPDATE people SET may_be_active=1 WHERE key=?", (key,))
            return
        of_run = "" if doubtful and not self.last_run(key) else run_id
        found = self._db.execute(
            "UPDATE people SET may_be_active=1, outcome='failed', unknowns=0, send_again=?"
            " WHERE key=? AND run_id=? AND (confirmed=1 OR fingerprint=? OR send_again=?)",
            (FAILED, key, of_run, ABSENT_FINGERPRINT, FAILED),
        )
        if found.rowcount > 0:
            self._forget_row(key)
        else:
            self._forget(key, of_run, run_id)

    def _has_doubts(self, key: str) -> bool:
        return self._db.execute("SELECT 1 FROM doubts WHERE key = ?", (key,)).fetchone() is not None

    def _before(self, key: str) -> bool | None:
        """Whether the accepted record before the last one was active; None where there was none."""
        records = self.records(key)
        return bool(msgspec.json.decode(records[1][1])["active"]) if len(records) > 1 else None

    def _keep_earlier(self, key: str, run_id: str) -> None:
        """A newer record was accepted: the runs that may still be answered for an older one are remembered."""
        if self._db.execute(_EARLIER, {"key": key, "run_id": run_id}).rowcount > 0:
            self._db.execute(_NO_MORE_THAN, {"key": key, "most": MOST_EARLIER})

    def _keep_record(self, key: str, user: bytes, run_id: str) -> None:
        """This record is the last accepted one; the one before it is kept, too, unless it is of the same run."""
        newest = self.records(key)[:1]
        if newest and newest[0][1] == user:  # the same again: the one before it stays as it is
            self._db.execute("UPDATE records SET run_id = ? WHERE key = ? AND position = 0", (run_id, key))
            return
        self._db.execute(
            "INSERT OR REPLACE INTO records SELECT key, 1, run_id, record FROM records"
            " WHERE key = ? AND position = 0 AND run_id <> ?",
            (key, run_id),
        )
        self._db.execute("INSERT OR REPLACE INTO records VALUES (?, 0, ?, ?)", (key, run_id, self._packed_record(user)))

    def _keep_row(self, key: str, row: bytes) -> None:
        added = self._db.execute(
            "INSERT INTO rows VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET row = excluded.row",
            (key, self._last_number + 1, row or None),
        )
        self._last_number += added.rowcount

    def _forget_row(self, key: str) -> None:
        self._db.execute("UPDATE rows SET row = NULL WHERE key = ?", (key,))

    def _forget(self, key: str, of_run: str, failed_in: str) -> None:
        """Forget a person whose last accepted record (or the one in doubt, where `of_run` is "") failed."""
        if self._db.execute("DELETE FROM people WHERE key = ? AND run_id = ?", (key, of_run)).rowcount:
            self._db.execute("DELETE FROM rows WHERE key = ?", (key,))
            self._db.execute("INSERT OR REPLACE INTO forgotten VALUES (?, ?)", (key, failed_in))
        self._forgotten = self._count = None

    def _packed(self, user: dict[str, Any]) -> bytes:
        return b"".join(ONE_ATTRIBUTE.pack(self._id(name), value) for name, value in attribute_hashes(user).items())

    def _id(self, name: str) -> int:
        if name not in self._ids:
            added = self._db.execute("INSERT INTO attributes (name) VALUES (?)", (name,))
            self._ids[name] = int(added.lastrowid or 0)
        return self._ids[name]
