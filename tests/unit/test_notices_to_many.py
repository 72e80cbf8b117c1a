"""One text to many: whatever is named, approved and answered in whatever order, each client is told once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from engine.incidents.commands import NameClientList, NameClients, ReportIncident
from engine.incidents.incident import Incident
from engine.kernel.commands import Attachment
from engine.kernel.errors import Conflict, DecisionRefused, InputError, SecondPersonNeeded
from engine.notices import approving, delivering, many
from engine.notices.commands import ApproveClientNotices, ApproveNotice, EditNotice, ResendFailures
from engine.notices.facts import NoticeAddressed, NoticeApproved, NoticeListed
from engine.notices.notice import Notice, list_hash
from engine.policies.notices import NoticePolicy
from tests.desk import MemoryDesk
from tests.support import ANALYST, COMPLIANCE, COMPLIANCE_2, MONDAY
from tests.unit.test_policies import TO, PlainComposer, duties

STEPS = st.lists(st.one_of(st.just("run"), st.just("approve"), st.integers(1, 3)), max_size=12)


class Leak:
    """An incident whose clients become known bit by bit."""

    def __init__(self) -> None:
        self.desk = MemoryDesk()
        self.policies = duties(), NoticePolicy(PlainComposer(), TO)
        self.id = self.desk.do(
            ReportIncident(
                title="a leak", incident_class="unauthorised-access", channel="employee",
                told_at=MONDAY - timedelta(hours=1), clients=("c-0",),
            ),
            ANALYST,
        ).id  # fmt: skip
        self.known = 1

    def run(self) -> None:
        self.desk.context.run(*self.policies)

    def name(self, number: int) -> None:
        clients = tuple(f"c-{n}" for n in range(self.known, self.known + number))
        self.known += number
        self.desk.do(NameClients(incident_id=self.id, clients=clients, reason="the log shows them"), ANALYST)

    def approve(self) -> int:
        try:
            return self.desk.do(ApproveClientNotices(incident_id=self.id), COMPLIANCE).count
        except (Conflict, DecisionRefused):
            return 0

    def texts(self) -> list[Notice]:
        keys = self.desk.context.find(Notice, incident_id=self.id, text_of="")
        return many.texts_of([self.desk.context.load(Notice, key) for key in keys], "client", "initial")

    def open_text(self) -> Notice:
        text = many.open_text(self.texts())
        assert text is not None
        return text

    def addressed(self) -> list[str]:
        return [fact.subject for fact in self.desk.context.recorded(NoticeAddressed)]


@settings(deadline=None)
@for_all(steps=STEPS)
def test_each_client_is_told_once_in_whatever_order_things_happen(steps: list[str | int]) -> None:
    leak = Leak()
    for step in steps:
        if step == "run":
            leak.run()
        elif step == "approve":
            leak.approve()
        else:
            leak.name(int(step))
    for _ in range(3):
        leak.run()
        leak.approve()
    leak.run()
    assert Counter(leak.addressed()) == Counter(f"c-{n}" for n in range(leak.known))
    assert [key for key in leak.desk.context.intents if key.startswith("mail:")].__len__() == leak.known
    for fact in leak.desk.context.recorded(NoticeApproved):
        listed = leak.desk.context.load(Notice, fact.notice_id).listed
        assert (len(listed), list_hash(tuple(listed))) == (fact.addressees, fact.list_sha256)


def test_the_text_is_one_and_carries_the_client_where_it_says_so() -> None:
    leak = Leak()
    leak.name(2)
    leak.run()
    text = leak.open_text()
    assert (text.subject, text.to_many, len(leak.texts())) == ("", True, 1)
    fields = {**text.content["ru"], "clients": f"Ваш номер: {many.CLIENT}"}
    leak.desk.do(EditNotice(notice_id=text.id, language="ru", fields=fields), COMPLIANCE_2)
    leak.approve()
    leak.run()
    notice = leak.desk.context.load(Notice, many.client_notice_id(text, "c-2"))
    assert (notice.subject, notice.text_of, notice.state) == ("c-2", text.id, "approved")
    assert notice.content_hash == leak.desk.context.load(Notice, text.id).content_hash
    assert many.for_client(fields["clients"], "c-2") == "Ваш номер: c-2"


def test_who_edited_the_text_cannot_approve_it_for_anybody() -> None:
    leak = Leak()
    leak.run()
    text = leak.open_text()
    fields = {**text.content["ru"], "clients": "otherwise"}
    leak.desk.do(EditNotice(notice_id=text.id, language="ru", fields=fields), COMPLIANCE)
    assert leak.approve() == 0
    assert leak.addressed() == []


def test_whoever_saw_another_list_approves_nothing() -> None:
    leak = Leak()
    leak.run()
    text, seen = leak.open_text(), list_hash(("c-0",))
    leak.name(1)
    with pytest.raises(Conflict, match="the list of clients changed"):
        leak.desk.do(ApproveNotice(notice_id=text.id, list_sha256=seen), COMPLIANCE)
    leak.desk.do(ApproveNotice(notice_id=text.id, list_sha256=list_hash(("c-1", "c-0"))), COMPLIANCE)
    leak.run()
    assert sorted(leak.addressed()) == ["c-0", "c-1"]


def test_a_second_text_waits_until_the_first_one_is_addressed() -> None:
    leak = Leak()
    leak.run()
    leak.approve()
    leak.name(1)
    assert len(leak.texts()) == 1, "nobody has answered the approval yet"
    leak.run()
    first, second = sorted(leak.texts(), key=lambda it: it.approved_at is None)
    assert (tuple(first.listed), second.state) == (("c-0",), "draft")
    assert many.left_to_tell(("c-0", "c-1"), leak.texts(), "client") == ("c-1",)


def test_a_long_list_is_recorded_in_parts() -> None:
    leak = Leak()
    lines = "\n".join(f"x-{n}" for n in range(1_200))
    document = Attachment(data=lines.encode(), name="leak.csv", media_type="text/csv")
    command = NameClientList(incident_id=leak.id, document=document, reason="dump of the thief")
    assert leak.desk.do(command, ANALYST).count == 1_200
    assert leak.desk.do(command, ANALYST).count == 0, "the same list again names nobody twice"
    assert len(leak.desk.context.load(Incident, leak.id).entities.clients) == 1_201
    leak.run()
    leak.approve()
    leak.run()
    assert [len(fact.clients) for fact in leak.desk.context.recorded(NoticeListed)] == [500, 500, 201]
    assert len(set(leak.addressed())) == 1_201


def test_a_list_with_a_faulty_line_names_nobody() -> None:
    leak = Leak()
    document = Attachment(data=b"x-1\n" + b"y" * 101, name="leak.csv", media_type="text/csv")
    with pytest.raises(InputError, match=r"leak\.csv:2"):
        leak.desk.do(NameClientList(incident_id=leak.id, document=document, reason="r"), ANALYST)
    assert leak.desk.context.load(Incident, leak.id).entities.clients == ("c-0",)


@pytest.mark.parametrize(
    ("state", "reason", "why"),
    [
        ("refused", "numbers corrected", "no client at whom this text is refused"),
        ("sent", "once more", "what failed is one of"),
        ("bounced", " ", "no client at whom"),
    ],
)
def test_failures_are_sent_again_only_where_there_are_some(state: str, reason: str, why: str) -> None:
    leak = Leak()
    leak.run()
    text = leak.open_text()
    with pytest.raises(DecisionRefused, match="only an approved text"):
        leak.desk.do(ResendFailures(notice_id=text.id, state=state, reason=reason), COMPLIANCE)
    leak.approve()
    leak.run()
    with pytest.raises((DecisionRefused, InputError), match=why):
        leak.desk.do(ResendFailures(notice_id=text.id, state=state, reason=reason), COMPLIANCE)


def test_sending_failures_again_needs_a_reason() -> None:
    leak = Leak()
    leak.run()
    leak.approve()
    leak.run()
    text = next(it for it in leak.texts() if it.approved_at is not None)
    with pytest.raises(DecisionRefused, match="needs a reason"):
        delivering.resend_failures(text, "refused", " ", failed=1, by=COMPLIANCE, at=MONDAY)


def test_a_text_without_anybody_left_is_not_approved() -> None:
    leak = Leak()
    leak.run()
    with pytest.raises(DecisionRefused, match="no client left"):
        approving.approve(leak.open_text(), {}, by=COMPLIANCE, at=MONDAY, clients=())


def test_who_named_clients_approves_the_text_to_them_not() -> None:
    leak = Leak()
    leak.run()
    leak.desk.do(NameClients(incident_id=leak.id, clients=("c-9",), reason="the log shows him"), COMPLIANCE)
    with pytest.raises(SecondPersonNeeded, match="who named the clients"):
        leak.desk.do(ApproveNotice(notice_id=leak.open_text().id), COMPLIANCE)
    leak.desk.do(ApproveNotice(notice_id=leak.open_text().id), COMPLIANCE_2)
