"""Makes a store in the middle of its work, with the code of the commit it is run at.

    git worktree add /tmp/at COMMIT && cd /tmp/at
    PYTHONPATH=. python /path/to/tests/data/stores/make.py /path/to/tests/data/stores/COMMIT

Needs the product and ``tests/support.py`` of that commit, and the programs of PostgreSQL. Writes into the folder:

    sqlite.tar.gz     the whole data directory: database, keys, archive, spool
    postgres.sql.gz   the same story in PostgreSQL, by pg_dump
    postgres.tar.gz   the data directory beside it: keys, archive, spool
    about.json        the instant at which it stopped, settings, tokens, the ids the test needs, the sizes of the logs

A store is never made anew: it stands for what customers have. Keys and tokens in it are secrets of nobody.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from engine.protection.facts import LegalAct
from infra.lab.testbed.postgres import RUN_AS, Cluster, programs
from tests.support import ANALYST, CISO, COMPLIANCE, FRAUD, PASSWORD, World

SETTINGS: dict[str, Any] = {
    "bureaus": ["pkb"], "collections_mail": "agency@example.kz", "session_minutes": 60,
    "regulator_mail": "agency@example.kz, archive@example.kz", "role_mail": {"ciso": "ciso@example.kz"},
}  # fmt: skip
PERSONAL = {
    "mfo__client__iin": "850101300005", "mfo__client__phone": "+77771234567", "mfo__client__name": "Ахметов Айбек",
}  # fmt: skip


def tell(world: World) -> dict[str, Any]:
    """The story; return what a test needs to go on with it."""
    duties(world)
    missed = opened(world, world.event("db.query.bulk", user__id="adm-1", mfo__db__table="clients",
                                       mfo__db__rows=9_000, mfo__client__id="c-5"))  # fmt: skip
    world.clock.forward(days=1, hours=3)
    world.sweep()
    change = opened(world, world.event("portal.profile.change_applied", mfo__client__id="c-1",
                                       mfo__change__field="iin", **PERSONAL))  # fmt: skip
    fraud = opened(world, world.event("fraud.complaint.received", mfo__client__id="c-3", mfo__loan__id="L-3",
                                      mfo__complaint__id="q-1", mfo__channel="call"))  # fmt: skip
    control = opened(world, world.event("pam.session", user__id="adm-2"))
    retained(world)
    rules(world)
    protection = protected(world)
    notices(world, change, fraud)
    clock = world.clocks(fraud)["remediation"]["id"]
    world.container.acts.propose_cancellation(clock, "the loan was none of ours", by=COMPLIANCE)
    accounts = world.container.accounts
    session = accounts.sign_in("bolat", PASSWORD)
    assert session is not None
    approved = world.notices(fraud)["regulator"]["id"]
    world.container.acts.approve_notice(approved, None, by=COMPLIANCE)  # and nothing works any more: it waits
    return {
        "missed": missed, "change": change, "fraud": fraud, "control": control, "protection": protection,
        "session": session, "source": accounts.new_source("portal"), "feed": accounts.new_feed(COMPLIANCE),
        "proposed_clock": clock, "approved": approved,
    }  # fmt: skip


def opened(world: World, line: bytes) -> str:
    """Feed an event; return the incident it opened."""
    before = {row["id"] for row in world.incidents()}
    world.feed(line)
    (new,) = {row["id"] for row in world.incidents()} - before
    return str(new)


def duties(world: World) -> None:
    """Returning duties: one runs, one will be missed; an action with its day."""
    acts = world.container.acts
    acts.duty_done("policy-review", date(2026, 3, 31), "minutes 31-03-2026", by=CISO)
    acts.duty_done("internal-audit", date(2025, 11, 24), "report 5", by=CISO)
    acts.plan_action("management-review", "buy a second firewall", "erlan", date(2026, 11, 30), by=CISO)
    acts.record_evidence("disciplinary", "order 7 of the director", by=COMPLIANCE)
    acts.enter_risk("asset", "Loan database", "loans", "leak", "insider", "wide rights", "log", "gulnar", by=ANALYST)
    world.work()


def retained(world: World) -> None:
    """A client whose obligations are over, with a document and a hold."""
    world.feed(
        world.event("loan.contract.signed", mfo__client__id="c-8", mfo__loan__id="L-8"),
        world.event("loan.obligation.terminated", mfo__client__id="c-8", mfo__loan__id="L-8",
                    mfo__obligation__terminated_at="2021-11-20"),
    )  # fmt: skip
    world.container.archive.store(
        b"%PDF-1.7 contract", name="contract.pdf", media_type="application/pdf", client="c-8", about="L-8", actor="t",
        at=world.clock.now(),
    )  # fmt: skip
    world.container.acts.place_hold("c-8", "court case 12", by=CISO)


def rules(world: World) -> None:
    """A version of a rule that waits for a second person, a draft, two lists, own wording that waits."""
    container = world.container
    meta = container.rules.by_reference["credential-stuffing"].meta
    assert meta is not None
    name = next(iter(meta.parameters))
    value = int(meta.parameters[name].default)
    _, version = container.rule_acts.tune("credential-stuffing", {name: value - 2}, "fewer will do", by=FRAUD)
    container.rule_acts.test("credential-stuffing", version, by=FRAUD)
    container.rule_acts.propose("credential-stuffing", version, "seen in an attack", by=FRAUD)
    container.rule_acts.tune("credential-stuffing", {name: value - 3}, "or fewer", by=FRAUD)
    container.rule_acts.change_list("deny_accounts", ["SHA256:mule-9"], [], "from the police", by=FRAUD)
    container.rule_acts.change_list("allow_accounts", ["sha256:mule-7"], [], "a mistake", by=FRAUD)
    container.acts.propose_wording(
        "regulator", "ru", {"incident": "Инцидент № {{ incident.number }}"}, "clearer", by=COMPLIANCE
    )


def protected(world: World) -> str:
    """An act whose orders nobody acknowledged: one went out as a letter, the others have no address."""
    act = LegalAct(
        kind="victim_resolution", issuer="УП Алмалинского района", number="17/26", act_date=date(2026, 11, 20),
        received_at=world.clock.now(), channel="office", client="c-9", loans=("L-9",), bureaus=("pkb",),
    )  # fmt: skip
    key = world.container.acts.register_act(act, by=COMPLIANCE)
    world.container.acts.attach_document(key, b"%PDF-1.7 act", "act.pdf", "application/pdf", by=COMPLIANCE)
    world.work()
    return str(key)


def notices(world: World, change: str, fraud: str) -> None:
    """One in review, one edited, one sent; a playbook that is at its second task."""
    acts, container = world.container.acts, world.container
    acts.assign(change, "aigul", by=ANALYST)
    acts.submit_notice(world.notices(change)["regulator"]["id"], None, by=COMPLIANCE)
    acts.edit_notice(world.notices(change)["client"]["id"], "ru", {"done": "Мы всё проверили."}, None, by=COMPLIANCE)
    acts.approve_notice(world.notices(fraud)["client"]["id"], None, by=COMPLIANCE)
    run = world.rows("SELECT id FROM run_view WHERE incident_id = ?", change)[0]["id"]
    from playbooks.run import Run

    step = next(iter(container.decisions.load(Run, run).waiting))
    acts.complete_task(run, step, "success", "blocked by the help desk", by=ANALYST)
    world.work()


def about(world: World, told: dict[str, Any]) -> dict[str, Any]:
    """What is written beside the store."""
    return {**told, "at": world.clock.now().isoformat(), "settings": SETTINGS, "events": world.count, **world.whole()}


def packed(folder: Path) -> bytes:
    """A directory as .tar.gz; the file of the lock is left out."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=9) as tar:
        tar.add(folder, ".", filter=lambda it: None if it.name.endswith(".lock") else it)
    return out.getvalue()


def made(folder: Path, **more: Any) -> dict[str, Any]:
    world = World(folder, **SETTINGS, **more).people()
    told = about(world, tell(world))
    world.container.close()
    return told


@contextmanager
def postgres(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    folder.mkdir()
    folder.chmod(0o755)
    cluster.create()
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop("immediate")


def dumped(url: str) -> bytes:
    """The database as SQL that any later server takes."""
    command = [str(programs() / "pg_dump"), "--no-owner", "--no-privileges", url]
    if os.geteuid() == 0:
        command = ["runuser", "-u", RUN_AS, "--", *command]
    return subprocess.run(command, capture_output=True, check=True, cwd="/").stdout


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir="/tmp") as scratch:
        Path(scratch).chmod(0o755)
        sqlite = made(Path(scratch) / "sqlite")
        (out / "sqlite.tar.gz").write_bytes(packed(Path(scratch) / "sqlite"))
        with postgres(Path(scratch) / "server") as cluster:
            url = cluster.fresh("store")
            other = made(Path(scratch) / "postgres", database=url)
            (out / "postgres.sql.gz").write_bytes(gzip.compress(dumped(url), 9, mtime=0))
        (out / "postgres.tar.gz").write_bytes(packed(Path(scratch) / "postgres"))
    about_both = json.dumps({"sqlite": sqlite, "postgres": other}, ensure_ascii=False, indent=1, sort_keys=True)
    (out / "about.json").write_text(about_both + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
