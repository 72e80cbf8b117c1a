"""The organisation's own wording: tried, put in force by a second person, used, rolled back; a bad one does no harm."""

from __future__ import annotations

import pytest

from engine.kernel.errors import InputError, NotAllowed, NotFound, SecondPersonNeeded
from engine.notices.notice import Notice
from reports.drafter import TemplateError
from tests.support import ANALYST, CISO, COMPLIANCE, COMPLIANCE_2, World

OWN = "Инцидент № {{ incident.number }}: {{ incident.class_lower }}"


def regulator_text(world: World) -> dict[str, str]:
    world.feed(
        world.event("portal.profile.change_applied", mfo__client__id=f"c-{world.count}", mfo__change__field="iin")
    )
    key = world.notices(world.incidents()[-1]["id"])["regulator"]["id"]
    return world.container.decisions.load(Notice, key).content["ru"]


def test_own_wording_takes_two_and_holds_from_the_next_draft_on(world: World) -> None:
    book = world.container.acts
    before = regulator_text(world)["incident"]
    with pytest.raises(NotAllowed):
        book.propose_wording("regulator", "ru", {"incident": OWN}, "clearer", by=ANALYST)
    book.propose_wording("regulator", "ru", {"incident": OWN}, "clearer", by=COMPLIANCE)
    assert regulator_text(world)["incident"].partition(",")[0] == before.partition(",")[0]
    with pytest.raises(SecondPersonNeeded):
        book.decide_wording("regulator", "ru", True, "", by=COMPLIANCE)
    book.decide_wording("regulator", "ru", True, "", by=COMPLIANCE_2)
    text = regulator_text(world)
    assert text["incident"].startswith("Инцидент № INC-2026-0003: несанкционированное")
    assert text["place"], "fields that were not changed are the product's"
    key = world.notices(world.incidents()[-1]["id"])["regulator"]["id"]
    assert "ru:" in world.container.decisions.load(Notice, key).template_version
    book.roll_back_wording("regulator", "ru", "the lawyer objects", by=CISO)
    assert not regulator_text(world)["incident"].startswith("Инцидент №")


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"incident": "{{ incident.nothing }}"}, "field 'incident'"), ({"incident": "{% if %}"}, "field 'incident'"),
     ({"incident": "{{ ''.__class__ }}"}, "field 'incident'"), ({"incident": "{# nothing #}"}, "empty"),
     ({"no_such": "x"}, "no fields"), ({"incident": "{{ 'x' * 99 }}"}, "calculate")],
)  # fmt: skip
def test_a_wording_that_cannot_be_filled_is_never_proposed(world: World, fields: dict[str, str], words: str) -> None:
    with pytest.raises((TemplateError, InputError), match=words):
        world.container.acts.propose_wording("regulator", "ru", fields, "x", by=COMPLIANCE)
    assert world.container.wordbook.life("regulator", "ru").id == ""


def test_a_wording_that_fails_on_real_data_gives_way_to_the_products_and_is_told(world: World) -> None:
    fails = "{% if incident.number == 'INC-2026-0001' %}{{ incident.sign.nothing }}{% else %}fine{% endif %}"
    world.container.acts.propose_wording(
        "regulator", "ru", {"incident": "x" + fails.replace("0001", "0002")}, "x", by=COMPLIANCE
    )
    world.container.acts.decide_wording("regulator", "ru", True, "", by=COMPLIANCE_2)
    assert regulator_text(world)["incident"] == "xfine"
    assert "INC-2026-0002" in regulator_text(world)["incident"], "the product's own wording was used"
    alarms = [mail.read_text() for mail in (world.folder / "spool").glob("alert-*.eml")]
    assert any("own wording" in mail for mail in alarms)


def test_what_is_not_there_is_named(world: World) -> None:
    with pytest.raises(NotFound, match="regulator"):
        world.container.wordbook.life("no-such", "ru")
    with pytest.raises(InputError, match="own wording"):
        from reports.wording import template_of

        world.container.acts.propose_wording(
            "client", "en", {"what": template_of("client", "en")["what"]}, "x", by=CISO
        )
