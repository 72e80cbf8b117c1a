"""The SigmaHQ rule set on real Windows events, against the reference evaluation."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from click.testing import CliRunner

from infra.cli import cli
from tests.support import DATA

SIGMA = DATA / "sigma"


def test_rules_eval_agrees_with_the_reference(tmp_path: Path) -> None:
    with zipfile.ZipFile(SIGMA / "sigmahq-rules.zip") as archive:
        archive.extractall(tmp_path / "rules")
    events = str(SIGMA / "events.ndjson")
    result = CliRunner().invoke(cli, ["rules", "eval", "--rules", str(tmp_path / "rules"), "--events", events])
    assert result.exit_code == 0
    got = [json.loads(line) for line in result.stdout.splitlines()]
    expected = json.loads((SIGMA / "expected.json").read_text(encoding="utf8"))
    assert [line["index"] for line in got] == list(range(len(expected)))
    different = [
        (line["index"], sorted(set(line["matches"]) ^ set(wanted)))
        for line, wanted in zip(got, expected, strict=True)
        if line["matches"] != wanted
    ]
    assert different == []
    assert "did not load" not in result.stderr
