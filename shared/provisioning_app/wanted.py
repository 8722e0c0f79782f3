"""The provisioning app that a source file asks for. Enters: a Source. Leaves: `Wanted`, or why there is none. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.model.errors import ConfigurationError
from shared.model.scim import CORE_USER, ENTERPRISE_USER
from shared.sources.rules import Rule
from shared.sources.source import App, AppMapping, Clause, Source

_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;.]+(?:\.[^@\s,;.]+)+")
_OU = re.compile(r"(?:OU|CN)=[^,=]+(?:,(?:OU|CN)=[^,=]+)*(?:,DC=[^,=]+)+", re.IGNORECASE)


@dataclass(frozen=True)
class SentAttribute:
    """An attribute that the feed sends, with the type it has in Entra's list (docs/entra.md C2)."""

    name: str
    type: str

    @property
    def is_custom(self) -> bool:
        """Whether it belongs to a schema of one's own."""
        return self.name.startswith("urn:") and not self.name.startswith((f"{ENTERPRISE_USER}:", f"{CORE_USER}:"))


@dataclass(frozen=True)
class Wanted:
    """The app, its job and their settings, as a source file asks for them."""

    source: str
    display_name: str
    target: str
    email: str
    threshold: int | None
    domain: str
    default_ou: str
    sent: tuple[SentAttribute, ...]
    mappings: Mapping[str, AppMapping]
    scope: Mapping[str, tuple[Clause, ...]]
    endpoint: str
    can_be_null: tuple[str, ...] = ()  # attributes that the feed may clear

    @property
    def mark(self) -> str:
        """The tag that tells whose app it is."""
        return f"rollcall:{self.source}"


def wanted_app(source: Source) -> Wanted:
    """What this source asks for. Raises ConfigurationError naming everything that is missing."""
    app = source.app
    if app is None:
        raise ConfigurationError(f"source {source.source} has no `app:`; name the provisioning app it shall have there")
    if faults := list(_faults(app)):
        raise ConfigurationError(f"source {source.source}: " + "; ".join(faults))
    sent = tuple(SentAttribute(name, _type(rule)) for name, rule in source.attributes.items())
    cleared = tuple(name for name, rule in source.attributes.items() if rule.clear)
    return Wanted(
        source.source,
        app.display_name.strip(),
        app.target,
        app.notification_email,
        app.accidental_deletion_threshold,
        app.domain,
        app.default_ou,
        sent,
        app.mappings,
        app.scope,
        source.endpoint,
        cleared,
    )


def ou_fault(ou: str) -> str:
    """What is wrong with the form of an organizational unit's name; "" when it is good."""
    if _OU.fullmatch(ou):
        return ""
    return f"app.default_ou {ou!r} is no distinguished name; write it like OU=Employees,DC=contoso,DC=com"


def _faults(app: App) -> Iterable[str]:
    if not app.display_name.strip():
        yield "app.display_name is empty"
    if not app.notification_email:
        yield (
            "app.notification_email is missing: without one Entra puts the job into quarantine as soon as it starts; "
            "write the address of whoever looks after provisioning"
        )
    elif not _EMAIL.fullmatch(app.notification_email):
        yield f"app.notification_email {app.notification_email!r} is not one e-mail address"
    if app.target == "active-directory":
        if not app.domain:
            yield "app.domain is missing: the Active Directory domain the accounts are made in"
        if fault := ou_fault(app.default_ou):
            yield fault


def _type(rule: Rule) -> str:
    if rule.makes_boolean:
        return "Boolean"
    return "Integer" if rule.integer else "String"
