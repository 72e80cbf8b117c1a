"""The tables of the console's forms: page and act in the address → command, its fields, and what is said then."""

from __future__ import annotations

from infra.web.console.forms.cases import (
    CLOCKS,
    CONFIRM_TIME,
    ENTER_ACT,
    FEED,
    INCIDENTS,
    NOTICES,
    PROTECTIONS,
    REPORT,
)
from infra.web.console.forms.house import CONTROL, DUTIES, EVIDENCE, LISTS, RETENTION, RISKS, RULES, WORDING
from infra.web.console.forms.sending import Form, admit, answered, send

__all__ = [
    "CLOCKS",
    "CONFIRM_TIME",
    "CONTROL",
    "DUTIES",
    "ENTER_ACT",
    "EVIDENCE",
    "FEED",
    "INCIDENTS",
    "LISTS",
    "NOTICES",
    "PROTECTIONS",
    "REPORT",
    "RETENTION",
    "RISKS",
    "RULES",
    "WORDING",
    "Form",
    "admit",
    "answered",
    "send",
]
