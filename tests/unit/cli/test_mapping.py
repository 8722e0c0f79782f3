"""`rollcall mapping`: a proposal that plans without a rejection, a check against a file, two source files compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from cli.mapping.suggest import Suggested, sample_of, suggest
from emulator.feed import Feed, contractors, employees, encoded
from shared.files.records import read_records
from shared.mapping.mapping import Rejection, mapping_of
from shared.sources.source import read_source

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def suggested(folder: Path, text: str) -> Suggested:
    file = folder / "staff.csv"
    file.write_text(text, encoding="utf-8")
    return suggest(sample_of(file), "staff")


def rules(made: Suggested) -> dict[str, object]:
    return {each.attribute: each.rule for each in made.suggestions}


def rollcall(*words: object) -> Result:
    return CliRunner().invoke(app, ["mapping", *map(str, words)])


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    file = tmp_path / "employees.csv"
    file.write_bytes(b"".join(encoded(employees(Feed(1500)))))
    return file


@pytest.mark.parametrize("name", ["employees", "contractors"])
def test_on_the_shipped_feeds_the_proposal_plans_without_a_rejection(name: str, tmp_path: Path) -> None:
    rows = employees(Feed(1500)) if name == "employees" else contractors(Feed(1500))
    file = tmp_path / f"{name}.csv"
    file.write_bytes(b"".join(encoded(rows, "," if name == "employees" else ";")))
    told = rollcall("suggest", file, "--name", name)
    assert told.exit_code == 0, told.stdout
    source = read_source(told.stdout, f"{name}.yaml")
    assert source.source == name
    table = read_records([file.read_bytes()], source.csv)
    found = list(mapping_of(source, table).people(table.parts))
    assert len(found) >= 1500
    assert not [each for each in found if isinstance(each, Rejection)]
    assert {"userName", "active", "name.givenName", "name.familyName", f"{ENTERPRISE}:manager"} <= set(
        source.attributes
    )


def test_names_in_other_languages_and_spellings_are_placed(tmp_path: Path) -> None:
    made = suggested(
        tmp_path,
        "Matricule;PRENOM;nom_de_famille;Adresse e-mail;Statut;Département;Code Postal;Date d'entrée\n"
        "A1;Zoé;Le Goff;zoe@contoso.com;Actif;Ventes;69001;01/02/2020\n"
        "A2;Luc;Petit;luc@contoso.com;Parti;Achats;69002;28/02/2021\n",
    )
    assert made.key == "Matricule"
    assert rules(made) == {
        "userName": {"column": "Adresse e-mail", "lower": True},
        "active": {"column": "Statut", "in": ["actif"]},
        "name.givenName": "PRENOM",
        "name.familyName": "nom_de_famille",
        'emails[type eq "work"].value': {"column": "Adresse e-mail", "lower": True},
        'addresses[type eq "work"].postalCode': "Code Postal",
        f"{ENTERPRISE}:department": "Département",
        "urn:ietf:params:scim:schemas:extension:csv:1.0:User:Datedentree": {
            "column": "Date d'entrée",
            "date": "%d/%m/%Y",
        },
    }


def test_what_it_could_not_place_and_what_it_doubts_is_said(tmp_path: Path) -> None:
    made = suggested(
        tmp_path, "EmployeeID,Status,Shoe size,Mail\n1,Active,40,a@b.de\n2,Furlough,41,none\n3,,42,c@d.de\n"
    )
    assert made.not_placed == ["Shoe size", "Mail"]
    assert "look at these words, which count as not active: Furlough" in made.text
    assert "an empty cell counts as active" in made.text
    assert "put your domain in" in made.text
    assert made.source().key == "EmployeeID"


def test_a_rule_that_would_reject_a_record_is_taken_back(tmp_path: Path) -> None:
    made = suggested(tmp_path, f"EmployeeID,Login,Status,Department\n1,a,Active,{'x' * 65}\n2,b,Active,y\n")
    assert f"{ENTERPRISE}:department" not in rules(made)
    assert made.taken_back == ["department from Department: 1 records would be rejected for it"]


def test_a_header_cannot_break_out_of_the_proposal(tmp_path: Path) -> None:
    made = suggested(tmp_path, '"EmployeeID","Log{in}: #x","Status","evil\nkey: x"\n1,a,Active,z\n2,b,Active,z\n')
    assert made.source().key == "EmployeeID"
    assert "\nkey: x" not in made.text


def test_a_file_without_a_status_says_that_nobody_is_disabled(tmp_path: Path) -> None:
    made = suggested(tmp_path, "EmployeeID,Login\n1,a\n2,b\n")
    assert rules(made)["active"] == {"constant": True}
    assert "leavers are not disabled" in made.text


def test_check_counts_what_would_be_rejected_and_names_unused_columns(feed: Path, root: Path) -> None:
    told = rollcall("check", root / "sources" / "employees.yaml", feed, "--json")
    found = json.loads(told.stdout)
    assert told.exit_code == 1
    assert found["rejected"] == 6
    assert found["reasons"] == {"HireDate: the date is not written like 2024-12-31": 6}
    assert "GenderPronoun" in found["unused"]


def test_diff_counts_people_by_attribute(feed: Path, root: Path, tmp_path: Path) -> None:
    old = root / "sources" / "employees.yaml"
    new = tmp_path / "new.yaml"
    text = old.read_text(encoding="utf-8").replace(
        "  title: JobTitle\n", "  title: { column: JobTitle, upper: true }\n"
    )
    new.write_text(text.replace("  userType: WorkerType\n", "  nickName: FirstName\n"), encoding="utf-8")
    found = json.loads(rollcall("diff", old, new, feed, "--json").stdout)
    assert found["changed"].keys() == {"title"}
    assert found["added"].keys() == {"nickName"}
    assert found["removed"].keys() == {"userType"}
    assert found["rejected_before"] == found["rejected_after"] == 6
    assert len(found["examples"]["title"]) == 3
    assert "attributes differ" in rollcall("diff", old, new, feed).stdout


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    told = rollcall("suggest", tmp_path / "none.csv")
    assert told.exit_code != 0
    assert "no such file" in told.stderr
