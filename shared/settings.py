"""The settings of the function app, read from an environment that is handed in. Nothing is read at import.

Every setting that is missing or malformed is named at once. The names are the app settings of the deployment.

A setting may be a reference to a key vault. Where the platform cannot resolve one, the app gets the reference itself:
that is never used as a value. What the app can do without (`OPTIONAL`) is left out and named; any other stops the app.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from shared.model.endpoint import is_loopback
from shared.model.errors import SettingsError
from shared.model.limits import DAILY_CALLS, MISSED_DAYS

_LOOPBACK = ("127.0.0.1", "localhost", "::1", "azurite")
_STORES = ("_CONTAINER", "_TABLE", "AZURE_CLIENT_ID")  # and DropStorage...
_CONTAINER = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_TABLE = r"^[A-Za-z][A-Za-z0-9]{2,62}$"

_REFERENCE = re.compile(r"\s*@Microsoft\.(?:KeyVault|AppConfiguration)\(", re.IGNORECASE)
_NO_ADDRESS = re.compile(r"[\x00-\x20\x7f\\]")
_CRON_FIELDS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))  # second minute hour day month weekday
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_CRON_NAMES = {4: dict(zip(_MONTHS, range(1, 13), strict=True)), 5: dict(zip(_DAYS, range(7), strict=True))}
_CRON_PART = re.compile(r"(?P<from>\*|\w+)(?:-(?P<to>\w+))?(?:/(?P<step>[1-9]\d{0,2}))?")
# Without these the app works on. Each is left out where it is faulty, and named.
OPTIONAL = frozenset(
    {
        "DropStorage__queueServiceUri", "ALERT_TEAMS_URL", "ALERT_SLACK_URL", "ALERT_WEBHOOK_URL", "ALERT_WEBHOOK_KEY",
        "CONSOLE_URL",
    }
)  # fmt: skip

Container = Annotated[str, Field(pattern=_CONTAINER, min_length=3, max_length=63)]
Table = Annotated[str, Field(pattern=_TABLE)]
Seconds = Annotated[float, Field(ge=0, le=31_536_000, allow_inf_nan=False)]


class Settings(BaseModel):
    """Everything the app is told from outside. `docs/settings.md` describes each one."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    blob_url: str = Field("", alias="DropStorage__blobServiceUri")
    table_url: str = Field("", alias="DropStorage__tableServiceUri")
    queue_url: str = Field("", alias="DropStorage__queueServiceUri")  # the platform's: its poison queue
    connection_string: str = Field("", alias="DropStorage", repr=False)  # the local emulator's, nothing else
    client_id: str = Field("", alias="AZURE_CLIENT_ID")
    local_graph_url: str = Field("", alias="LOCAL_GRAPH_URL")

    drops_container: Container = Field(alias="DROPS_CONTAINER")
    runs_container: Container = Field("runs", alias="RUNS_CONTAINER")
    state_container: Container = Field("state", alias="STATE_CONTAINER")
    run_store_table: Table = Field("runstore", alias="RUN_STORE_TABLE")
    uploads_table: Table = Field("uploads", alias="UPLOADS_TABLE")
    runs_table: Table = Field("runs", alias="RUNS_TABLE")  # of release 0.1: migrated once, then left as it is
    chunks_table: Table = Field("chunks", alias="CHUNKS_TABLE")  # the same
    provisioning_logs_table: Table = Field("provisioninglogs", alias="PROVISIONING_LOGS_TABLE")
    outcomes_table: Table = Field("outcomes", alias="OUTCOMES_TABLE")
    checkpoints_table: Table = Field("checkpoints", alias="CHECKPOINTS_TABLE")
    quota_table: Table = Field("quota", alias="QUOTA_TABLE")
    alerts_table: Table = Field("alerts", alias="ALERTS_TABLE")

    send_schedule: str = Field(alias="SEND_SCHEDULE")
    collect_schedule: str = Field(alias="COLLECT_SCHEDULE")
    sweep_schedule: str = Field(alias="SWEEP_SCHEDULE")
    alert_schedule: str = Field(alias="ALERT_SCHEDULE")

    teams_url: str = Field("", alias="ALERT_TEAMS_URL", repr=False)  # these addresses are secrets
    slack_url: str = Field("", alias="ALERT_SLACK_URL", repr=False)
    webhook_url: str = Field("", alias="ALERT_WEBHOOK_URL", repr=False)
    webhook_key: str = Field("", alias="ALERT_WEBHOOK_KEY", repr=False)
    console_url: str = Field("", alias="CONSOLE_URL")
    console_token: str = Field("", alias="CONSOLE_TOKEN", repr=False)  # of a laptop, for one sign-in
    signed_in: bool = Field(False, alias="WEBSITE_AUTH_ENABLED")  # the platform's own: it signs people in

    sources_dir: str = Field("", alias="SOURCES_DIR")
    send_seconds: Seconds = Field(240, alias="SEND_SECONDS")
    send_concurrency: int = Field(20, alias="SEND_CONCURRENCY", ge=1, le=32)
    graph_seconds: Seconds = Field(60, alias="GRAPH_SECONDS", gt=0)
    daily_calls: int = Field(DAILY_CALLS, alias="DAILY_CALLS", ge=1)
    leavers_calls: int = Field(100, alias="LEAVERS_CALLS", ge=0)
    plan_claim_seconds: Seconds = Field(30, alias="PLAN_CLAIM_SECONDS")
    sweep_after_seconds: Seconds = Field(300, alias="SWEEP_AFTER_SECONDS")
    log_lag_seconds: Seconds = Field(120, alias="LOG_LAG_SECONDS")
    log_overlap_seconds: Seconds = Field(1_800, alias="LOG_OVERLAP_SECONDS")
    outcome_wait_minutes: Seconds = Field(120, alias="OUTCOME_WAIT_MINUTES")
    retention_days: int = Field(90, alias="RETENTION_DAYS", ge=MISSED_DAYS, le=3_650)

    _left_out: tuple[str, ...] = PrivateAttr(())

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """The settings in this environment. Raises SettingsError naming every missing or malformed one."""
        given = {key: value for key, value in environ.items() if value != ""}
        faults = _faults(given)
        good = _without(given, faults)
        try:
            settings = cls.model_validate(good)
        except ValidationError as error:
            named = {_name(fault): _sentence(fault) for fault in error.errors()}
            raise SettingsError((named | faults).values()) from None
        if not all(map(can_do_without, faults)):
            raise SettingsError(faults.values())
        settings._left_out = tuple(faults.values())
        return settings

    @property
    def left_out(self) -> tuple[str, ...]:
        """Settings that are faulty, and that the app does without: one sentence each, which begins with the name."""
        return self._left_out

    @property
    def sources_folder(self) -> Path:
        """Where the source files are: SOURCES_DIR, else `sources/` beside `function_app.py`."""
        return Path(self.sources_dir) if self.sources_dir else Path(__file__).parent.parent / "sources"

    @property
    def sweep_after(self) -> timedelta:
        """How long a drop is left to its event, before the sweep takes it for one whose event was missed."""
        return timedelta(seconds=self.sweep_after_seconds)

    @property
    def retention(self) -> timedelta:
        """How long what may be forgotten is kept."""
        return timedelta(days=self.retention_days)

    @property
    def outcome_wait(self) -> timedelta:
        """How long after the last accepted chunk a person's answer is waited for."""
        return timedelta(minutes=self.outcome_wait_minutes)


def named_in(fault: str) -> str:
    """The setting that a sentence of `SettingsError.faults` or `left_out` is about: its first word."""
    return fault.split(maxsplit=1)[0].rstrip(":")


def is_reference(value: str) -> bool:
    """Whether a value is a reference to a key vault, or to a configuration store, that the platform did not resolve."""
    return _REFERENCE.match(value) is not None


def can_do_without(name: str) -> bool:
    """Whether the app works on where this setting is faulty."""
    return name in OPTIONAL or name not in _known()


def environment_for_alerts(environ: Mapping[str, str], faults: Iterable[str]) -> tuple[dict[str, str], bool]:
    """An environment without the faulty settings, in which alerts can be raised; and whether storage can be used in it.

    It cannot where anything that names a store is faulty: a default instead of what was meant may be another store.
    """
    names = {named_in(fault) for fault in faults}
    good = _without(environ, names)
    good |= {name: "0 0 0 1 1 0" for name in _known() if name.endswith("_SCHEDULE")}  # nothing runs by them
    if not any(name.startswith("DropStorage") or name.endswith(_STORES) for name in names):
        return good, True
    kept = {name: value for name, value in good.items() if name.startswith("ALERT_") or name == "CONSOLE_URL"}
    needed = {"DropStorage": "UseDevelopmentStorage=true", "DROPS_CONTAINER": "drops"}  # nothing is opened
    return kept | needed | {name: value for name, value in good.items() if name.endswith("_SCHEDULE")}, False


def _without(environ: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """What is left without these settings. What could not be signed as asked for is not sent at all."""
    more = {"ALERT_WEBHOOK_URL"} if "ALERT_WEBHOOK_KEY" in names else set()
    return {name: value for name, value in environ.items() if name not in names and name not in more}


def _known() -> frozenset[str]:
    return frozenset(str(field.alias) for field in Settings.model_fields.values())


def _faults(given: Mapping[str, str]) -> dict[str, str]:
    """What is wrong beyond the type of a value, by the name of the setting."""
    found = {
        **dict(_storage_faults(given)),
        **{name: rule for name, is_good, rule in _RULES if name in given and not is_good(given[name])},
        **dict(_console_faults(given)),
        **{name: _UNRESOLVED for name, value in given.items() if is_reference(value) and not _is_copy(name)},
    }
    return {name: f"{name}{rule if rule.startswith(' ') else f': {rule}'}" for name, rule in found.items()}


def _is_copy(name: str) -> bool:
    """Whether the platform has made this variable as the copy of a setting, which is there under its own name."""
    return name.startswith("APPSETTING_")


_UNRESOLVED = (
    "its value is a reference that the platform did not resolve, so it is not used. See that the secret is there, that "
    "the app's identity may read it, and that the vault lets the app in (docs/settings.md, References to a key vault)"
)


def _storage_faults(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if "DropStorage" in given:
        if not _is_local(given["DropStorage"]):
            yield (
                "DropStorage",
                " is a connection string, which is for the storage emulator on this machine only; "
                "set DropStorage__blobServiceUri and DropStorage__tableServiceUri and let the app use its identity",
            )
        return
    for name, service in (("DropStorage__blobServiceUri", "blob"), ("DropStorage__tableServiceUri", "table")):
        if name not in given:
            yield name, f" is missing: the address of the storage account's {service} service"


def _console_faults(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if "CONSOLE_TOKEN" in given and "DropStorage" not in given:
        yield (
            "CONSOLE_TOKEN",
            " opens the console on this machine only; in Azure, switch on App Service authentication",
        )


def _is_address(text: str) -> bool:
    """Whether it is an http address of some host."""
    try:
        address = urlsplit(text)
        address.port  # noqa: B018 - it is read when it is asked for
    except ValueError:
        return False
    return address.scheme in ("http", "https") and bool(address.hostname) and not _NO_ADDRESS.search(text)


def _is_service(text: str) -> bool:
    """Whether it is an address that a token may go to."""
    return _is_address(text) and (text.lower().startswith("https://") or is_loopback(text))


def _is_guid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _is_schedule(text: str) -> bool:
    """Whether it is NCRONTAB with six fields, as the platform reads it."""
    fields = text.split()
    return len(fields) == len(_CRON_FIELDS) and all(
        _is_cron_part(part, at) for at, field in enumerate(fields) for part in field.split(",")
    )


def _is_cron_part(text: str, at: int) -> bool:
    part = _CRON_PART.fullmatch(text)
    if part is None or (part["from"] == "*" and part["to"]):
        return False
    if part["from"] == "*":
        return True
    first, last = (_cron_value(value, at) for value in (part["from"], part["to"] or part["from"]))
    return first is not None and last is not None and first <= last


def _cron_value(text: str, at: int) -> int | None:
    """The number in a field, also by the name of a month or a day; None where it is none."""
    low, high = _CRON_FIELDS[at]
    value = int(text) if text.isascii() and text.isdigit() else _CRON_NAMES.get(at, {}).get(text[:3].lower(), -1)
    return value if low <= value <= high else None


_SCHEDULE_RULE = "a schedule has six fields of NCRONTAB: second minute hour day month weekday, such as 0 */5 * * * *"
_SERVICE_RULE = "an address is wanted, such as https://contosohr.blob.core.windows.net"
_ADDRESS_RULE = "an address is wanted, such as https://contoso.example/path"
_RULES = (
    *((name, _is_schedule, _SCHEDULE_RULE)
      for name in ("SEND_SCHEDULE", "COLLECT_SCHEDULE", "SWEEP_SCHEDULE", "ALERT_SCHEDULE")),
    *((f"DropStorage__{name}ServiceUri", _is_service, _SERVICE_RULE) for name in ("blob", "table", "queue")),
    *((name, _is_address, _ADDRESS_RULE)
      for name in ("ALERT_TEAMS_URL", "ALERT_SLACK_URL", "ALERT_WEBHOOK_URL", "CONSOLE_URL")),
    ("AZURE_CLIENT_ID", _is_guid, "a client id is wanted, such as 11111111-2222-3333-4444-555555555555"),
    ("LOCAL_GRAPH_URL", is_loopback,
     " is for the emulator on this machine only, such as http://127.0.0.1:7480; leave it out"),
)  # fmt: skip


def _is_local(connection_string: str) -> bool:
    """Whether every service it names is on this machine. The SDK reads names in any case, so this does, too."""
    pairs = (part.split("=", 1) for part in connection_string.split(";") if "=" in part)
    parts = {name.strip().casefold(): value for name, value in pairs}
    addresses = [value for name, value in parts.items() if name.endswith(("endpoint", "uri"))]
    if parts.get("usedevelopmentstorage", "").casefold() == "true" and "accountname" not in parts:
        return all(map(_is_on_this_machine, addresses))
    return bool(addresses) and all(map(_is_on_this_machine, addresses))


def _is_on_this_machine(address: str) -> bool:
    try:
        return urlsplit(address).hostname in _LOOPBACK
    except ValueError:
        return False


def _name(fault: Any) -> str:
    return ".".join(str(part) for part in fault["loc"])


def _sentence(fault: Any) -> str:
    """One fault in words, by the name of its setting; never with its value, which may be a secret."""
    name = _name(fault)
    if fault["type"] == "missing":
        return f"{name} is missing"
    if name.endswith("_CONTAINER"):
        return f"{name}: a container is named with 3 to 63 of a-z, 0-9 and single hyphens between them"
    if name.endswith("_TABLE"):
        return f"{name}: a table is named with 3 to 63 of A-Z, a-z and 0-9, a letter first"
    return f"{name}: {_number_rule(name) or fault['msg']}"


def _number_rule(name: str) -> str:
    """The rule of a setting that is a number, or true or false; "" for others."""
    field = next(field for field in Settings.model_fields.values() if field.alias == name)
    words = {int: "a whole number is wanted", float: "a number is wanted", bool: "True or False is wanted"}
    if field.annotation not in words:
        return ""
    bounds = [
        f"{word} {bound:,}"
        for kind, word in (("gt", "above"), ("ge", "not below"), ("le", "not above"))
        for each in field.metadata
        if (bound := getattr(each, kind, None)) is not None
    ]
    if bounds[:1] == ["above 0"]:
        bounds = [bound for bound in bounds if bound != "not below 0"]
    return ", ".join([words[field.annotation], *bounds])
