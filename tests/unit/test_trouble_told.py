"""Every kind of trouble is told in words that name what it is about."""

from __future__ import annotations

import pytest

from engine.kernel.errors import in_words
from engine.kernel.facts import Fact
from engine.kernel.trouble import told
from engine.policies.alerts import AlertPolicy
from tests.integration.test_trouble import EVERY, NAMED
from tests.memory import MemoryContext


@pytest.mark.parametrize(("fact", "named"), list(zip(EVERY, NAMED, strict=True)))
def test_an_alert_names_it(fact: Fact, named: str) -> None:
    subject, text, values = told(fact)  # type: ignore[arg-type]
    assert named in in_words(subject, values) + in_words(text, values)
    context = MemoryContext().given("t-1", fact).run(AlertPolicy({}, "security@example.kz"))
    (intent,) = context.intents.values()
    assert named in intent.message.text  # type: ignore[union-attr]
