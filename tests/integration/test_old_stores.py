"""A store that an earlier commit left in the middle of its work is opened and the work is finished.

The stores under ``tests/data/stores/COMMIT`` were written by ``tests/data/stores/make.py`` at that commit and are never
made anew. What the finish comes to is held in the golden log; SQLite and PostgreSQL come to the same.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import tarfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from engine.notices.notice import Notice
from engine.protection.protection import Protection
from infra.lab.testbed.postgres import RUN_AS, programs
from infra.store.models.duties import ClockRow, NoticeRow, RetentionRow
from infra.store.models.effects import EffectRow
from infra.store.models.governance import ActionRow
from infra.store.models.incidents import RunRow
from infra.store.models.rules import RuleRow
from tests.golden.canonical import canonical, read
from tests.golden.recorded import check
from tests.golden.watching import patient
from tests.stores import KINDS, postgres_url
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, DATA, FRAUD, MovingClock, World, vouch

STORES = DATA / "stores"
COMMITS = sorted(path.name for path in STORES.iterdir() if (path / "about.json").exists())


@dataclass(frozen=True)
class Old:
    """An opened store and what was written beside it."""

    world: World
    about: dict[str, Any]


def restored(sql: Path) -> str:
    """A database with what was dumped."""
    url = postgres_url()
    command = [str(programs() / "psql"), "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", url]
    if os.geteuid() == 0:
        command = ["runuser", "-u", RUN_AS, "--", *command]
    subprocess.run(command, input=gzip.decompress(sql.read_bytes()), capture_output=True, check=True, cwd="/")
    return url


def opened(kind: str, commit: str, folder: Path) -> Old:
    """Unpack and open with today's code, at the instant at which the store was left."""
    place = STORES / commit
    about = json.loads((place / "about.json").read_text(encoding="utf8"))[kind]
    with tarfile.open(place / f"{kind}.tar.gz") as tar:
        tar.extractall(folder, filter="data")
    database = restored(place / "postgres.sql.gz") if kind == "postgres" else None
    clock = MovingClock(datetime.fromisoformat(about["at"]))
    world = patient(World(folder, clock, database=database, **about["settings"]))
    world.count = about["events"]
    return Old(world, about)


@pytest.fixture(params=COMMITS)
def commit(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_in_the_middle_of_its_work_is_finished(kind: str, commit: str, tmp_path: Path) -> None:
    old = opened(kind, commit, tmp_path / "old")
    world, about = old.world, old.about
    assert world.whole() == {"ledger": about["ledger"], "decisions": about["decisions"] + 1}, (
        "marks were put on the rows"
    )
    as_it_was_left(old)
    world.work()
    goes_on(old)
    orders(old)
    notices(old)
    playbooks(old)
    second_persons(old)
    rebuilt(old)
    world.clock.forward(days=8)
    world.sweep()
    time_goes_on(old)
    destroyed(old)
    again = patient(world.restart())
    sizes = again.whole()
    assert sizes["decisions"] > about["decisions"]
    text = canonical(read(again))
    again.work()
    assert again.whole() == sizes, "nothing is left to do"
    again.container.close()
    told = check("test_old_stores", f"test_a_store_in_the_middle_of_its_work_is_finished[{commit}]", text)
    if told:
        pytest.fail(told, pytrace=False)


def as_it_was_left(old: Old) -> None:
    """Who was signed in is; tokens hold; documents can be read; personal data too."""
    world, about = old.world, old.about
    accounts = world.container.accounts
    session = accounts.session(about["session"])
    assert session is not None
    assert session.person.id == "bolat"
    source = accounts.source(about["source"])
    assert source is not None
    assert source.name == "portal"
    assert accounts.feed_owner(about["feed"]) == "bolat"
    assert [found.name for found in world.container.archive.documents("c-8")] == ["contract.pdf"]
    assert world.container.ledger.find(world.container.store.vault.questions("850101300005")) != []
    states = {(row.owner_kind, row.state) for row in world.held(ClockRow)}
    assert states >= {
        ("incident", "running"), ("incident", "satisfied"), ("incident", "breached"), ("protection", "running"),
        ("duty", "running"),
    }  # fmt: skip
    assert {row.state for row in world.held(NoticeRow)} == {
        "draft", "review", "approved", "sent",
    }  # fmt: skip
    waiting = {row.kind for row in world.held(EffectRow, state="waiting")}
    assert waiting >= {"mail", "order"}
    proposed = world.held(ClockRow, id=about["proposed_clock"])
    assert proposed[0].proposed_by == "bolat"


def goes_on(old: Old) -> None:
    """What waited goes out; what comes in meets what is there: a finding joins, a duplicate is known."""
    world, about = old.world, old.about
    assert world.container.decisions.load(Notice, about["approved"]).state == "sent"
    count = len(world.incidents())
    world.feed(
        world.event("portal.profile.change_applied", mfo__client__id="c-1", mfo__change__field="iin"),
        world.event("collection.contact_attempted", mfo__loan__id="L-9", mfo__channel="call"),
    )  # fmt: skip
    assert [row["rule_name"] for row in world.incidents()[count:]] == ["collection-after-stop"], "the first one joined"
    it = world.container.decisions.load(Protection, about["protection"])
    assert len(it.violations) == 1


def orders(old: Old) -> None:
    """The orders are acknowledged: one by an event, the others by a person."""
    world, key = old.world, old.about["protection"]
    it = world.container.decisions.load(Protection, key)
    waiting = [order for order in it.orders.values() if order.acknowledged_at is None]
    assert len(waiting) == 4
    stop = next(order for order in waiting if order.kind == "collection-stop")
    assert stop.handed_over_at is not None
    world.feed(world.event("collection.stopped", mfo__order__id=stop.id))
    for order in waiting:
        if order.id != stop.id:
            vouch(world, key, order.id, "their letter 9")
    world.container.acts.verify_act(key, True, "asked them", by=COMPLIANCE_2)
    world.work()
    assert {clock["state"] for clock in world.clocks(key).values()} == {"satisfied"}


def notices(old: Old) -> None:
    """Every draft and review is approved by a second person, the late ones with a reason."""
    world = old.world
    rows = [row for row in world.held(NoticeRow) if row.state in ("draft", "review")]
    for row in sorted(rows, key=lambda it: (it.kind, it.subject, it.id)):
        notice = world.container.decisions.load(Notice, row.id)
        for language, fields in notice.content.items():
            if "late" in fields and not fields["late"]:
                world.container.acts.edit_notice(row.id, language, {"late": "не было связи"}, None, by=COMPLIANCE)
            unset = {name: text for name, text in fields.items() if "QORGAU_ORGANISATION" in text}  # drafts of before
            named = {
                name: text.replace(text[text.index(" (") : text.index(")") + 1], "") for name, text in unset.items()
            }
            if row.kind == "client" and not any(ch.isdigit() for ch in fields["contact"]):
                named["contact"] = world.settings.organisation_contact
            named |= {name: "nobody knows" for name, text in fields.items() if language == "json" and text == "unknown"}
            if named:
                world.container.acts.edit_notice(row.id, language, named, None, by=COMPLIANCE)
        world.container.acts.approve_notice(row.id, None, by=COMPLIANCE_2)
    world.work()
    fates = {
        row.state for row in world.held(NoticeRow) if not row.addressees
    }  # a text to many has those of its notices
    assert fates == {"sent"}
    assert world.clocks(old.about["missed"])["regulator-notice"]["state"] == "satisfied-late"


def playbooks(old: Old) -> None:
    """The playbooks are carried out, the one that was begun from where it stood."""
    world, about = old.world, old.about
    begun, fresh = world.finish_steps(about["change"]), world.finish_steps(about["missed"])
    assert begun == fresh[1:]
    for incident in sorted({row.incident_id for row in world.held(RunRow)} - {about["change"], about["missed"]}):
        world.finish_steps(incident)
    assert {row.state for row in world.held(RunRow)} == {"completed"}
    assert world.clocks(about["change"])["remediation"]["state"] == "satisfied"


def destroyed(old: Old) -> None:
    """A week after the hold was lifted two others destroy what is kept."""
    world, acts = old.world, old.world.container.acts
    for row in world.incidents():
        if row["is_open"] and "c-8" in row["clients"]:  # nothing is destroyed that an open incident needs
            for by in (ANALYST, COMPLIANCE) if row["notifiable"] else (ANALYST,):
                acts.close(row["id"], "false_positive", "the bank that signs was not connected", by=by)
    world.work()
    acts.propose_erasure("c-8", "term over", by=COMPLIANCE)
    acts.approve_erasure("c-8", "agreed", by=COMPLIANCE_2)
    world.work()
    assert world.held(RetentionRow, client="c-8")[0].state == "erased"


def second_persons(old: Old) -> None:
    """Whatever waited for a second person gets one."""
    world, container = old.world, old.world.container
    (version,) = [row.waiting for row in world.held(RuleRow) if row.waiting]
    container.rule_acts.approve("credential-stuffing", version, "agreed", by=COMPLIANCE)
    container.rule_acts.activate("credential-stuffing", version, "active", "go", by=FRAUD)
    container.rule_acts.decide_list("allow_accounts", agreed=True, reason="agreed", by=COMPLIANCE)
    container.acts.decide_wording("regulator", "ru", True, "", by=COMPLIANCE_2)
    container.acts.lift_hold("c-8", "the case is over", by=CISO)
    container.acts.lift_hold("c-8", "read the judgement", by=COMPLIANCE_2)
    for by in (ANALYST, COMPLIANCE):
        container.acts.close(old.about["change"], "true_positive", "handled", by=by)
    action = world.held(ActionRow)[0]
    container.acts.close_action(action.duty_id, action.id, "invoice 12", by=CISO)
    world.feed(world.event("portal.profile.change_applied", mfo__client__id="c-6", mfo__change__field="phone"))
    newest = max(world.incidents(), key=lambda row: row["number"])
    own = world.notices(newest["id"])["regulator"]["id"]
    assert container.decisions.load(Notice, own).content["ru"]["incident"].startswith(f"Инцидент № {newest['number']}")


def rebuilt(old: Old) -> None:
    """The read models, folded again from old facts and new, are the same."""
    world = old.world
    tables = ("clock_view", "notice_view", "order_view", "protection_view", "run_view", "duty_view", "rule_view")
    before = {table: world.rows(f"SELECT * FROM {table} ORDER BY id") for table in tables}
    world.container.decisions.rebuild_views()
    assert {table: world.rows(f"SELECT * FROM {table} ORDER BY id") for table in tables} == before


def time_goes_on(old: Old) -> None:
    """A week later what nobody did is breached."""
    world, about = old.world, old.about
    assert world.clocks(about["control"])["triage"]["state"] == "breached"
    newest = world.clocks(world.incidents()[-1]["id"])
    assert {clock["state"] for clock in newest.values()} == {"breached"}
