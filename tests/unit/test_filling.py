"""Templates filled in one go give what each filled alone gives, and a fault still names its field."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from reports.children import filling
from reports.drafter import TemplateError, TemplateSandbox, content_of


@pytest.fixture
def sandbox() -> Iterator[TemplateSandbox]:
    made = TemplateSandbox()
    yield made
    made.close()


def test_plain_fields_and_fields_with_statements_keep_their_order() -> None:
    compiled = cache(filling.environment().from_string)
    fields = {"a": "{{ x }}\n", "b": "{% if x %}yes{% endif %}", "c": "plain"}
    found = filling.fill(compiled, {"en": fields}, {"en": {"x": "1"}})
    assert list(found["content"]["en"].items()) == [("a", "1\n"), ("b", "yes"), ("c", "plain")]


@pytest.mark.parametrize("value", ["with \x00 in it", "x" * (filling.LONGEST + 1)])
def test_what_cannot_be_told_apart_is_filled_alone(value: str) -> None:
    compiled = cache(filling.environment().from_string)
    found = filling.fill(compiled, {"en": {"a": "{{ x }}", "b": "b"}}, {"en": {"x": value}})
    if len(value) > filling.LONGEST:
        assert found["error"]["field"] == "a"
    else:
        assert found["content"]["en"] == {"a": value, "b": "b"}


def test_templates_are_sent_once_and_again_to_a_new_child(sandbox: TemplateSandbox) -> None:
    templates = {"en": {"a": "Hello {{ x }}"}}
    assert sandbox.fill(templates, {"en": {"x": "one"}}) == {"en": {"a": "Hello one"}}
    assert sandbox.fill(templates, {"en": {"x": "two"}}) == {"en": {"a": "Hello two"}}
    sandbox.close()
    assert sandbox.fill(templates, {"en": {"x": "three"}}) == {"en": {"a": "Hello three"}}


def test_a_fault_names_its_field_and_the_next_job_is_answered(sandbox: TemplateSandbox) -> None:
    templates = {"en": {"a": "fine", "b": "{{ missing }}"}}
    with pytest.raises(TemplateError) as raised:
        sandbox.fill(templates, {"en": {}})
    assert raised.value.field == "b"
    assert sandbox.fill(templates, {"en": {"missing": "now"}}) == {"en": {"a": "fine", "b": "now"}}


def test_what_the_product_ships_is_filled_as_the_child_fills_it(sandbox: TemplateSandbox) -> None:
    templates = {"en": {"a": "{{ x }} of {{ of | join(', ') }}", "b": "{% for it in of %}{{ it }};{% endfor %}"}}
    values = {"en": {"x": "one", "of": ["two", "three"]}}
    assert content_of(filling.shipped(templates, values)) == sandbox.fill(templates, values)


def test_a_fault_in_what_the_product_ships_names_its_field() -> None:
    with pytest.raises(TemplateError) as raised:
        content_of(filling.shipped({"ru": {"a": "{{ nothing }}"}}, {"ru": {}}))
    assert (raised.value.file, raised.value.field) == ("ru", "a")
