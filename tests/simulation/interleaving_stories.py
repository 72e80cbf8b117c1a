"""Stories rich in followers: what comes in, what people do, how time goes on. Wherever one feeds, works or sweeps, the
stages are interleaved."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from engine.notices.notice import Notice
from engine.protection.facts import LegalAct
from infra.store.models.duties import NoticeRow, OrderRow, ProtectionRow
from infra.store.models.governance import ActionRow
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, FRAUD, MONDAY, World

PROOF = b"%PDF-1.7 their answer"


def change(world: World, client: str, field: str = "iin", **more: Any) -> bytes:
    """Somebody changes a client's data."""
    return world.event("portal.profile.change_applied", mfo__client__id=client, mfo__change__field=field, **more)


def export(world: World, client: str, user: str = "adm-1") -> bytes:
    """Somebody copies a table; findings of one user join."""
    more = {"mfo__client__id": client, "mfo__db__table": "clients", "mfo__db__rows": 9_000}
    return world.event("db.query.bulk", user__id=user, **more)


def complaint(world: World, client: str) -> bytes:
    """A client complains about a loan."""
    more = {"mfo__loan__id": f"L-{client}", "mfo__complaint__id": f"q-{client}", "mfo__channel": "call"}
    return world.event("fraud.complaint.received", mfo__client__id=client, **more)


def resolution(**changes: Any) -> LegalAct:
    """A resolution of the police."""
    values = {
        "kind": "victim_resolution", "issuer": "УП Алмалинского района", "number": "17/26",
        "act_date": date(2026, 11, 20), "received_at": MONDAY, "channel": "office", "client": "c-9",
        "loans": ("L-9",), "bureaus": ("pkb",),
    }  # fmt: skip
    return LegalAct(**{**values, **changes})


def keys(world: World) -> list[str]:
    """The incidents, as they were numbered."""
    return [str(row["id"]) for row in world.incidents()]


def approve_all(world: World, incident: str) -> None:
    """Whatever is a draft is approved, with a reason where it is late."""
    acts = world.container.acts
    drafts = world.held(NoticeRow, incident_id=incident, state="draft")
    for row in sorted(drafts, key=lambda it: (it.kind, it.subject, it.stage, it.id)):
        notice = world.container.decisions.load(Notice, row.id)
        if notice.state != "draft":
            continue
        for language, fields in notice.content.items():
            said = {"late": "не было связи"} if fields.get("late") == "" else {}
            said |= {name: "nobody knows" for name, text in fields.items() if text == "unknown"}
            if said:
                acts.edit_notice(row.id, language, said, None, by=COMPLIANCE)
        acts.approve_notice(row.id, None, by=COMPLIANCE_2)
        world.work()  # the next text to the same clients waits until this one is addressed


def unauthorised_change(world: World) -> None:
    """An IIN is changed; it is handled to the end, step by step."""
    world.feed(change(world, "c-1"), change(world, "c-2", "phone"), world.event("pam.session", user__id="adm-7"))
    first = keys(world)[0]
    world.container.acts.assign(first, "aigul", by=ANALYST)
    world.work()
    approve_all(world, first)
    world.finish_steps(first)
    approve_all(world, first)
    for by in (ANALYST, COMPLIANCE):
        world.container.acts.close(first, "true_positive", "handled", by=by)
    world.work()


def findings_join(world: World) -> None:
    """Findings of one user join an incident, at once and later; clients come with them."""
    world.feed(export(world, "c-1"), export(world, "c-2"), change(world, "c-1"))
    world.clock.forward(minutes=20)
    world.feed(export(world, "c-3"))
    first = keys(world)[0]
    world.container.acts.measure(first, "containment", "the account is blocked", by=ANALYST)
    world.container.acts.name_clients(first, ("c-7",), (), "she called", by=ANALYST)
    world.work()
    approve_all(world, first)
    world.clock.forward(days=2)
    world.sweep()


def merge_and_split(world: World) -> None:
    """Incidents are merged, split and moved; duties and drafts go with their findings."""
    world.feed(export(world, "c-1"), export(world, "c-2"))
    world.clock.forward(hours=1)
    world.feed(change(world, "c-3"), change(world, "c-4", "phone"))
    first, second, third = keys(world)
    number = world.incidents()[1]["number"]
    parts = world.container.acts.split(first, _findings(world, first)[-1:], "", "another matter", by=ANALYST)
    world.work()
    world.container.acts.merge(third, number, "the same attacker", by=ANALYST)
    world.work()
    world.container.acts.merge(parts, number, "the same attacker", by=CISO)
    world.container.acts.measure(second, "containment", "blocked", by=ANALYST)
    world.work()
    world.clock.forward(days=1, hours=1)
    world.sweep()


def _findings(world: World, incident: str) -> tuple[str, ...]:
    from engine.incidents.incident import Incident

    return tuple(sorted(world.container.decisions.load(Incident, incident).findings))


def many_clients(world: World) -> None:
    """A table of clients is copied: a notice to each."""
    world.feed(*(export(world, f"c-{number}") for number in range(6)))
    incident = keys(world)[0]
    world.container.acts.lower_notifiability(incident, "a test table", by=ANALYST)
    world.container.acts.lower_notifiability(incident, "a test table", by=COMPLIANCE)
    world.work()
    world.container.acts.raise_notifiability(incident, True, "it was none", by=CISO)
    world.work()
    world.container.acts.approve_client_notices(incident, by=COMPLIANCE)
    world.work()


def resolution_of_the_police(world: World) -> None:
    """A resolution comes in as an event, orders go out and are answered, by the systems and by events; a call that
    should not have been made; a court decides."""
    act = {
        "mfo__kind": "victim_resolution", "mfo__act__issuer": "УП", "mfo__act__number": "17/26",
        "mfo__act__date": "2026-11-20", "mfo__client__id": "c-9", "mfo__loan__ids": ["L-9"],
        "mfo__channel": "office", "mfo__received_at": MONDAY.isoformat(),
    }  # fmt: skip
    world.feed(world.event("legal.act.received", **act), change(world, "c-9"))
    key = world.held(ProtectionRow)[0].id
    order = world.held(OrderRow, kind="collection-stop")[0].id
    world.clock.forward(hours=3)
    world.feed(
        world.event("collection.stopped", mfo__order__id=order),
        world.event("collection.contact_attempted", mfo__loan__id="L-9", mfo__client__id="c-9", mfo__channel="call"),
    )
    world.container.acts.verify_act(key, True, "asked them", by=COMPLIANCE_2)
    world.container.acts.propose_outcome(key, "write-off", "the act", by=COMPLIANCE)
    world.work()
    world.container.acts.decide_outcome(key, True, "the act holds", by=CISO)
    world.work()
    world.clock.forward(days=4)
    world.sweep()


def act_entered_by_hand(world: World) -> None:
    """An act is entered and is not genuine: the orders are lifted while others go out."""
    key = world.container.acts.register_act(resolution(), by=COMPLIANCE)
    world.feed(complaint(world, "c-9"))
    world.container.acts.verify_act(key, False, "they know nothing of it", by=COMPLIANCE_2, document=PROOF)
    world.work()
    world.container.acts.verify_act(key, False, "asked them again", by=COMPLIANCE)
    world.feed(
        world.event("collection.contact_attempted", mfo__loan__id="L-9", mfo__client__id="c-9", mfo__channel="call")
    )


def false_positive(world: World) -> None:
    """An incident is none, and then it is one after all."""
    world.feed(change(world, "c-1"), complaint(world, "c-2"))
    first, second = keys(world)
    world.container.acts.close(first, "false_positive", "a test account", by=ANALYST)
    world.work()
    world.container.acts.close(first, "false_positive", "agreed", by=COMPLIANCE)
    world.container.acts.acknowledge(second, by=FRAUD)
    world.work()
    world.clock.forward(days=1, hours=2)
    world.container.acts.reopen(first, "it was none", by=ANALYST)
    world.work()
    world.sweep()
    approve_all(world, first)


def breach(world: World) -> None:
    """Nobody does anything until the term is over; then the notice must say why."""
    world.feed(change(world, "c-1"))
    incident = keys(world)[0]
    world.clock.forward(hours=12)
    world.sweep()
    world.clock.forward(days=1)
    world.sweep()
    world.container.acts.measure(incident, "containment", "blocked", by=ANALYST)
    world.work()
    approve_all(world, incident)
    world.clock.forward(days=2)
    world.sweep()


def commands_of_a_playbook(world: World) -> None:
    """A fraud: the playbook commands systems and asks people; somebody starts another by hand."""
    world.feed(complaint(world, "c-3"), world.event("net.egress.unexpected", host__name="face-1"))
    first = keys(world)[0]
    world.container.acts.start_playbook(first, world.container.playbooks["unauthorised-access"], by=ANALYST)
    world.work()
    world.finish_steps(first)
    world.container.acts.duty_done("policy-review", date(2026, 11, 20), "minutes", by=CISO)
    world.feed(world.event("isms.audit.completed"))
    world.clock.forward(days=3)
    world.sweep()


def told_by_people(world: World) -> None:
    """An incident is told, is closed as none, comes back; a control's action has a clock."""
    from engine.incidents.casework import Report

    told = Report(
        title="A client never asked for the loan", incident_class="fraud", channel="hot-line",
        told_at=world.clock.now() - timedelta(hours=2), clients=("c-7", "c-8"), loans=("L-7",), reference="call 881",
    )  # fmt: skip
    incident = world.container.acts.report(told, by=ANALYST)
    world.container.acts.plan_action("management-review", "a firewall", "erlan", date(2026, 11, 30), by=CISO)
    world.work()
    world.sweep()
    action = world.held(ActionRow)[0]
    world.container.acts.close_action(action.duty_id, action.id, "invoice 12", by=CISO)
    world.container.acts.measure(incident, "containment", "blocked", by=FRAUD)
    world.container.acts.measure(incident, "cause", "a stolen phone", by=FRAUD)
    world.work()
    approve_all(world, incident)
    for measure in ("consequence", "recovery"):
        world.container.acts.measure(incident, measure, "done", by=FRAUD)
    world.work()


STORIES = {
    it.__name__.replace("_", "-"): it
    for it in (
        unauthorised_change, findings_join, merge_and_split, many_clients, resolution_of_the_police,
        act_entered_by_hand, false_positive, breach, commands_of_a_playbook, told_by_people,
    )
}  # fmt: skip
