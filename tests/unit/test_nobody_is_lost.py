"""Whatever analysts merge, move and split, and whenever a notice goes out between: nobody who was owed one is lost."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from engine.duties.clock import Clock, clock_id
from engine.duties.facts import ClockStarted
from engine.incidents.commands import MergeIncident, MoveFindings, SplitIncident
from engine.incidents.facts import FindingJoined
from engine.incidents.incident import Incident
from engine.kernel.errors import Conflict, DecisionRefused, InputError
from engine.kernel.facts import Entities
from engine.kernel.ids import derive
from engine.notices.commands import ApproveClientNotices, ApproveNotice
from engine.notices.facts import NoticeDrafted
from engine.notices.notice import Notice
from engine.policies.notices import NoticePolicy
from tests.desk import MemoryDesk
from tests.past import notifiable
from tests.support import ANALYST, COMPLIANCE, MONDAY
from tests.unit.test_policies import TO, PlainComposer, duties

TOLD = {"regulator-notice": "regulator", "regulator-supplement": "regulator", "personal-data-notice": "authority",
        "personal-data-supplement": "authority", "client-notice": "client", "client-supplement": "client"}  # fmt: skip
CLIENTS = ("c-0", "c-1", "c-2")
FINDINGS = st.lists(st.lists(st.sampled_from(CLIENTS), min_size=1, max_size=2, unique=True), min_size=1, max_size=3)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("merge", "move", "split", "approve", "tell clients")), st.integers(0, 9), st.integers(0, 9)
    ),
    max_size=7,
)


class Office:
    """Some incidents, and the analysts who rearrange them."""

    def __init__(self, incidents: list[list[list[str]]]) -> None:
        self.desk = MemoryDesk()
        self.policies = duties(), NoticePolicy(PlainComposer(), TO)
        self.keys = [str(derive("test", str(n))) for n in range(len(incidents))]
        for number, (key, findings) in enumerate(zip(self.keys, incidents, strict=True)):
            opened = notifiable(key, number=f"INC-{number}", finding_id=f"{key}-f0", dedup_key=key,
                                entities=Entities(clients=tuple(findings[0])))  # fmt: skip
            more = [
                FindingJoined(at=MONDAY, incident_id=key, finding_id=f"{key}-f{n}", rule_name="r", notifiable=True,
                              personal_data=True, detected_at=MONDAY + timedelta(minutes=n), new_clients=(),
                              entities=Entities(clients=tuple(clients)))
                for n, clients in enumerate(findings[1:], 1)
            ]  # fmt: skip
            self.desk.context.given(key, opened, *more)
        self.run()

    def run(self) -> None:
        self.desk.context.run(*self.policies)

    def incidents(self) -> list[Incident]:
        return [self.desk.context.load(Incident, key) for key in self.keys]

    def owed(self) -> set[tuple[str, str]]:
        """Whom something is, or was, owed to: an authority, or a client."""
        found = set()
        for fact in self.desk.context.recorded(ClockStarted):
            clock = self.desk.context.load(Clock, fact.clock_id)
            if clock.kind in TOLD and not clock.cancelled:
                found.add((TOLD[clock.kind], clock.subject if "client" in clock.kind else ""))
        return found

    def do(self, act: str, one: int, two: int) -> None:
        held = self.incidents()
        it, other = held[one % len(held)], held[two % len(held)]
        try:
            match act:
                case "merge":
                    self.desk.do(MergeIncident(incident_id=it.id, into=other.number, reason="one attacker"), ANALYST)
                case "move":
                    finding = it.findings[two % len(it.findings)]
                    self.desk.do(MoveFindings(incident_id=it.id, findings=(finding,), into=other.number,
                                              reason="it belongs there"), ANALYST)  # fmt: skip
                case "split":
                    finding = it.findings[two % len(it.findings)]
                    made = self.desk.do(SplitIncident(incident_id=it.id, findings=(finding,), reason="two attackers"),
                                        ANALYST)  # fmt: skip
                    self.keys.append(made.id)
                case "approve":
                    for fact in self.desk.context.recorded(NoticeDrafted):
                        notice = self.desk.context.load(Notice, fact.notice_id)
                        if notice.incident_id == it.id and notice.state == "draft" and not notice.to_many:
                            self.desk.do(ApproveNotice(notice_id=notice.id), COMPLIANCE)
                case _:
                    self.desk.do(ApproveClientNotices(incident_id=it.id), COMPLIANCE)
        except (Conflict, DecisionRefused, InputError, ZeroDivisionError):
            pass  # what is refused changes nothing


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@for_all(incidents=st.lists(FINDINGS, min_size=2, max_size=3), steps=STEPS)
def test_nobody_who_was_owed_a_notice_is_lost(
    incidents: list[list[list[str]]], steps: list[tuple[str, int, int]]
) -> None:
    office = Office(incidents)
    for step in steps:
        before = office.owed()
        office.do(*step)
        office.run()
        assert before <= office.owed(), step
    assert {("client", it) for findings in incidents for clients in findings for it in clients} <= office.owed()


def test_the_analysts_of_this_test_really_rearrange_something() -> None:
    office = Office([[["c-0"], ["c-1"]], [["c-2"], ["c-0"]]])
    for step in (("tell clients", 0, 0), ("split", 0, 1), ("move", 1, 2), ("merge", 1, 0)):
        office.do(*step)
        office.run()
    one, two, three = office.incidents()
    assert (two.merged_into, len(three.findings)) == (one.id, 2)
    assert ("client", "c-0") in office.owed()
    supplement = clock_id("client-supplement", one.id, "c-0", two.number)
    assert office.desk.context.load(Clock, supplement).running
