"""The catalogue: what is described, how aliases are resolved, what may be personal."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from engine.events.catalogue import ENVELOPE, Catalogue, builtin_catalogue
from engine.kernel.errors import DataError

FIELDS = """
fields:
  mfo.client.id: {type: keyword, personal: false, aliases: [client, id_of], example: c-1}
  mfo.client.iin: {type: iin, personal: true, aliases: [iin, id_of], example: "850101300005"}
"""
EVENT = "{action: portal.login, source: portal, category: iam, type: start, fields: [mfo.client.iin]}"


def made(events: str = EVENT) -> Catalogue:
    return Catalogue.from_yaml(f"events: [{events}]", FIELDS)


@pytest.mark.parametrize(
    ("events", "why"),
    [
        (EVENT.replace("mfo.client.iin", "mfo.shoe"), r"not described: \['mfo.shoe'\]"),
        (f"{EVENT}, {EVENT}", "'portal.login' is described twice"),
    ],
)
def test_a_faulty_catalogue_names_its_entry(events: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        made(events)


@pytest.mark.parametrize("events", [EVENT.replace("portal.login", "Login"), EVENT.replace("source", "sauce")])
def test_an_event_type_has_a_name_of_two_parts_and_known_keys(events: str) -> None:
    with pytest.raises(ValidationError):
        made(events)


@pytest.mark.parametrize(
    ("action", "key", "name"),
    [
        ("portal.login", "mfo.client.id", "mfo.client.id"),
        ("portal.login", "mfo.other", "mfo.other"),
        ("portal.login", "client", "mfo.client.id"),
        ("portal.login", "id_of", "mfo.client.iin"),
        ("unknown.type", "id_of", "mfo.client.id"),
        ("portal.login", "shoe", "mfo.shoe"),
    ],
)
def test_an_alias_means_first_a_field_of_its_own_event(action: str, key: str, name: str) -> None:
    assert made().resolve_alias(action, key) == name


def test_what_is_not_described_may_be_personal_and_is_not_said_to_be() -> None:
    known = made()
    assert (known.is_personal("mfo.client.iin"), known.may_be_personal("mfo.client.iin")) == (True, True)
    assert (known.is_personal("mfo.client.id"), known.may_be_personal("mfo.client.id")) == (False, False)
    assert (known.is_personal("mfo.shoe"), known.may_be_personal("mfo.shoe")) == (False, True)
    assert not any(known.may_be_personal(name) for name in ENVELOPE)


def test_an_example_has_the_fields_of_its_type_with_a_permitted_value() -> None:
    event = EVENT.replace("}", ', values: {mfo.client.iin: ["000000000000"]}}')
    assert made(event).example("portal.login")["mfo.client.iin"] == "000000000000"
    assert made().example("portal.login")["mfo.client.iin"] == "850101300005"


def test_memory_of_shapes_makes_no_catalogue_another() -> None:
    one, other = made(), made()
    one.shapes["x"] = "y"
    assert one == other


@pytest.mark.parametrize("name", ["mfo.client.iin", "mfo.client.phone"])
def test_the_identifiers_of_people_are_personal(name: str) -> None:
    assert builtin_catalogue().is_personal(name)
