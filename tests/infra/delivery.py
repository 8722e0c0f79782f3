"""How it gets there: `azd`, its hooks and the workflow use the outputs, parameters and variables that there are.

Each check takes the project and yields faults, one sentence each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tests.infra.project import Project

APP = "modules/function-app.bicep"
GIVEN_BY_AZD = {"AZURE_SUBSCRIPTION_ID"}  # beside the outputs
CHOSEN = {"HOOK_PAUSE"}  # has a default


def hooks(project: Project) -> Iterator[str]:
    """`azd`, the hooks and the workflow use outputs, parameters and variables that there are."""
    main, events = project.files["main.bicep"], project.files["events.bicep"]
    outputs = {each.name for each in main.of("output")}
    service = project.yaml("azure.yaml")["services"]
    if f"'azd-service-name': '{next(iter(service))}'" not in project.files[APP].source:
        yield f"{APP}: the tag azd-service-name is not the service of azure.yaml"
    for kind, options in project.yaml("azure.yaml")["hooks"]["postdeploy"].items():
        if not (project.root / options["run"]).is_file():
            yield f"azure.yaml: the {kind} hook {options['run']} is missing"
    by_azd = project.yaml("azure.yaml")["infra"]["module"] + ".bicep"
    passed_on = {each.name for each in project.files[by_azd].of("output")}
    parameters = {each.name for each in events.of("param")}
    for hook in ("postdeploy.sh", "postdeploy.ps1"):
        source = project.text(f"infra/hooks/{hook}")
        read = set(re.findall(r"\$env:([A-Z_]+)\b" if hook.endswith(".ps1") else r"\$\{?([A-Z_]{2,})\b", source))
        read -= GIVEN_BY_AZD | CHOSEN
        yield from (f"{hook}: main.bicep has no output {name}" for name in sorted(read - outputs))
        yield from (f"{hook}: {by_azd} has no output {name}" for name in sorted(read - passed_on))
        given = set(re.findall(r"(\w+)=\S*\b[A-Z_]{6,}", source.partition("--parameters ")[2].partition("\n")[0]))
        required = {each.name for each in events.of("param") if each.required}
        yield from (f"{hook}: {name} is no parameter of events.bicep" for name in sorted(given - parameters))
        yield from (f"{hook}: events.bicep needs {name}" for name in sorted(required - given))
    wanted = project.yaml("azure.yaml").get("requiredVersions", {}).get("azd", "")
    if not (told := re.search(r"`azd` ([\d.]+) or newer", project.text("docs/deploy.md"))) or (
        wanted.removeprefix(">= ") != f"{told[1]}.0"
    ):
        yield f"azure.yaml: azd {wanted or 'of any version'} is taken, and docs/deploy.md tells another"
    for hook in ("push.sh", "postdeploy.sh", "postdeploy.ps1", "smoke.sh"):
        for call in re.findall(
            r"\baz (?:account|functionapp|deployment|eventgrid|rest) .+", project.text(f"infra/hooks/{hook}")
        ):
            if not re.search(r'"\$@"|@subscription|AZURE_SUBSCRIPTION_ID', call):
                yield f"{hook}: azd may work in another subscription than {call!r}"
    yield from _workflow(project, outputs)


def _workflow(project: Project, outputs: set[str]) -> Iterator[str]:
    workflow = project.yaml(".github/workflows/deploy.yml")
    source = project.text(".github/workflows/deploy.yml")
    if workflow["permissions"] != {"contents": "read"}:
        yield "deploy.yml: more than reading is permitted to every job"
    for name, job in workflow["jobs"].items():
        signs_in = any("azure/login" in str(step.get("uses")) for step in job["steps"])
        if signs_in != (job.get("permissions", {}).get("id-token") == "write"):
            yield f"deploy.yml: {name} signs in without a token, or has a token without signing in"
    for step in ("for file in infra/*.bicep infra/modules/*.bicep;", "python scripts/predict.py --check"):
        if step not in source:
            yield f"deploy.yml: {step} is not done before anything is deployed"
    if not re.search(r"infra/hooks/outputs\.sh .*>> \"\$GITHUB_ENV\"", source):
        yield "deploy.yml: outputs are not read by outputs.sh, which alone knows how their names are written"
    held = set(re.findall(r"secrets\.(\w+)", source)) - {"ROLLCALL_ALERT_WEBHOOK"}
    yield from (f"deploy.yml: {name} is a secret that need not be" for name in sorted(held))
    given: Mapping[str, str] = workflow["jobs"]["deploy"]["env"]
    for path in project.infra.glob("*.bicepparam"):
        read = set(re.findall(r"readEnvironmentVariable\('(\w+)'", path.read_text(encoding="utf-8")))
        read -= {"AZURE_PRINCIPAL_ID"}
        yield from (f"deploy.yml: {path.name} reads {each}, which is not given" for each in sorted(read - set(given)))
    smoke = project.text("infra/hooks/smoke.sh")
    read = set(re.findall(r"\$\{?([A-Z][A-Z_]+)\b", smoke)) - {"GITHUB_ACTIONS", "FIRST_TIME"} - GIVEN_BY_AZD
    read -= {name for name in read if name.startswith("SMOKE_")}
    yield from (f"smoke.sh: main.bicep has no output {each}" for each in sorted(read - outputs))


CHECKS = (hooks,)
