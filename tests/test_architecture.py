"""The house keeps its walls: imports point down, triggers stay thin, importing does nothing.

Each contract of pyproject.toml is also proved to bite: a copy of the tree with one bad import fails on it.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = ("shared", "cli", "emulator")
IGNORED = shutil.ignore_patterns("__pycache__")
OUTSIDE = ("stores", "graph", "channels.py", "functions", "clock.py", "app.py")
LONGEST_TRIGGERS = 130

# What a story gets as an argument, and therefore never takes by itself.
AMBIENT = {
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "os.environ",
    "os.environb",
    "os.getenv",
    "os.urandom",
    "random",
    "secrets",
    "time",
    "uuid.uuid1",
    "uuid.uuid4",
}


# Import contracts


@pytest.fixture
def tree(root: Path, tmp_path: Path) -> Path:
    """A copy of the code whose walls a test may break."""
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        if (root / package).is_dir():
            shutil.copytree(root / package, tmp_path / package, dirs_exist_ok=True, ignore=IGNORED)
        # Without it the package would be one with that of the installed checkout, and the contracts see either.
        (tmp_path / package / "__init__.py").touch()
    shutil.copy(root / "pyproject.toml", tmp_path)
    return tmp_path


def seed(tree: Path, module: str, line: str) -> None:
    """Add an import line to a module, which is made where it does not stand yet."""
    path = tree.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() or not path.with_suffix(".py").exists() else path.with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f"\n{line}\n")


def lint_imports(tree: Path) -> tuple[int, str]:
    """Run the contracts on a tree; answer the exit code and what was said."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    environ = {**os.environ, "COLUMNS": "300", "NO_COLOR": "1"}
    ran = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False, env=environ)
    return ran.returncode, ran.stdout + ran.stderr


def test_the_tree_keeps_every_contract(root: Path) -> None:
    code, said = lint_imports(root)
    assert code == 0, said
    assert "0 broken" in said


@pytest.mark.parametrize(
    ("contract", "module", "line", "complaint"),
    [
        ("Inside shared", "shared.model.errors", "import shared.settings", "shared.model.errors -> shared.settings"),
        (
            "Inside model",
            "shared.model.errors",
            "import shared.model.limits",
            "shared.model.errors -> shared.model.limits",
        ),
        ("Inside shared", "shared.model.scim", "import shared.planning", "shared.model.scim -> shared.planning"),
        ("Inside shared", "shared.planning", "import shared.sending", "shared.planning -> shared.sending"),
        (
            "Inside shared",
            "shared.sending",
            "import shared.collecting",
            "shared.sending -> shared.collecting",
        ),
        (
            "Inside shared",
            "shared.collecting",
            "import shared.alerting",
            "shared.collecting -> shared.alerting",
        ),
        (
            "Inside shared",
            "shared.collecting",
            "import shared.console",
            "shared.collecting -> shared.console",
        ),
        ("Inside shared", "shared.planning", "import shared.stores", "shared.planning -> shared.stores"),
        (
            "Inside shared",
            "shared.provisioning_app",
            "import shared.stores",
            "shared.provisioning_app -> shared.stores",
        ),
        ("Inside shared", "shared.stores", "import shared.app", "shared.stores -> shared.app"),
        ("Inside shared", "shared.newcomer", "", "shared.newcomer"),
        ("shared imports nothing", "shared.app", "import cli", "shared.app -> cli"),
        ("shared imports nothing", "shared.stores", "import emulator.entra", "shared.stores -> emulator.entra"),
        (
            "shared imports nothing",
            "shared.planning",
            "import function_app",
            "shared.planning -> function_app",
        ),
        ("Only stores", "shared.sending", "import httpx", "shared.sending -> httpx"),
        ("Only stores", "shared.planning", "import azure.storage.blob", "shared.planning -> azure"),
        ("Only stores", "shared.model.runs", "from azure.data import tables", "shared.model.runs -> azure"),
        ("Only stores", "shared.settings", "import subprocess", "shared.settings -> subprocess"),
        ("The Entra emulator", "emulator.entra", "from shared.model import scim", "emulator.entra -> shared"),
        ("The Entra emulator", "emulator.entra", "import cli", "emulator.entra -> cli"),
    ],
)
def test_a_bad_import_breaks_its_contract(tree: Path, contract: str, module: str, line: str, complaint: str) -> None:
    for package in ("shared.alerting", "shared.console", "shared.app", "emulator.entra"):
        seed(tree, package, "")
    seed(tree, module, line)

    code, said = lint_imports(tree)
    broken = [said_line for said_line in said.splitlines() if said_line.startswith(contract) and "BROKEN" in said_line]
    assert code != 0
    assert broken, said
    assert complaint in said


# Import circles, of which import-linter's contract `acyclic_siblings` sees some: not those between a package and what
# lies in it, nor those between two packages of the root.

FIND_CIRCLE = """
import sys
from graphlib import CycleError, TopologicalSorter

import grimp

graph = grimp.build_graph(*sys.argv[1:], cache_dir=None)
try:
    TopologicalSorter({each: graph.find_modules_directly_imported_by(each) for each in graph.modules}).prepare()
except CycleError as circle:
    sys.exit(" -> ".join(circle.args[1]))
"""


def import_circle(tree: Path) -> str:
    """One circle of imports between the modules of a tree, wherever the imports stand; "" when there is no circle."""
    command = [sys.executable, "-c", FIND_CIRCLE, *PACKAGES]
    ran = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1), ran.stderr
    return ran.stderr.strip()


def test_no_module_imports_itself_by_way_of_others(root: Path) -> None:
    assert import_circle(root) == ""


@pytest.mark.parametrize(
    ("module", "line", "other"),
    [
        ("shared.model.errors", "import shared.model.runs", "shared.model.runs"),
        ("cli.options", "def lazily():\n    from cli import main", "cli.main"),
        ("emulator.entra.wire", "if TYPE_CHECKING:\n    from emulator.entra.state import App", "emulator.entra.state"),
        ("emulator.entra.wire", "from emulator.entra import Entra", "emulator.entra"),
        ("emulator.npm", "import cli.local", "cli.local"),
    ],
)
def test_a_circle_of_imports_is_seen(tree: Path, module: str, line: str, other: str) -> None:
    seed(tree, module, line)
    circle = import_circle(tree).split(" -> ")
    assert {module, other} <= set(circle)


# What the syntax tree can tell


def modules_of(folder: Path) -> list[Path]:
    """Every Python file below a folder."""
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def stories(root: Path) -> list[Path]:
    """The modules of shared that reach nothing outside."""
    return [path for path in modules_of(root / "shared") if path.relative_to(root / "shared").parts[0] not in OUTSIDE]


def ambient_uses(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the full name of whatever a module takes from its surroundings by itself."""
    tree = ast.parse(source)
    known = dict(imported_names(tree))
    for node in ast.walk(tree):
        name = full_name(node, known)
        if any(name == ambient or name.startswith(f"{ambient}.") for ambient in AMBIENT):
            yield getattr(node, "lineno", 0), name


def imported_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each imported name as the module says it, with what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (
                    alias.asname or alias.name.partition(".")[0],
                    alias.name if alias.asname else alias.name.partition(".")[0],
                )
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def full_name(node: ast.AST, known: dict[str, str]) -> str:
    """Spell out a dotted expression that begins with an imported name; empty for anything else."""
    if isinstance(node, ast.Name):
        return known.get(node.id, "")
    if isinstance(node, ast.Attribute) and (stem := full_name(node.value, known)):
        return f"{stem}.{node.attr}"
    return ""


@pytest.mark.parametrize(
    "source",
    [
        "import os\nx = os.environ['A']",
        "from os import environ\nx = environ",
        "from os import getenv as g\nx = g('A')",
        "from datetime import datetime, UTC\ndef f(): return datetime.now(UTC)",
        "import datetime as dt\ndef f(): return dt.datetime.now()",
        "import time\ndef f(): time.sleep(1)",
        "from time import monotonic\ndef f(clock=monotonic): ...",
        "import random\ndef f(): return random.random()",
        "from uuid import uuid4\ndef f(): return uuid4()",
    ],
)
def test_an_ambient_use_is_seen(source: str) -> None:
    assert list(ambient_uses(source))


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\ndef f(now: datetime): return now.isoformat()",
        "def f(time): return time.sleep",
    ],
)
def test_an_argument_is_no_ambient_use(source: str) -> None:
    assert not list(ambient_uses(source))


def test_stories_get_the_clock_chance_and_the_environment_as_arguments(root: Path) -> None:
    uses = [
        f"{path.relative_to(root)}:{line}: {name}"
        for path in stories(root)
        for line, name in ambient_uses(path.read_text(encoding="utf-8"))
    ]
    assert not uses, "\n".join(uses)


def test_triggers_stay_thin(root: Path) -> None:
    lines = (root / "function_app.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) < LONGEST_TRIGGERS


# What importing does

WATCH = """
import importlib, json, os, sys
from pathlib import Path

ACTS = ("socket.connect", "socket.bind", "sqlite3.connect", "subprocess.", "os.mkdir", "_thread.start")
top, *names = sys.argv[1:]
done = []

def watch(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if not (writes or event.startswith(ACTS)):
        return
    frame = sys._getframe()
    while frame:
        where = frame.f_code.co_filename
        if "site-packages" in where:
            return  # what a library does while it is imported is its own affair
        if where.startswith(top + os.sep):
            break
        frame = frame.f_back
    done.append([event, str(arguments)[:120], where])

os.environ.clear()  # a module that insists on a setting while it is imported ends in a KeyError
sys.path.insert(0, top)
sys.addaudithook(watch)
for name in names:
    importlib.import_module(name)
print(json.dumps(done))
"""


def acts_of_importing(root: Path, names: list[str]) -> list[list[str]]:
    """Import modules in a fresh interpreter; answer each write, connection, process and thread it caused."""
    command = [sys.executable, "-B", "-c", WATCH, str(root), *names]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    acts: list[list[str]] = json.loads(ran.stdout.splitlines()[-1])
    return acts


def importable(root: Path) -> list[str]:
    """The dotted names of every module of the project."""
    paths = [path.relative_to(root) for package in PACKAGES for path in modules_of(root / package)]
    names = [".".join(path.with_suffix("").parts) for path in paths]
    return [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")] + ["function_app"]


def test_importing_writes_connects_and_starts_nothing(root: Path) -> None:
    assert acts_of_importing(root, importable(root)) == []


@pytest.mark.parametrize(
    "line",
    [
        "open('trace', 'w').close()",
        "import socket; socket.socket().bind(('127.0.0.1', 0))",
        pytest.param(
            "import threading; threading.Thread(target=int).start()",
            marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.11 does not tell when threads start"),
        ),
        "import subprocess; subprocess.run(['true'])",
    ],
)
def test_an_act_of_importing_is_seen(tmp_path: Path, line: str) -> None:
    (tmp_path / "eager.py").write_text(line, encoding="utf-8")
    assert acts_of_importing(tmp_path, ["eager"])
