"""The settings of the function app, read from an environment that is handed in. Nothing is read at import.

Every setting that is missing or malformed is named at once. The names are the app settings of the deployment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.endpoint import is_loopback
from shared.errors import SettingsError
from shared.limits import DAILY_CALLS, MISSED_DAYS

_LOOPBACK = ("127.0.0.1", "localhost", "::1", "azurite")
_CONTAINER = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_TABLE = r"^[A-Za-z][A-Za-z0-9]{2,62}$"

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

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """The settings in this environment. Raises SettingsError naming every missing or malformed one."""
        given = {key: value for key, value in environ.items() if value != ""}
        faults = [*_storage_faults(given), *_address_faults(given), *_console_faults(given)]
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            raise SettingsError([*map(_sentence, error.errors()), *faults]) from None
        if faults:
            raise SettingsError(faults)
        return settings

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


def _storage_faults(given: Mapping[str, str]) -> Iterator[str]:
    if "DropStorage" in given:
        if not _is_local(given["DropStorage"]):
            yield (
                "DropStorage is a connection string, which is for the storage emulator on this machine only; "
                "set DropStorage__blobServiceUri and DropStorage__tableServiceUri and let the app use its identity"
            )
        return
    for name, service in (("DropStorage__blobServiceUri", "blob"), ("DropStorage__tableServiceUri", "table")):
        if name not in given:
            yield f"{name} is missing: the address of the storage account's {service} service"


def _address_faults(given: Mapping[str, str]) -> Iterator[str]:
    if not is_loopback(given.get("LOCAL_GRAPH_URL", "http://localhost")):
        yield "LOCAL_GRAPH_URL is for the emulator on this machine only, such as http://127.0.0.1:7480; leave it out"


def _console_faults(given: Mapping[str, str]) -> Iterator[str]:
    if "CONSOLE_TOKEN" in given and "DropStorage" not in given:
        yield "CONSOLE_TOKEN opens the console on this machine only; in Azure, switch on App Service authentication"


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


def _sentence(fault: Any) -> str:
    """One fault in words, by the name of its setting; never with its value, which may be a secret."""
    name = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "missing":
        return f"{name} is missing"
    if name.endswith("_CONTAINER"):
        return f"{name}: a container is named with 3 to 63 of a-z, 0-9 and single hyphens between them"
    if name.endswith("_TABLE"):
        return f"{name}: a table is named with 3 to 63 of A-Z, a-z and 0-9, a letter first"
    return f"{name}: {fault['msg']}"
