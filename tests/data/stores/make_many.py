"""Makes a store in the middle of a leak with many clients, with the code of commit 56dc29b: a notice of its own each.

    git worktree add /tmp/at 56dc29b && cd /tmp/at
    PYTHONPATH=. python /path/to/tests/data/stores/make_many.py /path/to/tests/data/stores/56dc29b

Writes ``many.tar.xz``, the whole data directory over SQLite, and ``many.json``, what a test needs to go on with it. A
store is never made anew: it stands for what customers have.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.support import ANALYST, COMPLIANCE, COMPLIANCE_2, World

CLIENTS = 2_000
SENT, APPROVED, EDITED = 30, 20, 10


def made(folder: Path) -> dict[str, object]:
    """Leak, drafts of all; some sent, some approved and not sent yet, some edited, the others open."""
    world = World(folder).people()
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-0000", mfo__change__field="iin"))
    (incident,) = (row["id"] for row in world.incidents())
    acts = world.house.acts
    clients = tuple(f"c-{number:04d}" for number in range(1, CLIENTS))
    acts.name_clients(incident, clients, (), "the log of the export", by=ANALYST)
    world.work()
    drafts = {
        row["subject"]: row["id"]
        for row in world.rows("SELECT subject, id FROM notice_view WHERE incident_id = ? AND kind = 'client'", incident)
    }
    order = sorted(drafts)
    for subject in order[SENT + APPROVED : SENT + APPROVED + EDITED]:
        acts.edit_notice(drafts[subject], "ru", {"done": "Мы всё проверили."}, None, by=COMPLIANCE_2)
    for subject in order[:SENT]:
        acts.approve_notice(drafts[subject], None, by=COMPLIANCE)
    world.work()
    for subject in order[SENT : SENT + APPROVED]:
        acts.approve_notice(drafts[subject], None, by=COMPLIANCE)
    told = {
        "incident": incident, "clients": CLIENTS, "sent": order[:SENT], "approved": order[SENT : SENT + APPROVED],
        "edited": order[SENT + APPROVED : SENT + APPROVED + EDITED], "at": world.clock.now().isoformat(),
        "events": world.count, **world.whole(),
    }  # fmt: skip
    world.house.close()
    return told


def main() -> None:
    """Make it."""
    out = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(dir="/tmp") as scratch:
        told = made(Path(scratch) / "many")
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:xz", preset=9) as tar:
            tar.add(Path(scratch) / "many", ".", filter=lambda it: None if it.name.endswith((".lock", ".eml")) else it)
    (out / "many.tar.xz").write_bytes(packed.getvalue())
    (out / "many.json").write_text(json.dumps(told, indent=1), encoding="utf8")


if __name__ == "__main__":
    main()
