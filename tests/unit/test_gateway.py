"""What a gateway reports, in any order and any number of times, comes to the same."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given as for_all
from hypothesis import strategies as st

from engine.notices.facts import NoticeAddressed, NoticeResendOrdered, NoticeSent
from engine.notices.gateway import SKEW, Status, reported
from engine.notices.notice import Notice
from tests.support import MONDAY

KEY = "6fd21d8a-1f0b-5d2e-9f7d-0f5b8a3f1c11"
APPROVED = MONDAY
NOW = MONDAY + timedelta(hours=20)


def addressed(kind: str = "client") -> Notice:
    notice = Notice()
    notice.apply(
        NoticeAddressed(
            at=APPROVED, notice_id=KEY, text_id=KEY, kind=kind, incident_id=KEY, subject="c-1", recipient="gateway@x",
            stage="initial", follows="", template_version="1", obligations=(), content_hash="0", approved_by="bolat",
            approved_at=APPROVED,
        )
    )  # fmt: skip
    return notice


def said(status: str, minute: int, attempt: int = 1) -> Status:
    return Status.model_validate(
        {"id": KEY, "status": status, "at": APPROVED + timedelta(minutes=minute), "attempt": attempt, "channel": "sms"}
    )


def taken(notice: Notice, reports: list[Status]) -> Notice:
    for report in reports:
        for fact in reported(notice, report, at=NOW, actor="client-gateway")[1]:
            notice.apply(fact)
    return notice


REPORTS = st.lists(
    st.builds(said, st.sampled_from(["accepted", "delivered", "failed"]), st.integers(0, 1_000)), max_size=8
)


@for_all(REPORTS.flatmap(lambda it: st.tuples(st.just(it), st.permutations(it + it))))
def test_the_latest_event_holds_in_whatever_order_it_is_reported(both: tuple[list[Status], list[Status]]) -> None:
    reports, shuffled = both
    ends = [it for it in reports if it.status != "accepted"]
    last = max(ends, key=lambda it: (it.at, it.status == "failed"), default=None)
    notice = taken(addressed(), shuffled)
    if last is None:
        assert notice.state == ("handed-over" if reports else "approved")
    else:
        assert (notice.state == "sent") == (last.status == "delivered")
        assert (notice.state in ("refused", "bounced")) == (last.status == "failed")
    told = [it.at for it in notice.deliveries.values() if it.state == "sent"]
    assert not told or told[0] in [it.at for it in ends]


@for_all(REPORTS)
def test_what_was_recorded_once_is_known_the_second_time(reports: list[Status]) -> None:
    notice = taken(addressed(), reports)
    version = notice.version
    assert taken(notice, sorted(reports, key=lambda it: it.at)).version == version


def test_a_late_failure_of_the_first_try_does_not_end_the_second() -> None:
    notice = taken(addressed(), [said("failed", 1)])
    notice.apply(
        NoticeResendOrdered(
            at=APPROVED + timedelta(minutes=5), actor="bolat", reason="again", notice_id=KEY, recipient="gateway@x",
            instead_of="gateway@x", attempt=2, repeat=False,
        )
    )  # fmt: skip
    assert reported(notice, said("failed", 3), at=NOW, actor="g")[1] == ()
    assert taken(notice, [said("delivered", 9, attempt=2)]).state == "sent"


def test_a_gateway_takes_nothing_back_that_a_person_did_by_hand() -> None:
    notice = addressed()
    notice.apply(
        NoticeSent(
            at=APPROVED, actor="bolat", notice_id=KEY, channel="by hand: courier", transport_ref="list 4",
            recipient="gateway@x", sent_at=APPROVED,
        )
    )  # fmt: skip
    assert reported(notice, said("failed", 30), at=NOW, actor="g")[0] == "known"


def test_a_clock_that_is_a_little_wrong_does_not_move_the_instant_outside() -> None:
    early = said("delivered", 0).model_copy(update={"at": APPROVED - SKEW})
    late = said("delivered", 0).model_copy(update={"at": NOW + SKEW})
    assert taken(addressed(), [early]).sent_at == APPROVED
    assert taken(addressed(), [late]).sent_at == NOW
    further = late.model_copy(update={"at": NOW + SKEW + timedelta(seconds=1)})
    assert reported(addressed(), further, at=NOW, actor="g")[0] == "wrong-instant"


def test_only_notices_to_clients_are_the_gateways() -> None:
    assert reported(addressed("regulator"), said("delivered", 1), at=NOW, actor="g")[0] == "not-to-a-client"
    assert reported(Notice(), said("delivered", 1), at=NOW, actor="g")[0] == "no-such-notice"


def resent(notice: Notice, minute: int) -> Notice:
    notice.apply(
        NoticeResendOrdered(
            at=APPROVED + timedelta(minutes=minute), actor="bolat", reason="again", notice_id=KEY,
            recipient="gateway@x", instead_of="gateway@x", attempt=2, repeat=False,
        )
    )  # fmt: skip
    return notice


def test_a_report_of_the_first_try_does_not_revive_what_came_back_once_another_is_ordered() -> None:
    notice = taken(addressed(), [said("delivered", 1), said("failed", 10)])
    assert notice.state == "bounced"
    again = resent(notice, 20)
    assert reported(again, said("delivered", 1), at=NOW, actor="g") == ("older", ())
    assert reported(again, said("delivered", 15, attempt=2), at=NOW, actor="g") == (
        "recorded",
        reported(again, said("delivered", 15, attempt=2), at=NOW, actor="g")[1],
    )  # five minutes before its order: as far as two clocks may be apart
    assert reported(again, said("delivered", 14, attempt=2), at=NOW, actor="g")[0] == "wrong-instant"


def test_a_try_that_was_never_made_cannot_have_been_delivered() -> None:
    assert reported(addressed(), said("delivered", 1, attempt=2), at=NOW, actor="g")[0] == "no-such-attempt"
    assert reported(addressed(), said("delivered", 1), at=NOW, actor="g", given=False)[0] == "not-handed-over"


def test_clocks_that_are_minutes_apart_do_not_turn_the_order_round() -> None:
    ahead = [said("delivered", 4), said("failed", 5)]
    notice = addressed()
    for fact in reported(notice, ahead[0], at=APPROVED, actor="g")[1]:
        notice.apply(fact)
    for report in (ahead[1], ahead[0]):
        for fact in reported(notice, report, at=APPROVED + timedelta(minutes=1), actor="g")[1]:
            notice.apply(fact)
    assert notice.state == "bounced"
    behind = taken(addressed(), [said("delivered", -3), said("failed", -1)])
    assert behind.state == "bounced"
