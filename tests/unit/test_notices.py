"""A notice: drafted, edited, reviewed, approved by a second person, sent, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from engine.incidents.incident import Incident
from engine.incidents.involved import Involved
from engine.kernel.errors import InputError, QorgauError
from engine.kernel.facts import Fact, Person
from engine.notices import approving, delivering
from engine.notices import notice as notices
from engine.notices.facts import (
    FACTS,
    NoticeAddressProposed,
    NoticeApproved,
    NoticeArrivalClaimed,
    NoticeBounced,
    NoticeDrafted,
    NoticeEdited,
    NoticeReceipted,
    NoticeRedrafted,
    NoticeRefused,
    NoticeResendOrdered,
    NoticeReturned,
    NoticeSent,
    NoticeSubmitted,
    NoticeUnknown,
    NoticeWithdrawn,
)
from engine.notices.kinds import notice_kinds
from engine.notices.notice import Notice, content_hash, notice_id, recipients
from engine.permissions.permission import Side
from tests.past import CONTENT, NOW, approved, drafted, submitted
from tests.spec import Like, fold, given
from tests.support import ANALYST, AUDITOR, CISO, COMPLIANCE, COMPLIANCE_2, FRAUD, MONDAY

TO = "info@afm.example"
BOTH = "info@afm.example, copy@afm.example"
COPY = "copy@afm.example"


def sent(to: str = TO, at: Any = NOW) -> NoticeSent:
    return NoticeSent(at=at, notice_id="n-1", channel="smtp", transport_ref=f"<{to}>", recipient=to, sent_at=at)


def refused(to: str = TO, channel: str = "smtp") -> NoticeRefused:
    return NoticeRefused(at=NOW, notice_id="n-1", channel=channel, answer="550 no", recipient=to)


def unknown(to: str = TO) -> NoticeUnknown:
    return NoticeUnknown(at=NOW, notice_id="n-1", channel="smtp", detail="lost", recipient=to)


def claimed(channel: str, reference: str, to: str = TO, at: Any = NOW, by: Person = COMPLIANCE) -> NoticeArrivalClaimed:
    return NoticeArrivalClaimed(
        at=at, actor=by.id, notice_id="n-1", recipient=to, channel=channel, reference=reference, handed_at=at,
        roles=by.held_roles,
    )  # fmt: skip


def bounced(to: str = TO) -> NoticeBounced:
    return NoticeBounced(at=NOW, notice_id="n-1", recipient=to, status="5.1.1", detail="no such user")


def edited(by: str) -> NoticeEdited:
    return NoticeEdited(at=MONDAY, actor=by, notice_id="n-1", language="ru", fields={**CONTENT["ru"], "body": "Иначе"})


WITHDRAWN = NoticeWithdrawn(at=MONDAY, actor="bolat", reason="x", notice_id="n-1")
RETURNED = NoticeReturned(at=MONDAY, actor="dana", reason="shorter", notice_id="n-1")


@pytest.mark.parametrize(
    ("past", "state"),
    [
        ((), "none"),
        ((drafted(),), "draft"),
        ((drafted(), submitted()), "review"),
        ((drafted(), submitted(), RETURNED), "draft"),
        ((drafted(), WITHDRAWN), "withdrawn"),
        ((drafted(), approved()), "approved"),
        ((drafted(), approved(), sent()), "sent"),
        ((drafted(), approved(), refused()), "refused"),
        ((drafted(), approved(), unknown()), "unknown"),
        ((drafted(), approved(), sent(), bounced()), "bounced"),
        ((drafted(recipient=BOTH), approved(), sent()), "approved"),
        ((drafted(recipient=BOTH), approved(), sent(), sent(COPY)), "sent"),
        ((drafted(recipient=BOTH), approved(), sent(), unknown(COPY)), "unknown"),
        ((drafted(recipient=BOTH), approved(), refused(), bounced(COPY)), "bounced"),
        ((drafted(), WITHDRAWN, drafted()), "draft"),
    ],
)
def test_the_state_is_the_worst_of_its_recipients(past: tuple[Fact, ...], state: str) -> None:
    assert fold(Notice, *past).state == state


def test_a_notice_is_sent_when_the_last_recipient_took_it() -> None:
    later = NOW + timedelta(hours=1)
    state = fold(Notice, drafted(recipient=BOTH), approved(), sent(COPY, later), sent(TO, NOW))
    assert state.sent_at == later
    assert state.transport_ref == f"<{TO}>; <{COPY}>"


def test_a_notice_that_one_recipient_lacks_was_not_sent() -> None:
    state = fold(Notice, drafted(recipient=BOTH), approved(), sent())
    assert (state.sent_at, state.transport_ref) == (None, f"<{TO}>")
    assert fold(Notice, drafted(), approved()).transport_ref is None


def test_a_fact_of_an_earlier_version_means_the_only_recipient() -> None:
    state = fold(Notice, drafted(), approved(), refused(to=""))
    assert [(it.recipient, it.state) for it in state.deliveries.values()] == [(TO, "refused")]
    assert fold(Notice, drafted(), sent(to="")).deliveries[TO].state == "sent"


def test_every_text_is_kept_with_who_wrote_it() -> None:
    anew = NoticeRedrafted(at=NOW, notice_id="n-1", content={"ru": {"title": "a"}}, template_version="t-2")
    state = fold(Notice, drafted(), edited("aigul"), anew)
    assert [(it.number, it.actor) for it in state.versions] == [(1, "qorgau"), (2, "aigul"), (3, "qorgau")]
    assert state.versions[1].content["ru"]["body"] == "Иначе"
    assert (state.content, state.template_version) == ({"ru": {"title": "a"}}, "t-2")


def test_a_text_made_anew_without_a_template_keeps_the_template() -> None:
    anew = NoticeRedrafted(at=NOW, notice_id="n-1", content={})
    assert fold(Notice, drafted(template_version="t-1"), anew).template_version == "t-1"


@pytest.mark.parametrize(
    ("text", "found"),
    [("", ()), (" , ", ()), ("a@x", ("a@x",)), ("a@x, b@x,a@x", ("a@x", "b@x"))],
)
def test_recipients_are_separated_by_commas_and_stand_once(text: str, found: tuple[str, ...]) -> None:
    assert recipients(text) == found


def test_a_notice_has_one_id_for_each_kind_incident_subject_stage_and_number() -> None:
    made = [
        notice_id("client", "i-1", "c-1"), notice_id("client", "i-1", "c-2"), notice_id("client", "i-2", "c-1"),
        notice_id("regulator", "i-1", "c-1"), notice_id("client", "i-1", "c-1", "follow_up"),
        notice_id("client", "i-1", "c-1", "follow_up", 1), notice_id("client", "i-1", "c-1", number=1),
    ]  # fmt: skip
    assert len(set(made)) == len(made)
    assert notice_id("client", "i-1", "c-1", "initial", 0) == made[0]


@for_all(st.dictionaries(st.sampled_from(["ru", "kk", "en"]), st.dictionaries(st.text(max_size=4), st.text())))
def test_the_hash_is_that_of_the_text_and_not_of_its_order(content: dict[str, dict[str, str]]) -> None:
    turned = {key: dict(reversed(fields.items())) for key, fields in reversed(content.items())}
    assert content_hash(content) == content_hash(turned)
    assert content_hash({**content, "xx": {"a": "b"}}) != content_hash(content)


@pytest.mark.parametrize("by", [ANALYST, COMPLIANCE, CISO])
def test_a_person_edits_one_language_and_is_remembered(by: Person) -> None:
    after = given(Notice, drafted()).when(notices.edit, "ru", {"body": "Иначе"}, by=by, at=NOW).then(
        Like(NoticeEdited, language="ru", fields={"title": "Инцидент", "body": "Иначе"})
    )  # fmt: skip
    assert after.editors == {by.id}
    assert after.content["kk"] == CONTENT["kk"]


def test_editing_a_text_under_review_takes_it_back() -> None:
    after = given(Notice, drafted(), submitted()).when(
        notices.edit, "ru", {"body": "Иначе"}, by=COMPLIANCE, at=NOW
    ).then(Like(NoticeReturned, reason="the text was changed"), Like(NoticeEdited))  # fmt: skip
    assert after.state == "draft"


def test_writing_the_same_changes_nothing() -> None:
    given(Notice, drafted(), submitted()).when(notices.edit, "ru", CONTENT["ru"], by=ANALYST, at=NOW).nothing()


@pytest.mark.parametrize(
    ("past", "language", "fields", "by", "why"),
    [
        ((drafted(),), "ru", {"body": "x"}, FRAUD, "decision.not-allowed"),
        ((drafted(),), "en", {"body": "x"}, ANALYST, "no text in 'en'"),
        ((drafted(),), "ru", {"secret": "x"}, ANALYST, "no fields ['secret']"),
        ((drafted(),), "ru", {"body": "x" * 20_001}, ANALYST, "at most 20000"),
        ((drafted(), approved()), "ru", {"body": "x"}, ANALYST, "is approved cannot be edited"),
        ((drafted(), WITHDRAWN), "ru", {"body": "x"}, ANALYST, "is withdrawn cannot be edited"),
    ],
)
def test_an_edit_that_is_refused(past: Any, language: str, fields: dict[str, str], by: Person, why: str) -> None:
    given(Notice, *past).when(notices.edit, language, fields, by=by, at=NOW).refused(why)


def test_a_text_is_submitted_once_for_review() -> None:
    after = given(Notice, drafted()).when(notices.submit, by=ANALYST, at=NOW).then(Like(NoticeSubmitted))
    assert (after.state, after.submitted_by) == ("review", "aigul")
    given(Notice, drafted(), submitted()).when(notices.submit, by=ANALYST, at=NOW).refused("that is review")
    given(Notice, drafted()).when(notices.submit, by=AUDITOR, at=NOW).refused("decision.not-allowed")


def test_a_second_person_gives_a_text_back_with_a_remark() -> None:
    after = given(Notice, drafted(), submitted()).when(notices.give_back, "shorter", by=CISO, at=NOW).then(
        Like(NoticeReturned, reason="shorter")
    )  # fmt: skip
    assert (after.state, after.remark) == ("draft", ("gulnar", "shorter"))


def test_submitting_again_answers_the_remark() -> None:
    assert fold(Notice, drafted(), submitted(), RETURNED).remark == ("dana", "shorter")
    assert fold(Notice, drafted(), submitted(), RETURNED, submitted()).remark is None


@pytest.mark.parametrize(
    ("past", "remark", "by", "why"),
    [
        ((drafted(), submitted()), "x", ANALYST, "decision.not-allowed"),
        ((drafted(),), "x", COMPLIANCE, "is not under review"),
        ((drafted(), submitted("bolat")), "x", COMPLIANCE, "decision.second-person"),
        ((drafted(), submitted()), " ", COMPLIANCE, "1 to 2000 characters"),
        ((drafted(), submitted()), "x" * 2_001, COMPLIANCE, "1 to 2000 characters"),
    ],
)
def test_a_text_is_not_given_back_so(past: Any, remark: str, by: Person, why: str) -> None:
    given(Notice, *past).when(notices.give_back, remark, by=by, at=NOW).refused(why)


@pytest.mark.parametrize("past", [(drafted(),), (drafted(), submitted()), (drafted(), edited("aigul"))])
def test_approval_freezes_the_text_under_its_hash(past: tuple[Fact, ...]) -> None:
    text = content_hash(fold(Notice, *past).content)
    after = given(Notice, *past).when(approving.approve, {Side.ASSIGNEE: {"aigul"}}, by=COMPLIANCE, at=NOW).then(
        Like(NoticeApproved, content_hash=text)
    )  # fmt: skip
    assert (after.approved_by, after.approved_at, after.content_hash) == ("bolat", NOW, text)
    assert [(it.recipient, it.state) for it in after.deliveries.values()] == [(TO, "waiting")]


@pytest.mark.parametrize(
    ("past", "assignee"),
    [
        pytest.param((drafted(),), "bolat", id="assignee"),
        pytest.param((drafted(), edited("bolat")), None, id="editor"),
        pytest.param((drafted(), edited("bolat"), edited("dana")), None, id="earlier-editor"),
        pytest.param((drafted(), submitted("bolat")), None, id="submitter"),
        pytest.param((drafted(), submitted("bolat"), RETURNED), None, id="earlier-submitter"),
        pytest.param((drafted(actor="bolat"),), None, id="drafter"),
        pytest.param((drafted(actor="bolat"), WITHDRAWN, drafted()), None, id="drafter-of-one-withdrawn"),
    ],
)
def test_who_had_a_hand_in_it_does_not_approve(past: tuple[Fact, ...], assignee: str | None) -> None:
    incident = Incident(involved=Involved(assigned={assignee} if assignee else set()))
    where = approving.stood(fold(Notice, *past), incident, lambda key: Incident())
    given(Notice, *past).when(approving.approve, where, by=COMPLIANCE, at=NOW).refused("decision.second-person")


def test_another_compliance_officer_approves_what_the_first_edited() -> None:
    given(Notice, drafted(), edited("bolat")).when(approving.approve, {}, by=COMPLIANCE_2, at=NOW).then(
        Like(NoticeApproved, actor="dana")
    )


@pytest.mark.parametrize(
    ("past", "by", "why"),
    [
        ((drafted(),), CISO, "decision.not-allowed"),
        ((drafted(), approved()), COMPLIANCE, "is approved cannot be approved"),
        ((drafted(recipient=" "),), COMPLIANCE, "has no recipient"),
        ((drafted(content={"ru": {"a": " ", "b": "", "c": "x"}}),), COMPLIANCE, "empty fields: a, b"),
        ((), COMPLIANCE, "that is none"),
    ],
)
def test_an_approval_that_is_refused(past: Any, by: Person, why: str) -> None:
    given(Notice, *past).when(approving.approve, {}, by=by, at=NOW).refused(why)


def test_a_notice_with_an_empty_field_is_not_submitted() -> None:
    given(Notice, drafted(content={"ru": {"a": ""}})).when(notices.submit, by=ANALYST, at=NOW).refused("empty fields")


@pytest.mark.parametrize("kind", notice_kinds())
@pytest.mark.parametrize("stage", ["initial", "follow_up", "final"])
def test_only_a_notice_that_no_clock_waits_for_is_withdrawn(kind: Any, stage: Any) -> None:
    outcome = given(Notice, drafted(kind=kind, stage=stage)).when(notices.withdraw, "no need", by=COMPLIANCE, at=NOW)
    if notice_kinds()[kind].clock is not None and stage == "initial":
        outcome.refused("the law asks for this notice")
    else:
        assert outcome.then(Like(NoticeWithdrawn, reason="no need")).state == "withdrawn"


def test_withdrawing_needs_a_role_a_reason_and_a_draft() -> None:
    draft = drafted(kind="stakeholder")
    given(Notice, draft).when(notices.withdraw, "x", by=ANALYST, at=NOW).refused("decision.not-allowed")
    given(Notice, draft).when(notices.withdraw, " ", by=CISO, at=NOW).refused("needs a reason")
    given(Notice, draft, approved()).when(notices.withdraw, "x", by=CISO, at=NOW).refused("cannot be withdrawn")


DOUBT = (drafted(recipient=BOTH), approved(), unknown(), sent(COPY))


def test_a_person_settles_that_a_doubtful_notice_arrived() -> None:
    asked = given(Notice, *DOUBT).when(delivering.settle_unknown, True, "they called", by=COMPLIANCE, at=NOW).then(
        Like(NoticeArrivalClaimed, channel="confirmed-by-person", recipient=TO, handed_at=NOW, reason="they called")
    )  # fmt: skip
    assert asked.state == "unknown", "one person's word ends no doubt"
    again = given(Notice, *DOUBT, claimed("confirmed-by-person", "they called"))
    later = NOW + timedelta(hours=1)
    again.when(delivering.settle_unknown, True, "asked too", by=COMPLIANCE, at=later).refused("decision.second-person")
    after = again.when(delivering.settle_unknown, True, "asked too", by=CISO, at=later).then(
        Like(NoticeSent, channel="confirmed-by-person", recipient=TO, sent_at=NOW, claimed_by="bolat")
    )  # fmt: skip
    assert after.state == "sent"


def test_a_person_settles_that_a_doubtful_notice_did_not_arrive() -> None:
    after = given(Notice, *DOUBT).when(
        delivering.settle_unknown, False, "they have none", by=COMPLIANCE, at=NOW, recipient=TO
    ).then(Like(NoticeRefused, recipient=TO, answer="they have none"))  # fmt: skip
    assert after.state == "refused"


@pytest.mark.parametrize(
    ("past", "evidence", "by", "to", "why"),
    [
        (DOUBT, "x", ANALYST, None, "decision.not-allowed"),
        (DOUBT, " ", COMPLIANCE, None, "own words"),
        (DOUBT, "x", COMPLIANCE, COPY, "only a notice in the state unknown"),
        ((drafted(), approved(), sent()), "x", COMPLIANCE, None, "only a notice in the state unknown"),
    ],
)
def test_only_doubt_is_settled(past: Any, evidence: str, by: Person, to: str | None, why: str) -> None:
    given(Notice, *past).when(delivering.settle_unknown, True, evidence, by=by, at=NOW, recipient=to).refused(why)


def test_an_approved_notice_is_handed_over_another_way() -> None:
    handed = NOW - timedelta(hours=1)
    asked = given(Notice, drafted(), approved(), refused()).when(
        delivering.hand_over, " courier ", " KZ-7 ", handed, by=COMPLIANCE, at=NOW
    ).then(
        Like(NoticeArrivalClaimed, channel="by hand: courier", reference="KZ-7", recipient=TO, handed_at=handed)
    )  # fmt: skip
    assert asked.state == "refused", "one person's word ends no term"
    again = given(Notice, drafted(), approved(), refused(), claimed("by hand: courier", "KZ-7", at=handed))
    said: Any = (delivering.hand_over, "courier", "KZ-7", NOW)
    again.when(*said, by=COMPLIANCE, at=NOW).refused("decision.second-person")
    after = again.when(*said, by=CISO, at=NOW).then(
        Like(NoticeSent, channel="by hand: courier", transport_ref="KZ-7", sent_at=handed, claimed_by="bolat")
    )  # fmt: skip
    assert (after.state, after.sent_at) == ("sent", handed)


def test_of_the_two_who_say_that_it_was_handed_over_one_is_a_compliance_officer() -> None:
    state = given(Notice, *READY, claimed("by hand: courier", "KZ-7", by=CISO))
    other = Person(id="head", roles=CISO.roles)
    state.when(delivering.hand_over, "courier", "KZ-7", NOW, by=other, at=NOW).refused("one of the two must hold")


def test_another_reference_is_another_claim() -> None:
    state = given(Notice, *READY, claimed("by hand: courier", "KZ-7"))
    state.when(delivering.hand_over, "courier", "KZ-8", NOW, by=COMPLIANCE_2, at=NOW).then(
        Like(NoticeArrivalClaimed, reference="KZ-8", actor="dana")
    )


def test_a_notice_for_several_is_handed_over_to_each() -> None:
    past = (drafted(recipient=BOTH), approved(), sent())
    given(Notice, *past).when(delivering.hand_over, "portal", "7", NOW, by=COMPLIANCE, at=NOW).then(
        Like(NoticeArrivalClaimed, recipient=COPY)
    )
    given(Notice, *past).when(delivering.hand_over, "portal", "7", NOW, by=COMPLIANCE, at=NOW, recipient=TO).refused(
        "handed over already"
    )


READY = (drafted(), approved(MONDAY))


@pytest.mark.parametrize(
    ("past", "channel", "reference", "handed", "by", "why"),
    [
        (READY, "portal", "7", NOW, ANALYST, "decision.not-allowed"),
        ((drafted(),), "portal", "7", NOW, COMPLIANCE, "only an approved notice"),
        ((drafted(), approved(), WITHDRAWN), "portal", "7", NOW, COMPLIANCE, "only an approved notice"),
        ((*READY, sent()), "portal", "7", NOW, COMPLIANCE, "handed over already"),
        (READY, " ", "7", NOW, COMPLIANCE, "name the channel"),
        (READY, "portal", "", NOW, COMPLIANCE, "name the channel"),
        (READY, "p" * 101, "7", NOW, COMPLIANCE, "name the channel"),
        (READY, "portal", "7" * 201, NOW, COMPLIANCE, "name the channel"),
        (READY, "portal", "7", NOW + timedelta(seconds=1), COMPLIANCE, "between its approval and now"),
        (READY, "portal", "7", MONDAY - timedelta(seconds=1), COMPLIANCE, "between its approval and now"),
    ],
)
def test_a_handing_over_that_is_refused(
    past: Any, channel: str, reference: str, handed: Any, by: Person, why: str
) -> None:
    given(Notice, *past).when(delivering.hand_over, channel, reference, handed, by=by, at=NOW).refused(why)


@pytest.mark.parametrize(
    ("failed", "repeat"), [(refused(), False), (bounced(), False), (refused(channel="confirmed-by-person"), True)]
)
def test_what_failed_is_sent_to_another_address_when_a_second_person_approves_it(failed: Fact, repeat: bool) -> None:
    asked = given(Notice, *READY, failed).when(
        delivering.resend, " new@afm.example ", TO, "typing error", by=COMPLIANCE, at=NOW
    ).then(
        Like(NoticeAddressProposed, recipient="new@afm.example", instead_of=TO, reason="typing error")
    )  # fmt: skip
    assert list(asked.deliveries) == [TO], "nothing goes to an address that one person named"
    named = NoticeAddressProposed(
        at=NOW, actor="bolat", reason="typing error", notice_id="n-1", recipient="new@afm.example", instead_of=TO,
        roles=("compliance_officer",),
    )  # fmt: skip
    again = given(Notice, *READY, failed, named)
    again.when(delivering.decide_address, TO, True, "", by=COMPLIANCE, at=NOW).refused("decision.second-person")
    again.when(delivering.decide_address, TO, True, "", by=ANALYST, at=NOW).refused("decision.not-allowed")
    seen = again.when(delivering.decide_address, TO, True, "", seen="other@afm.example", by=CISO, at=NOW)
    seen.refused("conflict")
    after = again.when(delivering.decide_address, TO, True, "", by=CISO, at=NOW, seen="new@afm.example").then(
        Like(
            NoticeResendOrdered, recipient="new@afm.example", instead_of=TO, attempt=2, repeat=repeat,
            reason="typing error", named_by="bolat",
        )
    )  # fmt: skip
    assert [(it.recipient, it.state, it.attempt) for it in after.deliveries.values()] == [
        ("new@afm.example", "waiting", 2)
    ]


def test_what_may_be_a_copy_stays_one_at_the_next_try() -> None:
    again = NoticeResendOrdered(at=NOW, notice_id="n-1", recipient=TO, instead_of=TO, attempt=2, repeat=True)
    given(Notice, *READY, again, refused()).when(delivering.resend, TO, TO, "x", by=COMPLIANCE, at=NOW).then(
        Like(NoticeResendOrdered, attempt=3, repeat=True)
    )


@pytest.mark.parametrize(
    ("past", "instead", "reason", "by", "why"),
    [
        ((*READY, refused()), TO, "x", CISO, "decision.not-allowed"),
        ((*READY, refused()), TO, " ", COMPLIANCE, "needs a reason"),
        ((*READY, refused()), COPY, "x", COMPLIANCE, "only what was refused or came back"),
        ((*READY, unknown()), TO, "x", COMPLIANCE, "settle what is unknown first"),
        ((*READY, sent()), TO, "x", COMPLIANCE, "only what was refused"),
        (READY, TO, "x", COMPLIANCE, "only what was refused"),
    ],
)
def test_what_did_not_fail_is_not_sent_again(past: Any, instead: str, reason: str, by: Person, why: str) -> None:
    given(Notice, *past).when(delivering.resend, TO, instead, reason, by=by, at=NOW).refused(why)


def test_a_notice_that_came_back_was_not_sent() -> None:
    after = given(Notice, *READY, sent()).when(
        delivering.bounce, TO, "5" * 50, "d" * 400, at=NOW, actor="bounces"
    ).then(Like(NoticeBounced, recipient=TO, status="5" * 40, detail="d" * 300))  # fmt: skip
    assert (after.state, after.sent_at) == ("bounced", None)


def test_a_bounce_that_names_nobody_means_the_only_recipient() -> None:
    given(Notice, *READY, sent()).when(delivering.bounce, "", "5.1.1", "", at=NOW, actor="b").then(
        Like(NoticeBounced, recipient=TO)
    )
    past = (drafted(recipient=BOTH), approved(), sent(), sent(COPY))
    given(Notice, *past).when(delivering.bounce, "", "5.1.1", "", at=NOW, actor="b").nothing()


def test_a_notice_comes_back_once() -> None:
    given(Notice, *READY, bounced()).when(delivering.bounce, TO, "5.1.1", "", at=NOW, actor="b").nothing()


DAY = date(2026, 11, 23)


def test_a_receipt_is_kept_with_its_reference_and_day() -> None:
    after = given(Notice, *READY, sent()).when(delivering.receipt, " A-7 ", DAY, "d-1", by=ANALYST, at=NOW).then(
        Like(NoticeReceipted, recipient=TO, reference="A-7", received_on=DAY, document_id="d-1")
    )  # fmt: skip
    assert after.deliveries[TO].receipt == "A-7, 2026-11-23"
    assert after.state == "sent"


def test_the_same_receipt_again_changes_nothing() -> None:
    kept = NoticeReceipted(at=NOW, notice_id="n-1", recipient=TO, reference="A-7", received_on=DAY)
    given(Notice, *READY, sent(), kept).when(delivering.receipt, "A-7", DAY, "", by=CISO, at=NOW).nothing()
    given(Notice, *READY, sent(), kept).when(delivering.receipt, "A-8", DAY, "", by=CISO, at=NOW).then(
        Like(NoticeReceipted, reference="A-8")
    )


@pytest.mark.parametrize(
    ("past", "reference", "day", "by", "to", "why"),
    [
        ((*READY, sent()), "A", DAY, FRAUD, None, "decision.not-allowed"),
        (READY, "A", DAY, ANALYST, None, "only a notice that was handed over"),
        ((*READY, sent()), "A", DAY, ANALYST, COPY, "only a notice that was handed over"),
        ((*READY, sent()), " ", DAY, ANALYST, None, "the recipient's reference"),
        ((*READY, sent()), "A" * 201, DAY, ANALYST, None, "the recipient's reference"),
        ((*READY, sent()), "A", DAY + timedelta(days=1), ANALYST, None, "cannot be of the future"),
    ],
)
def test_a_receipt_that_is_refused(past: Any, reference: str, day: date, by: Person, to: str | None, why: str) -> None:
    given(Notice, *past).when(delivering.receipt, reference, day, "", by=by, at=NOW, recipient=to).refused(why)


def test_every_kind_of_fact_has_a_name_of_its_own() -> None:
    assert len({kind.topic for kind in FACTS}) == len(FACTS) == 23


def approve(notice: Notice, assignee: str | None, *, by: Person, at: Any) -> Sequence[Fact]:
    """Approve a notice of an incident that was once given to somebody."""
    incident = Incident(involved=Involved(assigned={assignee} if assignee else set()))
    return approving.approve(notice, approving.stood(notice, incident, lambda key: Incident()), by=by, at=at)


PEOPLE = st.sampled_from([ANALYST, COMPLIANCE, COMPLIANCE_2, CISO, AUDITOR])
ACTS = st.one_of(
    st.tuples(st.just(notices.edit), st.tuples(st.just("ru"), st.builds(lambda x: {"body": x}, st.sampled_from("ab")))),
    st.tuples(st.just(notices.submit), st.just(())),
    st.tuples(st.just(notices.give_back), st.tuples(st.sampled_from(["", "no"]))),
    st.tuples(st.just(approve), st.tuples(st.sampled_from([None, "bolat", "aigul"]))),
    st.tuples(st.just(delivering.hand_over), st.tuples(st.just("portal"), st.just("7"), st.just(NOW))),
    st.tuples(st.just(delivering.settle_unknown), st.tuples(st.booleans(), st.just("x"))),
    st.tuples(st.just(delivering.resend), st.tuples(st.just(TO), st.just(TO), st.just("x"))),
    st.tuples(st.just(notices.withdraw), st.tuples(st.just("x"))),
)


@for_all(st.lists(st.tuples(ACTS, PEOPLE), max_size=20), st.lists(st.sampled_from([sent(), unknown(), bounced()])))
def test_what_is_sent_is_what_a_second_person_approved(acts: list[Any], fate: list[Fact]) -> None:
    facts: list[Fact] = [drafted(kind="afc")]
    state = fold(Notice, *facts)
    for (decider, words), by in acts:
        try:
            decided = list(decider(state, *words, by=by, at=NOW))
        except QorgauError:
            decided = []
        decided += [fate.pop()] if state.state == "approved" and fate else []
        for fact in decided:
            if isinstance(fact, NoticeApproved):
                assert fact.actor not in {*state.editors, state.submitted_by}
            state.apply(fact)
        facts += decided
        if state.approved_at is not None:
            assert content_hash(state.content) == state.content_hash
    assert fold(Notice, *facts) == state


def test_a_notice_is_an_input_error_only_where_a_field_is_wrong() -> None:
    outcome = given(Notice, *READY).when(
        delivering.hand_over, "portal", "7", NOW + timedelta(days=1), by=COMPLIANCE, at=NOW
    )
    outcome.refused("field 'handed_at'", InputError)


def test_drafting_again_after_withdrawal_begins_with_the_new_text() -> None:
    again: NoticeDrafted = drafted(content={"ru": {"title": "x"}})
    assert fold(Notice, drafted(), WITHDRAWN, again).content == {"ru": {"title": "x"}}


@pytest.mark.parametrize("handed", [MONDAY, NOW], ids=["at-approval", "now"])
def test_a_notice_may_be_handed_over_at_the_very_instant_of_its_approval_and_until_now(handed: Any) -> None:
    given(Notice, *READY).when(delivering.hand_over, "portal", "7", handed, by=COMPLIANCE, at=NOW).then(
        Like(NoticeArrivalClaimed, handed_at=handed)
    )
