"""Words of the console for the short names used inside."""

from __future__ import annotations

_WORDS = {
    "regulator-notice": "Tell the regulator",
    "client-notice": "Tell the client",
    "personal-data-notice": "Tell the data-protection authority",
    "immediate-containment": "First containment",
    "remediation": "Remove cause and consequences",
    "collection-stop": "Stop collection",
    "accrual-stop": "Stop accrual",
    "bureau-correction": "Correct credit history",
    "triage": "Triage",
    "regulator": "Regulator notice",
    "client": "Client notice",
    "pd_authority": "Personal-data breach notice",
    "soc_analyst": "SOC analyst",
    "compliance_officer": "Compliance officer",
    "fraud_analyst": "Fraud analyst",
    "ciso": "CISO",
    "auditor": "Auditor",
    "admin": "Administrator",
    "victim_resolution": "Resolution on recognition as a victim",
    "remedial_submission": "Submission on removing circumstances",
    "unauthorised-access": "Unauthorised access",
    "unauthorised-change": "Unauthorised change",
    "third-party-acts": "Acts of third parties",
    "fraud": "Fraud",
    "control-failure": "Control failure",
    "infrastructure": "Infrastructure",
    "true_positive": "True positive",
    "benign_positive": "Benign positive",
    "false_positive": "False positive",
    "satisfied-late": "satisfied late",
}


def word(name: object) -> str:
    """Give the words for a short name, or the name itself made readable."""
    text = str(name)
    return _WORDS.get(text, text.replace("_", " "))
