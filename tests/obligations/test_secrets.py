"""What a context remembers of a person is not shown in a finding."""

from __future__ import annotations

from pathlib import Path

from tests.obligations.house import House

IIN, OTHER = "850101300005", "900101400012"


def test_a_finding_shows_no_iin_that_was_said_before(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.send([
        {"event.action": "coid.result", "mfo.request.id": "b1", "mfo.client.iin": OTHER, "mfo.outcome": "match"},
        {"event.action": "portal.registration.completed", "at": "+1m", "mfo.client.iin": IIN,
         "mfo.biometric.session_id": "b1", "mfo.eds.certificate.serial": "e1"},
    ], "other")  # fmt: skip
    (found,) = [it for it in house.findings() if it.rule_name == "registration-factors"]
    assert found.matched["mfo.context.bio_iin"] == "(personal)"
    assert OTHER not in found.model_dump_json()
    assert IIN not in found.model_dump_json()
