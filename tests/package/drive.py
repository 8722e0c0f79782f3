"""Runs every function of an unpacked package once, as Azure's worker would, and tells what became of each.

Runs under the Python of the package, in its folder. Only `emulator.host` comes from elsewhere: from beside this file.
Enters: the app settings as environment. Leaves, on stdout: one JSON object.
"""

import json
import logging
import os
import sys
import time
from pathlib import Path

from azure.storage.blob import ContainerClient

from emulator.host import wire
from emulator.host.worker import Function, Worker

DROP = (
    "WorkerID,WorkerStatus,WorkerType,UserID,FirstName,LastName,FullName,ManagerID,HireDate,Department,Division,CostCenter,"
    "Company,JobTitle,StreetAddress,City,CountryCode,OfficePhone,Custom01,Custom02,ZipCode\n"
    "1,Active,Employee,one,Ada,One,Ada One,,2020-01-01,R,D,C,Contoso,Chief,1 Way,Bonn,DE,+49 1,a,b,53111\n"
    "2,Active,Employee,two,Bo,Two,Bo Two,1,2021-01-01,R,D,C,Contoso,Clerk,2 Way,Bonn,DE,+49 2,a,b,53111\n"
)
PATH = "employees/first.csv"


class Events(logging.Handler):
    """The structured events that the app logs."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[dict[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("{"):
            self.told.append(json.loads(record.getMessage()))


def trigger_of(function: Function) -> wire.Trigger:
    """What the host would hand over."""
    kind = function.trigger.type
    if kind == "timerTrigger":
        return wire.timer()
    if kind == "httpTrigger":
        route = function.trigger.properties.get("route", function.name)
        return wire.http("GET", f"https://x.example/api/{route}")
    assert kind == "blobTrigger", f"{function.name}: what does a {kind} hand over?"
    return wire.blob_reference(function.trigger.properties["connection"], os.environ["DROPS_CONTAINER"], PATH)


def main() -> None:
    """Index the app and run each function, the blob trigger first."""
    events = Events()
    log = logging.getLogger("rollcall")
    log.addHandler(events)
    log.setLevel(logging.INFO)  # as the worker's root logger has it in Azure
    drops = ContainerClient.from_connection_string(os.environ["DropStorage"], os.environ["DROPS_CONTAINER"])
    drops.create_container()
    drops.upload_blob(PATH, DROP)
    begun = time.perf_counter()
    with Worker(Path.cwd()) as worker:
        indexed = time.perf_counter() - begun
        told = {}
        for function in sorted(worker.functions.values(), key=lambda each: each.trigger.type):
            events.told.clear()
            ended = worker.invoke(function.name, trigger_of(function))
            failure = f"{ended.failure.message}\n{ended.failure.stack_trace}" if ended.failure else ""
            told[function.name] = {"failure": failure, "events": list(events.told)}
    own = [str(Path(module.__file__ or "")) for name, module in sys.modules.items() if name.split(".")[0] == "shared"]
    json.dump({"functions": told, "seconds": indexed, "modules": own}, sys.stdout)


if __name__ == "__main__":
    main()
