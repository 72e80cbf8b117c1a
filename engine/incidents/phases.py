"""The phases of handling in the words of two standards."""

from __future__ import annotations

from engine.incidents.facts import Phase

STAGES: dict[Phase, str] = {
    "new": "detect and report",
    "triaged": "assess and decide",
    "contained": "respond",
    "recovered": "respond",
    "closed": "learn lessons",
    "merged": "assess and decide",
}
"""The phases in the words of ISO/IEC 27035-1."""
FUNCTIONS: dict[Phase, str] = {
    "new": "detect",
    "triaged": "respond",
    "contained": "respond",
    "recovered": "recover",
    "closed": "improve",
    "merged": "respond",
}
"""The phases as functions of NIST SP 800-61r3 (CSF 2.0)."""
