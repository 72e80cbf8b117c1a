"""Who is believed about what: the longest name that fits, and anybody about what is not named."""

from __future__ import annotations

import pytest

from engine.governance.senders import Senders

KNOWN = Senders({"iam.": ["iam"], "iam.access.revoked": ["iam", "hr"], "afc.message.acknowledged": ["afc"]})


@pytest.mark.parametrize(("action", "source", "may"), [
    ("iam.access.granted", "iam", True), ("iam.access.granted", "hr", False), ("iam.access.revoked", "hr", True),
    ("iam.access.revoked", "portal", False), ("iamb.access", "portal", True), ("afc.message.acknowledged", "afc", True),
    ("afc.message.acknowledged", "portal", False), ("vuln.fixed", "portal", True),
])  # fmt: skip
def test_who_may_tell_of_what(action: str, source: str, may: bool) -> None:
    assert KNOWN.may(action, source) is may


def test_without_names_everybody_may() -> None:
    assert Senders().may("iam.access.revoked", "portal")
