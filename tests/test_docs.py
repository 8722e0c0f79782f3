"""The docs keep up with the code: whatever a person can set, write, call or read is on a page, and its examples run.

`python -m tests.test_docs` writes the two pages that are made from the code anew: docs/cli.md, docs/source.schema.json.
"""

from __future__ import annotations

import inspect
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic import BaseModel
from typer.core import TyperGroup

from cli.main import app
from shared.alerting.rules import NAMES
from shared.collecting.advice import ADVICE, Cause
from shared.files.records import read_records
from shared.mapping.mapping import Mapping, Person
from shared.model import errors, scim
from shared.model.csv_cells import csv_line
from shared.model.limits import ATTRIBUTE_LENGTHS
from shared.settings import Settings
from shared.sources.rules import Rule
from shared.sources.source import Alerts, App, Csv, Gates, Source, json_schema, read_source

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """The cells of every row of every table in a Markdown text, but for the ruled lines."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def words(cell: str) -> list[str]:
    """The words in backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


# --- settings, errors, words -----------------------------------------------------------------------------------------


def setting_names() -> dict[str, Any]:
    return {str(field.alias): field for field in Settings.model_fields.values()}


def documented_settings() -> dict[str, list[str]]:
    return {words(row[0])[0]: row for row in rows(page("settings.md")) if words(row[0])}


def test_every_setting_is_documented_and_no_other() -> None:
    documented = {name for name in documented_settings() if "…" not in name}
    assert documented == set(setting_names())


def test_every_setting_is_documented_with_its_default() -> None:
    documented = documented_settings()
    for name, field in setting_names().items():
        if field.is_required():
            assert documented[name][2] == "none", name
        elif field.default not in ("", None):
            assert words(documented[name][2])[:1] == [
                f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
            ], name


def test_the_sample_settings_are_documented() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    platform = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage", "IDENTITY_ENDPOINT", "IDENTITY_HEADER"}
    assert set(sample) - platform <= set(documented_settings())


def error_classes() -> dict[str, type[errors.RollcallError]]:
    return {
        name: found
        for name, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, errors.RollcallError)
    }


def test_every_error_is_documented_and_no_other() -> None:
    table = page("errors.md").split("## What Entra says")[0]
    assert {words(row[0])[0] for row in rows(table) if words(row[0])} == set(error_classes())


@pytest.mark.parametrize("where", ["docs", "code"])
def test_the_tree_of_errors_is_drawn_as_it_is(where: str) -> None:
    text = page("errors.md") if where == "docs" else str(errors.__doc__)
    drawn = re.findall(r"^((?:[│ ] {3})*)(?:[├└]── )?(\w+)", text[text.index("RollcallError\n") :], re.MULTILINE)
    parents: list[str] = []
    found: dict[str, str] = {}
    for line in text[text.index("RollcallError\n") :].splitlines():
        match = re.match(r"((?:[│ ] {3})*)([├└]── )?(\w+)", line)
        if not match or match[3] not in error_classes():
            break
        depth = len(match[1]) // 4 + bool(match[2])
        parents[depth:] = [match[3]]
        found[match[3]] = parents[depth - 1] if depth else ""
    assert drawn
    assert found == {
        name: (kind.__base__.__name__ if kind is not errors.RollcallError else "")
        for name, kind in error_classes().items()
        if kind.__base__
    }


def test_every_answer_of_entra_names_who_has_to_act_and_how() -> None:
    found = [row for row in rows(page("errors.md").split("## What Entra says")[1]) if words(row[0])]
    codes = [code for row in found for code in words(row[0])]
    assert len(codes) == len(set(codes)) > 40
    assert {row[1] for row in found} == {"HR", "Entra", "nobody"}
    assert all(row[2] and row[3] for row in found)


def test_every_alert_is_documented_with_what_to_do_and_no_other() -> None:
    table = page("operations.md").split("## The alerts")[1].split("\n## ")[0]
    found = [row for row in rows(table)[1:] if words(row[0])]
    assert [words(row[0])[0] for row in found] == list(NAMES)
    assert all(row[1] and row[2] for row in found)


def codes_of_entra() -> set[str]:
    return {code for row in rows(page("errors.md").split("## What Entra says")[1]) for code in words(row[0])}


def test_the_advice_in_outcome_csv_is_for_the_codes_of_the_page() -> None:
    assert set(ADVICE) == codes_of_entra() - {"unknown"}


WHO = {
    "HR": {Cause.DATA, Cause.CONFLICT},
    "Entra": {Cause.MAPPING, Cause.RIGHTS, Cause.CONNECTION, Cause.CONFLICT, Cause.OTHER},
    "nobody": {Cause.PASSING},
}


def test_the_page_and_the_advice_send_people_to_the_same_place() -> None:
    for row in rows(page("errors.md").split("## What Entra says")[1]):
        for code in words(row[0]):
            assert code == "unknown" or ADVICE[code].cause in WHO[row[1]], code


WORDS = (
    "drop, record, source, mapping, person, user, rejection, operation, bulk request, bulkId, chunk, lane, run, plan, "
    "gate, receipt, ledger, job, cycle, log entry, outcome, checkpoint, alert"
)


def test_the_glossary_explains_the_words_in_their_order() -> None:
    found = [re.sub(r"\*\*", "", row[0]) for row in rows(page("glossary.md"))[1:]]
    assert set(WORDS.split(", ")) <= set(found)
    assert found == sorted(found, key=str.casefold)


# --- source files ----------------------------------------------------------------------------------------------------

MAPPING = page("mapping.md")


@pytest.mark.parametrize("model", [Source, App, Csv, Gates, Alerts])
def test_every_key_of_a_source_file_is_documented_with_its_default(model: type[BaseModel]) -> None:
    section = MAPPING.split(f"<!-- keys: {model.__name__} -->")[1].split("\n\n")[0]
    documented = {words(row[0])[0]: row[1] for row in rows(section)[1:]}
    assert list(documented) == list(model.model_fields)
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel) or field.is_required() or field.default in ("", (), None):
            assert words(documented[name]) in ([], ["null"]), name
        else:
            assert words(documented[name]) == [f"{field.default}"], name


def test_every_rule_has_a_section_with_an_example() -> None:
    sections = re.findall(r"^### (.+)\n((?:(?!^##).*\n)*)", MAPPING.split("## The rules")[1], re.MULTILINE)
    documented = {name for heading, body in sections for name in heading.split(", ") if "```yaml" in body}
    assert documented == set(Rule.keys())


def test_every_attribute_is_documented_with_its_limit() -> None:
    section = MAPPING.split("## The attributes")[1].split("## The rules")[0]
    documented: dict[str, str] = {}
    for row in rows(section)[1:]:
        documented |= {word.replace("…", scim.ENTERPRISE_USER): row[2] for word in words(row[0])}
    known = {name for name in scim.KNOWN_NAMES if 'type eq "mobile"' not in name}
    assert known <= set(documented)
    for name, longest in documented.items():
        limit = ATTRIBUTE_LENGTHS.get(name) or ATTRIBUTE_LENGTHS.get(re.sub(r"\[.*\]", "", name))
        assert name == scim.MANAGER or longest == str(limit or ""), name


def examples() -> list[Any]:
    """Each example of the page: the rule, then a table of cells and the result."""
    found = re.findall(r"```yaml\n([^\n]+: [^\n]+)\n```\n\n((?:\|.*\n)+)", MAPPING.split("## The rules")[1])
    return [
        pytest.param(rule, rows(table), id=f"{number}-{rule.partition(': ')[0].rpartition(':')[2]}")
        for number, (rule, table) in enumerate(found, start=1)
    ]


@pytest.mark.parametrize(("rule", "table"), examples())
def test_an_example_of_the_mapping_page_does_what_the_page_says(rule: str, table: list[list[str]]) -> None:
    (*columns, _), *cases = table
    needed = {"userName": "userName: Login", "active": "active: { column: Flag, is: '1' }"}
    others = [line for name, line in needed.items() if not rule.startswith(f"{name}:")]
    text = "\n  ".join(["source: docs\nkey: Id\nattributes:", rule, *others])
    source = read_source(text + "\n", "docs")
    (name,) = set(source.attributes) - ({"userName", "active"} - {rule.partition(":")[0]})
    for *cells, expected in cases:
        assert result(source, name, columns, [cell.strip("`") for cell in cells]) == expected, cells


def result(source: Source, name: str, columns: list[str], cells: list[str]) -> str:
    """What a record of these cells becomes, in the words of the page."""
    content = csv_line(["Id", "Login", "Flag", *columns]) + csv_line(["1", "anna", "1", *cells])
    table = read_records([content], source.csv)
    (found,) = Mapping(source, table.header).people(table.parts)
    if not isinstance(found, Person):
        (fault,) = found.faults
        return f"rejected: {fault.reason} ({fault.remedy})"
    place = scim.attribute(name)
    part: Any = found.user.get(place.group) if place.group else found.user
    part = part[0] if isinstance(part, list) else part
    if not part or place.part not in part:
        return "left out"
    return f"`{json.dumps(part[place.part], ensure_ascii=False)}`"


def test_the_smallest_source_file_of_the_page_reads() -> None:
    (smallest,) = re.findall(r"```yaml\n(source: .*?)```", MAPPING, re.DOTALL)
    assert set(read_source(smallest, "smallest").attributes) == {"userName", "active"}


def schema_page() -> str:
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def test_the_json_schema_for_editors_is_that_of_the_code() -> None:
    assert page("source.schema.json") == schema_page(), "run: python -m tests.test_docs"


# --- commands --------------------------------------------------------------------------------------------------------


def cli_page() -> str:
    """The page about the command line, from the command line itself."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return "\n".join([CLI_HEAD, *sections(group)])


def sections(group: TyperGroup, within: str = "") -> Iterator[str]:
    """What the page says about the commands of a group, and about those of the groups in it."""
    for name in group.list_commands(typer.Context(group, info_name="rollcall")):
        command = group.commands[name]
        yield section(within + name, command)
        if isinstance(command, TyperGroup):
            yield from sections(command, f"{within}{name} ")


def section(name: str, command: Any) -> str:
    """What the page says about one command: usage, help, options."""
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    usage = " ".join(
        ["rollcall", name, *(argument.metavar for argument in arguments), *(["[OPTIONS]"] if options else [])]
    )
    lines = [f"| `{argument.metavar}` | {cleaned(argument.help)} |" for argument in arguments]
    records = [option.get_help_record(typer.Context(command)) for option in options]
    lines += [f"| `{cleaned(record[0])}` | {cleaned(record[1])} |" for record in records if record]
    table = "\n".join(["| option | what |", "|---|---|", *lines]) + "\n" if lines else ""
    return f"## {name}\n\n```text\n{usage}\n```\n\n{cleaned(command.help)}\n" + ("\n" + table if table else "")


CLI_HEAD = """\
# The command line

`.venv/bin/rollcall` after `make install`. A fault is told in one line, and ends with an exit code other than 0.
This page is made from the commands themselves.
"""


def cleaned(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def test_every_command_and_option_is_documented_as_it_is() -> None:
    assert page("cli.md") == cli_page(), "run: python -m tests.test_docs"


# --- every page ------------------------------------------------------------------------------------------------------


def test_the_readme_shows_the_verbs_that_ci_runs() -> None:
    verbs = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = set(re.findall(r"\bmake ([a-z-]+)\b", (ROOT / "README.md").read_text(encoding="utf-8")))
    (calls,) = re.findall(r"^make (.+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    run = set(calls.split())
    assert {"demo", "test"} <= shown <= verbs
    assert run <= verbs
    assert "test" in run


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (path.parent / name).resolve() if name else path
        assert found.exists(), target
        assert found == ROOT or ROOT in found.parents, target
        if anchor:
            assert anchor in anchors(found), target


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


_OF_A_MACHINE = re.compile(
    r"(?<![\w.])/(?:home|work|root|Users|tmp)/|pypi\.org|registry\.npmjs|files\.pythonhosted|artifactory|nexus"
)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_page_speaks_of_one_machine(path: Path) -> None:
    found = _OF_A_MACHINE.search(path.read_text(encoding="utf-8"))
    assert found is None, found


# --- facts -----------------------------------------------------------------------------------------------------------

FACTS = r"docs/(?P<page>entra|platform)\.md"
_CODE = r"(?:[A-J]\d{0,2}b?|\d\.\d{1,2})(?![\w.]\w)"
CITED = re.compile(rf"{FACTS}\s+(?P<codes>{_CODE}(?:(?:,\s+(?:and\s+)?|\s+and\s+|\s+to\s+|-){_CODE})*)")
_BARE = re.compile(r"\([A-E]\d{1,2}[a-z]?(?=\)|,|:|'s)")
_OUTSIDE = re.compile(
    r"\.\./shared/(?:bicep|cases|data|hooks|reference)|entra-api\.md|(?<!docs/)platform\.md|DESIGN\.md|(?<![\w/-])(?:field|names|style)\.md"
)
_PAGES_OF_FACTS = {f"docs/{name}.md" for name in ("entra", "platform")}


def tree() -> dict[str, str]:
    """Every text file of the repository, by its path."""
    found = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    kinds = {".bicep", ".json", ".md", ".ps1", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml", ""}
    paths = [name for name in found.split("\0") if name and Path(name).suffix in kinds and "tests/data/" not in name]
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in paths if (ROOT / name).is_file()}


def codes_of_facts(name: str) -> set[str]:
    return set(re.findall(r"^##+ ([A-J]\d{0,2}b?|\d(?:\.\d+)?)\.? ", page(f"{name}.md"), re.MULTILINE))


def cited() -> Iterator[tuple[str, str, str]]:
    """The file, the page and the code of every citation."""
    for name, text in tree().items():
        if name in _PAGES_OF_FACTS or name == "tests/test_docs.py":
            continue
        for found in CITED.finditer(text):
            for code in re.findall(_CODE, found["codes"]):
                yield name, found["page"], code


def test_every_cited_fact_has_its_heading() -> None:
    found = list(cited())
    assert len(found) > 150
    assert [each for each in found if each[2] not in codes_of_facts(each[1])] == []


def test_every_citation_names_a_fact() -> None:
    """But for those who speak of the page as a whole, each on its own line here."""
    whole = {"emulator/entra/__init__.py", "emulator/entra/dials.py"}
    files = {name: text for name, text in tree().items() if not name.endswith(".md") and name != "tests/test_docs.py"}
    loose = [name for name, text in files.items() if len(re.findall(FACTS, text)) != len(CITED.findall(text))]
    assert set(loose) <= whole


def test_every_fact_has_a_source_a_day_and_a_word_for_how_sure_it_is() -> None:
    sure = ("documented", "seen", "inferred", "unknown", "source", "run")
    for name in ("entra", "platform"):
        for row in rows(page(f"{name}.md")):
            if len(row) >= 4 and row[-1] != "sure":
                assert row[-3], row
                assert re.fullmatch(r"2026-\d\d(-\d\d)?", row[-2]), row
                assert row[-1].startswith(sure), row


def test_nothing_looks_for_files_outside_the_repository() -> None:
    """But for CI, which takes a compiler that lies there."""
    allowed = {".ci/run", "tests/test_docs.py"}
    assert [name for name, text in tree().items() if name not in allowed and _OUTSIDE.search(text)] == []


def test_no_comment_cites_a_bare_code() -> None:
    code = {name: text for name, text in tree().items() if name.startswith(("cli/", "emulator/", "infra/", "shared/"))}
    assert {name: _BARE.findall(text) for name, text in code.items() if _BARE.search(text)} == {}


if __name__ == "__main__":
    (DOCS / "source.schema.json").write_text(schema_page(), encoding="utf-8")
    (DOCS / "cli.md").write_text(cli_page(), encoding="utf-8")
