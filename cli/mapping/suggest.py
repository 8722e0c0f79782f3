"""A source file, proposed from what columns are called and what their values look like. Nothing is read but the sample.

Each proposal says how sure it is; what only a person can know (the domain of user names, what an unknown status
means) is marked. A rule that would reject a record of the sample is taken back, and said so.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from rapidfuzz import fuzz

from cli.drops import pieces
from shared.files.records import Batch, Record, read_records
from shared.mapping.mapping import Mapping, Rejection
from shared.model import scim
from shared.sources.source import Csv, Source, read_source

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

KEY = (
    "worker id",
    "employee id",
    "person id",
    "personnel number",
    "staff id",
    "id",
    "contract number",
    "badge number",
    "personalnummer",
    "mitarbeiternummer",
    "vertragsnummer",
    "matricule",
    "numero de contrat",
    "numero empleado",
    "id empleado",
    "matricola",
    "personeelsnummer",
    "numer pracownika",
    "anställningsnummer",
    "medarbejdernummer",
)  # fmt: skip
LOGIN = (
    "user id",
    "user name",
    "login",
    "account",
    "network id",
    "benutzername",
    "kennung",
    "anmeldename",
    "identifiant",
    "nom utilisateur",
    "usuario",
    "nome utente",
    "gebruikersnaam",
    "nazwa użytkownika",
    "användarnamn",
)  # fmt: skip
STATUS = (
    "status",
    "worker status",
    "employment status",
    "employee status",
    "active",
    "is active",
    "beschäftigungsstatus",
    "aktiv",
    "statut",
    "actif",
    "estado",
    "activo",
    "stato",
    "attivo",
    "actief",
    "dienstverband status",
    "aktywny",
)  # fmt: skip
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "displayName": (
        "display name", "full name", "name", "anzeigename", "nom complet", "nombre completo", "nome completo",
    ),
    "name.givenName": (
        "first name", "given name", "forename", "vorname", "prénom", "nombre", "nome", "voornaam", "imię",
        "förnamn", "fornavn",
    ),
    "name.familyName": (
        "last name", "family name", "surname", "nachname", "familienname", "nom de famille", "nom", "apellido",
        "apellidos", "cognome", "achternaam", "nazwisko", "efternamn", "etternavn",
    ),
    "title": (
        "job title", "title", "position", "role", "rolle", "funktion", "stelle", "berufsbezeichnung", "poste",
        "fonction", "puesto", "cargo", "qualifica", "functie", "stanowisko", "befattning",
    ),
    "userType": (
        "worker type", "employee type", "employment type", "mitarbeitertyp", "type employe", "tipo empleado",
    ),
    "preferredLanguage": (
        "preferred language", "language", "sprache", "langue", "idioma", "lingua", "taal", "język",
    ),
    'emails[type eq "work"].value': (
        "email", "e-mail", "mail", "work email", "email address", "courriel", "correo", "adresse e-mail",
        "posta elettronica",
    ),
    'phoneNumbers[type eq "work"].value': (
        "office phone", "work phone", "phone", "telephone", "telefon", "téléphone", "teléfono", "telefono",
        "telefoon", "dienstlich telefon",
    ),
    'phoneNumbers[type eq "mobile"].value': (
        "mobile phone", "mobile", "cell phone", "handy", "mobiltelefon", "móvil", "portable", "cellulare",
    ),
    'addresses[type eq "work"].streetAddress': (
        "street address", "street", "straße", "strasse", "adresse", "rue", "dirección", "indirizzo", "straat",
        "ulica",
    ),
    'addresses[type eq "work"].locality': (
        "city", "town", "ort", "stadt", "ville", "ciudad", "città", "plaats", "miasto",
    ),
    'addresses[type eq "work"].region': (
        "state", "region", "province", "bundesland", "région", "provincia",
    ),
    'addresses[type eq "work"].postalCode': (
        "zip code", "postal code", "postcode", "plz", "postleitzahl", "code postal", "código postal", "cap",
        "kod pocztowy",
    ),
    'addresses[type eq "work"].country': (
        "country", "country code", "land", "pays", "país", "paese", "kraj",
    ),
    f"{ENTERPRISE}:employeeNumber": (
        "employee number",
    ),
    f"{ENTERPRISE}:organization": (
        "company", "organization", "legal entity", "employer", "agency", "firma", "agentur", "gesellschaft",
        "société", "empresa", "azienda", "bedrijf",
    ),
    f"{ENTERPRISE}:division": (
        "division", "business unit", "bereich", "sparte", "división", "divisione",
    ),
    f"{ENTERPRISE}:department": (
        "department", "abteilung", "département", "service", "departamento", "reparto", "afdeling", "dział",
        "avdelning",
    ),
    f"{ENTERPRISE}:costCenter": (
        "cost center", "cost centre", "kostenstelle", "centre de coût", "centro de coste", "centro di costo",
        "kostenplaats",
    ),
    f"{ENTERPRISE}:manager": (
        "manager id", "manager", "supervisor id", "supervisor", "reports to", "vorgesetzter", "führungskraft",
        "ansprechpartner", "responsable", "jefe", "leidinggevende", "przełożony",
    ),
}  # fmt: skip
ACTIVE = frozenset({
    "active", "aktiv", "actif", "activo", "attivo", "actief", "aktywny", "employed", "current", "yes", "true", "y",
    "t", "1", "a", "ja", "oui", "si", "leave", "extended", "verlängert", "prolongé",
})  # fmt: skip
INACTIVE = frozenset({
    "inactive", "inaktiv", "inactif", "inactivo", "terminated", "retired", "left", "ended", "beendet", "ausgeschieden",
    "gekündigt", "parti", "baja", "cessato", "nieaktywny", "no", "false", "n", "f", "0", "i", "nein", "non",
})  # fmt: skip
DATE_PATTERNS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y%m%d", "%Y-%m-%d %H:%M:%S")

ALIKE = 80  # of 100: from here on a name counts
CUSTOM = "urn:ietf:params:scim:schemas:extension:csv:1.0:User"
DOMAIN = "contoso.com"
FEW_WORDS = 12
RECORDS = 20_000  # of a sample
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
_HUMP = re.compile(r"(?<=[a-zß-ÿ])(?=[A-Z])")


@dataclass(frozen=True)
class Sample:
    """The first records of an HR file that read."""

    header: tuple[str, ...]
    records: tuple[Record, ...]

    def values(self, column: str) -> list[str]:
        """The cells of a column that are not empty."""
        at = self.header.index(column)
        return [cell for record in self.records if (cell := record.cells[at].strip())]


def sample_of(file: Path) -> Sample:
    """The sample of a file. Raises DropError where it does not read."""
    table = read_records(pieces(file), Csv())
    whole = (record for record in table.records if record.fault is None)
    return Sample(table.header, tuple(islice(whole, RECORDS)))


@dataclass(frozen=True)
class Suggestion:
    """One attribute with its rule, how sure it is (0 to 100), and what a person should look at."""

    attribute: str
    rule: Any
    sure: int
    note: str = ""


@dataclass
class Suggested:
    """A source file with what is to be said about it."""

    name: str
    key: str
    key_sure: int
    suggestions: list[Suggestion]
    not_placed: list[str] = field(default_factory=list)
    taken_back: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The YAML file."""
        lines = [
            "# yaml-language-server: $schema=../docs/source.schema.json",
            f"source: {self.name}",
            f"key: {_written(self.key)}  # {self.key_sure} % sure; it must never change for a person",
            "attributes:",
        ]
        for each in self.suggestions:
            told = f"{each.sure} % sure" + (f"; {each.note}" if each.note else "")
            lines.append(f"  {each.attribute}: {_written(each.rule)}  # {told}")
        lines += [f"# taken back: {_comment(each)}" for each in self.taken_back]
        lines += [f"# not placed: {_comment(each)}" for each in self.not_placed]
        return "\n".join(lines) + "\n"

    def source(self) -> Source:
        """The same as a source."""
        return read_source(self.text, f"{self.name}.yaml")


def suggest(sample: Sample, name: str) -> Suggested:
    """The source file for such files. Every rule in it holds for every record of the sample."""
    columns = [column for column, count in Counter(sample.header).items() if column and count == 1]
    key, key_sure = _key(sample, columns)
    login, login_sure = _best(LOGIN, [column for column in columns if column != key])
    placed = _placed(sample, [column for column in columns if column not in (key, login)])
    status, status_sure = _status(sample, columns)
    suggestions = [_user_name(sample, placed, login, login_sure, key), _active(sample, status, status_sure)]
    suggestions += [each for each in placed.values() if each.rule != status]
    used = {key, login, status, *(_column(each.rule) for each in placed.values())}
    left = [column for column in columns if column not in used]
    suggestions += list(_dates(sample, left))
    dated = {_column(each.rule) for each in suggestions}
    not_placed = [column for column in left if column not in dated]
    made = Suggested(name, key, key_sure, suggestions, not_placed)
    _take_back_what_rejects(made, sample)
    return made


@cache
def folded(name: str) -> str:
    """A name for comparing: words apart, small letters, no accents."""
    apart = _HUMP.sub(" ", name)
    plain = unicodedata.normalize("NFKD", apart.casefold().replace("ß", "ss"))
    letters = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return " ".join(re.split(r"[^\w]+|_", letters)).strip()


def _alike(names: Iterable[str], column: str) -> int:
    """How like one of these names a column is called, with its words apart or together: 0 to 100."""
    pairs = [(folded(name), folded(column)) for name in names]
    pairs += [(name.replace(" ", ""), words.replace(" ", "")) for name, words in pairs]
    return int(max(fuzz.ratio(*pair) for pair in pairs))


def _best(names: Iterable[str], columns: Iterable[str]) -> tuple[str, int]:
    """The column that is called most like one of these; "" where none is."""
    names = tuple(names)
    sure, column = max(
        ((_alike(names, column), column) for column in columns), default=(0, ""), key=lambda each: each[0]
    )
    return (column, sure) if sure >= ALIKE else ("", 0)


def _key(sample: Sample, columns: list[str]) -> tuple[str, int]:
    """The column that is called like a key and tells almost all records apart, else the one that does so best."""
    apart = {column: len(set(sample.values(column))) / max(1, len(sample.records)) for column in columns}
    able = [column for column in columns if apart[column] > 0.9] or columns
    named, sure = _best(KEY, able)
    return (named, sure) if named else (max(able, key=lambda column: apart[column]), 30)


def _placed(sample: Sample, columns: list[str]) -> dict[str, Suggestion]:
    """Attributes by the names of columns, the surest first, each column once."""
    pairs = sorted(
        ((_alike(names, column), attribute, column) for attribute, names in ATTRIBUTES.items() for column in columns),
        key=lambda each: (-each[0], each[1]),
    )
    placed: dict[str, Suggestion] = {}
    taken: set[str] = set()
    for sure, attribute, column in pairs:
        if sure < ALIKE or attribute in placed or column in taken or not _looks_right(sample, attribute, column):
            continue
        rule = {"column": column, "lower": True} if attribute.startswith("emails") else column
        placed[attribute] = Suggestion(attribute, rule, sure)
        taken.add(column)
    return {attribute: placed[attribute] for attribute in ATTRIBUTES if attribute in placed}


def _looks_right(sample: Sample, attribute: str, column: str) -> bool:
    """Whether the values can be what the name says."""
    values = sample.values(column)
    if attribute.startswith("emails"):
        return bool(values) and all(map(_EMAIL.fullmatch, values))
    if attribute.startswith("phoneNumbers"):
        return sum(any(sign.isdigit() for sign in value) for value in values) >= 0.9 * len(values)
    return True


def _status(sample: Sample, columns: list[str]) -> tuple[str, int]:
    """A column of few words, some of which say who is active."""
    words = {column: {word.casefold() for word in set(sample.values(column))} for column in columns}
    able = [column for column in columns if len(words[column]) <= FEW_WORDS and words[column] & (ACTIVE | INACTIVE)]
    return _best(STATUS, able)


def _active(sample: Sample, status: str, sure: int) -> Suggestion:
    if not status:
        return Suggestion("active", {"constant": True}, 20, "no column tells who is active: leavers are not disabled")
    words = set(sample.values(status))
    active = [word for word in words if word.casefold() in ACTIVE]
    unknown = [word for word in words if word.casefold() not in ACTIVE | INACTIVE]
    if not active:
        active, unknown = unknown, []
    note = f"look at these words, which count as not active: {_comment(', '.join(sorted(unknown)))}" if unknown else ""
    rule: dict[str, Any] = {"column": status, "in": sorted({word.casefold() for word in active})}
    if len(sample.values(status)) < len(sample.records):
        rule["default"] = True
        note = f"{note}; " * bool(note) + "an empty cell counts as active"
    return Suggestion("active", rule, sure, note)


def _user_name(sample: Sample, placed: dict[str, Suggestion], login: str, sure: int, key: str) -> Suggestion:
    mail = placed.get('emails[type eq "work"].value')
    if mail and len(sample.values(str(_column(mail.rule)))) == len(sample.records):
        return Suggestion("userName", {"column": _column(mail.rule), "lower": True}, mail.sure, "the mail address")
    column = login or key
    values = sample.values(column)
    if values and all(map(_EMAIL.fullmatch, values)):
        return Suggestion("userName", {"column": column, "lower": True}, sure)
    if "{" in column or "}" in column:  # a template cannot name it
        return Suggestion("userName", {"column": column}, sure or 20, "without a domain")
    return Suggestion("userName", {"template": f"{{{column}}}@{DOMAIN}"}, sure or 20, "put your domain in")


def _dates(sample: Sample, columns: Iterable[str]) -> Iterator[Suggestion]:
    """Columns of nothing but dates, as attributes of one's own."""
    for column in columns:
        part = re.sub(r"\W", "", unicodedata.normalize("NFKD", column).encode("ascii", "ignore").decode())
        values = set(sample.values(column))
        patterns = [
            pattern for pattern in DATE_PATTERNS if values and all(_is_date(value, pattern) for value in values)
        ]
        if patterns and part[:1].isalpha():
            others = f"; or {' or '.join(patterns[1:])}" if len(patterns) > 1 else ""
            yield Suggestion(
                f"{CUSTOM}:{part}", {"column": column, "date": patterns[0]}, 100 // len(patterns),
                f"declare it in the app's attribute list{others}",
            )  # fmt: skip


def _is_date(value: str, pattern: str) -> bool:
    try:
        return datetime.strptime(value, pattern).year > 1900  # noqa: DTZ007  # only whether it reads
    except ValueError:
        return False


def _take_back_what_rejects(made: Suggested, sample: Sample) -> None:
    """Leave out attributes that a record of the sample would be rejected for, but for the two that must be there."""
    mapping = Mapping(made.source(), sample.header)
    lines, cells = [each.line for each in sample.records], [each.cells for each in sample.records]
    found = mapping.people([Batch(lines, cells, [b""] * len(lines))])
    rejected = (each for each in found if isinstance(each, Rejection))
    blamed = Counter(fault.column for each in rejected for fault in each.faults)
    for each in list(made.suggestions):
        count = blamed[str(_column(each.rule))]
        if count and each.attribute not in ("userName", "active"):
            made.suggestions.remove(each)
            label = scim.attribute(each.attribute).label
            made.taken_back.append(f"{label} from {_column(each.rule)}: {count:,} records would be rejected for it")


def _column(rule: Any) -> Any:
    return rule.get("column") if isinstance(rule, dict) else rule


def _written(value: Any) -> str:
    """A value on one line of YAML."""
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000, sort_keys=False)
    return text.removesuffix("...\n").strip()


def _comment(text: str) -> str:
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
