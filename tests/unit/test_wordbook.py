"""The organisation's own wording: proposed by one, in force by another, back at once by anybody of the two."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from engine.kernel.facts import Person
from engine.notices import wording as wordbook
from engine.notices.wording import (
    FACTS,
    LONGEST,
    TemplateActivated,
    TemplateLife,
    TemplateProposed,
    TemplateRejected,
    TemplateRolledBack,
    template_id,
    version_of,
)
from tests.past import NOW
from tests.spec import Like, fold, given
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, MONDAY

FIELDS = {"title": "Инцидент", "body": "{{ number }}"}
OTHER = {"title": "Иначе"}
KEY = template_id("client", "ru")


def proposed(fields: dict[str, str] = FIELDS, by: str = "bolat") -> TemplateProposed:
    return TemplateProposed(
        at=MONDAY, actor=by, template_id=KEY, kind="client", language="ru", template_version=version_of(fields),
        fields=fields,
    )  # fmt: skip


def active(fields: dict[str, str] = FIELDS) -> TemplateActivated:
    return TemplateActivated(at=MONDAY, actor="dana", template_id=KEY, template_version=version_of(fields))


BACK = TemplateRolledBack(at=MONDAY, actor="dana", template_id=KEY, template_version="")


def test_a_wording_waits_for_a_second_person() -> None:
    after = given(TemplateLife).when(
        wordbook.propose, "client", "ru", FIELDS, "clearer", by=COMPLIANCE, at=NOW
    ).then(
        Like(
            TemplateProposed, template_id=KEY, kind="client", language="ru", fields=FIELDS,
            template_version=version_of(FIELDS), reason="clearer",
        )
    )  # fmt: skip
    assert (after.waiting, after.in_force, after.fields) == (version_of(FIELDS), "", {})


@pytest.mark.parametrize("past", [(proposed(),), (proposed(), active())], ids=["waiting", "in-force"])
def test_the_same_wording_again_changes_nothing(past: Any) -> None:
    given(TemplateLife, *past).when(wordbook.propose, "client", "ru", FIELDS, "x", by=CISO, at=NOW).nothing()


@pytest.mark.parametrize(
    ("language", "fields", "reason", "by", "why"),
    [
        ("ru", FIELDS, "x", ANALYST, "decision.not-allowed"),
        ("de", FIELDS, "x", CISO, "a language is one of kk, ru, en"),
        ("ru", {}, "x", CISO, "every field"),
        ("ru", {"title": " "}, "x", CISO, "every field"),
        ("ru", {"title": "x" * (LONGEST + 1)}, "x", CISO, "every field"),
        ("ru", FIELDS, " ", CISO, "needs a reason"),
    ],
)
def test_a_wording_is_refused(language: str, fields: dict[str, str], reason: str, by: Person, why: str) -> None:
    given(TemplateLife).when(wordbook.propose, "client", language, fields, reason, by=by, at=NOW).refused(why)


def test_a_second_person_puts_it_in_force() -> None:
    after = given(TemplateLife, proposed()).when(wordbook.decide, True, "", by=COMPLIANCE_2, at=NOW).then(
        Like(TemplateActivated, template_version=version_of(FIELDS), actor="dana")
    )  # fmt: skip
    assert (after.waiting, after.fields, after.before) == ("", FIELDS, [""])


def test_a_second_person_refuses_it_with_a_reason() -> None:
    past = given(TemplateLife, proposed())
    after = past.when(wordbook.decide, False, "too long", by=COMPLIANCE_2, at=NOW).then(
        Like(TemplateRejected, reason="too long")
    )
    assert (after.waiting, after.in_force) == ("", "")
    past.when(wordbook.decide, False, " ", by=COMPLIANCE_2, at=NOW).refused("refusing a wording needs a reason")


@pytest.mark.parametrize("agreed", [True, False])
def test_who_wrote_a_wording_does_not_decide_on_it(agreed: bool) -> None:
    given(TemplateLife, proposed()).when(wordbook.decide, agreed, "x", by=COMPLIANCE, at=NOW).refused(
        "decision.second-person"
    )


def test_a_decision_needs_a_role_and_a_wording_that_waits() -> None:
    given(TemplateLife, proposed()).when(wordbook.decide, True, "x", by=ANALYST, at=NOW).refused("decision.not-allowed")
    given(TemplateLife).when(wordbook.decide, True, "x", by=CISO, at=NOW).refused("no wording waits")


def test_one_person_goes_back_to_the_wording_before() -> None:
    past = (proposed(), active(), proposed(OTHER), active(OTHER))
    after = given(TemplateLife, *past).when(wordbook.roll_back, "a mistake", by=COMPLIANCE, at=NOW).then(
        Like(TemplateRolledBack, template_version=version_of(FIELDS), reason="a mistake")
    )  # fmt: skip
    assert after.fields == FIELDS
    again = given(TemplateLife, *past, *after_facts(past)).when(wordbook.roll_back, "x", by=CISO, at=NOW)
    assert again.then(Like(TemplateRolledBack, template_version="")).fields == {}


def after_facts(past: Any) -> Any:
    return wordbook.roll_back(fold(TemplateLife, *past), "x", by=CISO, at=NOW)


def test_going_back_needs_a_role_a_reason_and_an_own_wording() -> None:
    past = given(TemplateLife, proposed(), active())
    past.when(wordbook.roll_back, "x", by=ANALYST, at=NOW).refused("decision.not-allowed")
    past.when(wordbook.roll_back, " ", by=CISO, at=NOW).refused("rolling back needs a reason")
    given(TemplateLife, proposed()).when(wordbook.roll_back, "x", by=CISO, at=NOW).refused("the product's own wording")


def test_going_back_without_anything_before_gives_the_products_own() -> None:
    state = fold(TemplateLife, proposed(), active(), BACK, BACK)
    assert (state.in_force, state.before, state.fields) == ("", [], {})


@for_all(st.dictionaries(st.text(max_size=5), st.text(max_size=5)), st.text(max_size=5))
def test_a_version_is_named_by_its_text(fields: dict[str, str], more: str) -> None:
    assert version_of(fields) == version_of(dict(reversed(fields.items())))
    assert version_of({**fields, "another field": more}) != version_of(fields)
    assert len(version_of(fields)) == 12


def test_each_kind_and_language_has_a_life_of_its_own() -> None:
    assert len({template_id(kind, language) for kind in ("client", "afc") for language in ("ru", "kk")}) == 4
    assert len({kind.topic for kind in FACTS}) == len(FACTS) == 4
