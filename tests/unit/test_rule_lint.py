"""The linter finds each kind of fault that was planted, and none in the product's own rules."""

from __future__ import annotations

import pytest

from engine.events.catalogue import builtin_catalogue
from engine.governance.register import builtin_register
from rules.detection.lists import lists_of
from rules.detection.loader import load_rules
from rules.detection.pack import builtin_contexts, builtin_files, builtin_lists, builtin_rules
from rules.quality.lint import lint

RULE = """
title: One
id: 00000000-0000-4000-8000-000000000001
name: one
logsource: {product: mfo}
detection:
  sel: {event.action: otp.rejected, event.reason: bad}
  condition: sel
tags: [attack.credential-access]
falsepositives: ["an older message"]
level: low
qorgau:
  obligations: [otp-1-minute]
  dedup: [mfo.otp.id]
"""
SECOND = RULE.replace("000000000001", "000000000002").replace("name: one", "name: two")


def faults(text: str) -> list[str]:
    ruleset, broken = load_rules([("r.yml", text)])
    assert broken == []
    return list(lint(ruleset, builtin_contexts(), builtin_catalogue(), builtin_register(), (), whole=False))


def test_the_product_has_no_fault_and_detects_every_duty_that_can_be_detected() -> None:
    found = lint(
        builtin_rules(), builtin_contexts(), builtin_catalogue(), builtin_register(), builtin_lists(), whole=True
    )
    assert list(found) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[otp-1-minute]", "[no-such-duty]", "not in the register"),
        ("event.reason: bad", "mfo.no.such: bad", "no event of the catalogue has the field"),
        ("otp.rejected", "otp.refused", "can never fire"),
        ("event.reason: bad", "mfo.context.account_locked: true", "never stands on"),
        ("  dedup: [mfo.otp.id]\n", "", "no 'dedup'"),
        ("[otp-1-minute]", "[]", "no duty"),
        ('falsepositives: ["an older message"]\n', "", "no 'falsepositives'"),
        ("tags: [attack.credential-access]\n", "", "no 'tags'"),
        ("  dedup:", "  parameters: {n: {default: 1}}\n  dedup:", "no bounds or no unit"),
        ("event.reason: bad", "event.reason|expand: '%nowhere%'", "not defined"),
    ],
)
def test_a_planted_fault_is_named(old: str, new: str, message: str) -> None:
    assert faults(RULE) == []
    found = faults(RULE.replace(old, new))
    assert any(message in text for text in found), found


def test_rules_that_say_the_same_or_less_than_another_are_named() -> None:
    assert any("looks for the same" in text for text in faults(RULE + "---" + SECOND))
    wider = SECOND.replace(", event.reason: bad", "")
    assert any("whatever 'one' finds, 'two' finds too" in text for text in faults(RULE + "---" + wider))
    assert faults(RULE + "---" + SECOND.replace("bad", "expired")) == []


def test_a_duty_that_lost_its_rule_is_named() -> None:
    files = [(name, text) for name, text in builtin_files() if not name.endswith("channel.yml")]
    ruleset, _ = load_rules(files, lists=lists_of(builtin_lists()))
    found = list(
        lint(ruleset, builtin_contexts(), builtin_catalogue(), builtin_register(), builtin_lists(), whole=True)
    )
    assert any("no rule detects the duty 'protocol-mismatch-cancel'" in text for text in found)
