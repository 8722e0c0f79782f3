"""The settings of the function app, read from an environment that is handed in. Nothing is read at import.

Every setting that is missing or malformed is named at once. The names are the app settings of the deployment.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.errors import SettingsError
from shared.limits import DAILY_CALLS

_LOOPBACK = ("127.0.0.1", "localhost", "::1", "azurite")
_CONTAINER = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_TABLE = r"^[A-Za-z][A-Za-z0-9]{2,62}$"

Container = Annotated[str, Field(pattern=_CONTAINER, min_length=3, max_length=63)]
Table = Annotated[str, Field(pattern=_TABLE)]
Seconds = Annotated[float, Field(ge=0)]


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
    runs_table: Table = Field("runs", alias="RUNS_TABLE")
    chunks_table: Table = Field("chunks", alias="CHUNKS_TABLE")
    provisioning_logs_table: Table = Field("provisioninglogs", alias="PROVISIONING_LOGS_TABLE")
    outcomes_table: Table = Field("outcomes", alias="OUTCOMES_TABLE")
    checkpoints_table: Table = Field("checkpoints", alias="CHECKPOINTS_TABLE")
    quota_table: Table = Field("quota", alias="QUOTA_TABLE")
    alerts_table: Table = Field("alerts", alias="ALERTS_TABLE")

    send_schedule: str = Field(alias="SEND_SCHEDULE")
    collect_schedule: str = Field(alias="COLLECT_SCHEDULE")
    sweep_schedule: str = Field(alias="SWEEP_SCHEDULE")

    sources_dir: str = Field("", alias="SOURCES_DIR")
    send_seconds: Seconds = Field(240, alias="SEND_SECONDS")
    send_concurrency: int = Field(8, alias="SEND_CONCURRENCY", ge=1, le=32)
    daily_calls: int = Field(DAILY_CALLS, alias="DAILY_CALLS", ge=1)
    leavers_calls: int = Field(100, alias="LEAVERS_CALLS", ge=0)
    plan_claim_seconds: Seconds = Field(1_800, alias="PLAN_CLAIM_SECONDS")
    log_lag_seconds: Seconds = Field(120, alias="LOG_LAG_SECONDS")
    log_overlap_seconds: Seconds = Field(1_800, alias="LOG_OVERLAP_SECONDS")
    outcome_wait_minutes: Seconds = Field(120, alias="OUTCOME_WAIT_MINUTES")

    @model_validator(mode="after")
    def _storage_is_named_once(self) -> Settings:
        if self.connection_string:
            _check_local(self.connection_string)
        elif not (self.blob_url and self.table_url):
            raise ValueError(
                "DropStorage__blobServiceUri and DropStorage__tableServiceUri are missing: "
                "the addresses of the storage account's blob and table service"
            )
        return self

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """The settings in this environment. Raises SettingsError naming every missing or malformed one."""
        try:
            return cls.model_validate({key: value for key, value in environ.items() if value != ""})
        except ValidationError as error:
            raise SettingsError(_sentence(fault) for fault in error.errors()) from None

    @property
    def sources_folder(self) -> Path:
        """Where the source files are: SOURCES_DIR, else `sources/` beside `function_app.py`."""
        return Path(self.sources_dir) if self.sources_dir else Path(__file__).parent.parent / "sources"

    @property
    def outcome_wait(self) -> timedelta:
        """How long after the last accepted chunk a person's answer is waited for."""
        return timedelta(minutes=self.outcome_wait_minutes)


def _check_local(connection_string: str) -> None:
    parts = dict(part.split("=", 1) for part in connection_string.split(";") if "=" in part)
    if parts.get("UseDevelopmentStorage", "").lower() == "true":
        return
    addresses = [value for name, value in parts.items() if name.endswith("Endpoint")]
    if not addresses or any(urlsplit(value).hostname not in _LOOPBACK for value in addresses):
        raise ValueError(
            "DropStorage is a connection string, which is for the storage emulator on this machine only; "
            "set DropStorage__blobServiceUri and DropStorage__tableServiceUri and let the app use its identity"
        )


def _sentence(fault: Any) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "missing":
        return f"{name} is missing"
    text = str(fault["msg"]).removeprefix("Value error, ")
    return f"{name}: {text}" if name else text
