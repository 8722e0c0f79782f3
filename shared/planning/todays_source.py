"""What of a source file decides what is sent, and whether it is today what it was when a plan was made. Pure.

Hashes are by part, so that a message can name the part that has changed, and of values: comments, the order of keys
and defaults that are written out change nothing. How the app is shown, and when alerts are raised, does not count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection

import msgspec

from shared.model.errors import ConfigurationError
from shared.model.plan import Plan
from shared.model.runs import Run
from shared.planning.compare import is_protected
from shared.sources.source import Source

PARTS: dict[str, tuple[str, ...]] = {
    "attributes": ("attributes",),
    "key": ("key",),
    "csv": ("csv",),
    "duplicates": ("duplicates",),
    "absence": ("absence", "absence_grace"),
    "protected": ("protected",),
    "gates": ("gates", "first_run"),
    "endpoint": ("endpoint",),
}
NOT_COMPARED = frozenset({"source", "app", "alerts"})
MAPPING = frozenset({"attributes", "key"})  # parts that make a record of a line


def parts_of(source: Source, names: Collection[str] = PARTS.keys()) -> dict[str, str]:
    """The hashes of these parts. A source without an endpoint has no such part: setting one up is no change."""
    said = source.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=set(NOT_COMPARED))
    said["protected"] = sorted(set(source.protected))
    said["endpoint"] = _address(source.endpoint)
    wanted = {name: PARTS[name] for name in PARTS if name in names and (name != "endpoint" or source.endpoint)}
    return {name: _hash({key: said[key] for key in keys if key in said}) for name, keys in wanted.items()}


def changed_parts(plan: Plan, source: Source) -> tuple[str, ...]:
    """The parts that a plan was made from, and that are others today. A plan of before says none."""
    today = parts_of(source)
    return tuple(name for name in PARTS if name in plan.source_parts and plan.source_parts[name] != today.get(name))


def why_not(run: Run, plan: Plan, source_of: Callable[[str], Source]) -> str:
    """Why a plan of which nothing was sent must not be sent as the source file is today; "" where it may."""
    try:
        changed = changed_parts(plan, source_of(run.source))
    except ConfigurationError as error:
        return str(error)
    way_out = f"rollcall replan {run.run_id}"
    if run.revert:
        way_out = f"rollcall cancel {run.run_id}, then rollcall revert {run.again_of}"
    return f"the source file has changed since this plan ({', '.join(changed)}): {way_out}" if changed else ""


def why_not_further(run: Run, plan: Plan, source: Source) -> str:
    """Why a run of which something was sent must not go on; "" where it may."""
    began_with = run.endpoint or plan.endpoint
    if not began_with or _address(began_with) == _address(source.endpoint):
        return ""
    return (
        "the endpoint in the source file is another one than when this run began: put it back, "
        f"or `rollcall cancel {run.run_id}` and drop the file again"
    )


def newly_protected(plan: Plan, source: Source) -> Callable[[str], bool] | None:
    """Whether a key is protected today and was not when the plan was made; None where no pattern is new."""
    if set(source.protected) <= set(plan.protected):
        return None
    return lambda key: is_protected(key, source.protected) and not is_protected(key, plan.protected)


def _address(url: str) -> str:
    return url.rstrip("/")


def _hash(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()
