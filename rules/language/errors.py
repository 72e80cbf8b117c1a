"""Errors of the rules package: each names file, line and rule, and says what to do."""

from __future__ import annotations

from engine.kernel.errors import InputError


class RuleError(InputError):
    """A rule file cannot be used."""

    code = "rule.invalid"
