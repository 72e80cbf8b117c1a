"""The files for those who run it name only what there is: settings, commands, secrets, figures."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from infra.cli import cli
from infra.lab.bench.stream import SOURCES
from infra.settings.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "infra" / "deploy" / "compose.yaml").read_text(encoding="utf8"))
UNITS = sorted((ROOT / "infra" / "deploy" / "systemd").glob("*.service"))
KNOWN = {f"QORGAU_{name.upper()}" for name in Settings.model_fields}
FIGURES = set(
    re.findall(r'"(qorgau_[a-z_]+)"', (ROOT / "infra" / "web" / "api" / "prometheus.py").read_text(encoding="utf8"))
)


def command_exists(words: list[str]) -> bool:
    """Say whether the command line takes these words."""
    group: Any = cli
    context = group.make_context("qorgau", [], resilient_parsing=True)
    while words and hasattr(group, "get_command"):
        group = group.get_command(context, words.pop(0))
        if group is None:
            return False
    known = {option for parameter in group.params for option in parameter.opts}
    return all(word in known for word in words if word.startswith("--"))


def test_compose_names_known_settings_commands_and_secrets() -> None:
    services = COMPOSE["services"]
    assert {"api", "worker", "stream", "syslog", "watchdog", "witness"} <= services.keys()
    for name in ("api", "worker", "stream", "syslog", "watchdog", "witness"):
        assert command_exists([str(word) for word in services[name]["command"]]), name
        assert {it for it in services[name]["environment"] if it.startswith("QORGAU_")} <= KNOWN
    for name, service in services.items():
        assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys(), name
        assert "limits" in service["deploy"]["resources"], name
        assert set(service.get("depends_on", {})) <= services.keys(), name
        for published in service.get("ports", []):
            assert published.startswith("127.0.0.1:"), name


def test_the_secrets_of_compose_are_made_once(tmp_path: Path) -> None:
    script = tmp_path / "compose-secrets"
    script.write_bytes((ROOT / "infra" / "deploy" / "compose-secrets").read_bytes())
    script.chmod(0o755)
    for _ in range(2):
        subprocess.run([script], check=True, capture_output=True)
        made = {it.name: it.read_bytes() for it in (tmp_path / "secrets").iterdir()}
    assert {Path(it["file"]).name for it in COMPOSE["secrets"].values()} <= made.keys()
    again = subprocess.run([script], check=True, capture_output=True)
    assert b"made" in again.stdout
    assert made == {it.name: it.read_bytes() for it in (tmp_path / "secrets").iterdir()}
    named = {it["path"] for service in COMPOSE["services"].values() for it in service.get("env_file", [])}
    assert {Path(it).name for it in named} <= made.keys()
    assert made["postgres"].decode() in made["qorgau.env"].decode()
    assert made["mail.crt"] in made["authorities.pem"]
    modes = {it.name: it.stat().st_mode & 0o777 for it in (tmp_path / "secrets").iterdir()}
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert {modes[name] for name in ("postgres", "elastic", "kibana", *map(_name, named))} == {0o600}
    assert {mode for name, mode in modes.items() if name.endswith((".crt", ".pem", ".key"))} == {0o644}


def _name(path: str) -> str:
    return Path(path).name


def test_no_password_of_compose_is_a_file_of_another_user() -> None:
    """libpq ignores a password file that others may read, Elasticsearch refuses one; in a container it is another's."""
    text = (ROOT / "infra" / "deploy" / "compose.yaml").read_text(encoding="utf8")
    assert "PGPASSFILE" not in text
    assert "PASSWORD_FILE" not in text


def test_every_part_of_ours_is_probed_and_owns_what_it_writes() -> None:
    services = COMPOSE["services"]
    ours = [name for name, it in services.items() if it.get("image") == "qorgau"]
    assert {name for name in ours if "healthcheck" not in services[name]} == {"watchdog"}, "it listens nowhere"
    for name in ("worker", "stream"):
        assert services[name]["healthcheck"]["test"][:3] == ["CMD", "qorgau", "probe"]
    assert "/metrics" not in str(services["api"]["healthcheck"]), "it needs a token"
    made = (ROOT / "infra" / "deploy" / "Dockerfile").read_text(encoding="utf8")
    mounted = {it.split(":")[1] for name in ours for it in services[name]["volumes"]}
    assert mounted == set(re.findall(r"/srv/qorgau/[a-z]+", made.split("install -d")[1].split("\n")[0]))


def test_nothing_secret_goes_into_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf8").split()
    assert {"infra/deploy/secrets", "**/*.env", "**/*.key", "qorgau.toml", "var", ".git"} <= set(ignored)


def test_a_house_in_compose_hears_every_source_that_the_simulator_knows() -> None:
    assert set(orjson.loads(COMPOSE["x-qorgau"]["environment"]["QORGAU_KAFKA_SOURCES"])) == set(SOURCES)


@pytest.mark.parametrize("unit", UNITS, ids=lambda it: it.stem)
def test_units_start_what_there_is(unit: Path) -> None:
    found = re.search(r"^ExecStart=\S+/qorgau (.+)$", unit.read_text(encoding="utf8"), re.MULTILINE)
    assert found is not None
    assert command_exists(shlex.split(found[1]))


def test_dashboard_and_alerts_ask_for_figures_that_are_given() -> None:
    board = orjson.loads((ROOT / "infra" / "deploy" / "grafana" / "qorgau.json").read_bytes())
    alerts = yaml.safe_load((ROOT / "infra" / "deploy" / "grafana" / "alerts.yml").read_text(encoding="utf8"))
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    found = {name for text in asked for name in re.findall(r"\bqorgau_[a-z_]+", text)}
    named = {name.removesuffix("_total").removesuffix("_bucket") for name in found}
    assert named
    assert named <= FIGURES
