"""The legal terms of the notices: each language has its file, the texts use its words and none that they stand for."""

from __future__ import annotations

from importlib import resources
from typing import Any

import pytest

from engine.kernel.yaml_text import read_yaml
from reports.wording import LANGUAGES, kinds, template_of, wording


def terms(language: str) -> list[dict[str, Any]]:
    text = (resources.files("reports") / "terms" / f"{language}.yml").read_text(encoding="utf8")
    found: list[dict[str, Any]] = read_yaml(text)["terms"]
    return found


def texts(language: str) -> str:
    """Everything that a notice may say in a language."""
    words, parts = wording(language), []
    for kind in kinds():
        notice = words["notices"][kind]
        parts += [notice["title"], *template_of(kind, language).values()]
        parts += [str(entry["heading"]) for entry in notice["fields"].values()]
    return "\n".join([*parts, str(words["values"]), str(words["recipients"])])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_term_is_used(language: str) -> None:
    said = texts(language).lower()
    assert [it["id"] for it in terms(language) if it["term"].lower() not in said] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_uses_a_word_that_a_term_stands_for(language: str) -> None:
    said = texts(language).lower()
    assert [word for it in terms(language) for word in it["instead_of"] if word.lower() in said] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_term_says_where_it_comes_from_and_whether_that_was_seen(language: str) -> None:
    for it in terms(language):
        assert it.keys() == {"id", "term", "source", "verified", "instead_of"}
        assert it["source"] and isinstance(it["verified"], bool)


def test_the_languages_have_the_same_fields() -> None:
    for kind in kinds():
        assert {tuple(template_of(kind, language)) for language in LANGUAGES} == {tuple(template_of(kind, "ru"))}
