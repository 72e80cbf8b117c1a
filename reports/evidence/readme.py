"""The page in an evidence bundle that says what is in it and how it is checked, in the language spoken here."""

from __future__ import annotations

from engine.kernel.errors import n_
from reports.messages import say

_HEAD = n_("Evidence of incident {number}, made {made_at} for {organisation}.")
_CHECK = n_("Check it anywhere, without this product:   {command}")
_TRUST = n_("(take verify.py and the key from somewhere you trust rather than from this bundle)")
_SIGNED = n_("Check the signature of a notice with OpenSSL, NAME as in notices/:   {command}")
_ROOTS = n_("(roots.pem: the root certificates of the certification authority, taken from its own site)")
_OPENSSL = (
    "openssl cms -verify -binary -inform DER -in NAME.p7s -content NAME.signed.json -CAfile roots.pem -purpose any "
    "-out /dev/null"
)
_PERSONAL = n_(
    "the security events behind it; personal fields are named and not shown (events-personal.ndjson shows them)"
)
_FILES = (
    ("summary.pdf", n_("the incident for people")),
    ("events.ndjson", n_("the security events behind it; personal fields are named and not shown")),
    ("decisions.ndjson", n_("every decision, in order: findings, incident, clocks, notices, playbooks")),
    ("proofs/", n_("for each event and decision: that it stands in the log whose signed head is here (RFC 6962)")),
    ("clocks.json", n_("each legal clock: how it was counted, and how it ended")),
    ("calendar.yml", n_("the overrides of the business calendar the clocks were counted with")),
    ("rules/", n_("the rules that fired, as they were")),
    ("playbooks/", n_("the playbooks that ran (CACAO 2.0)")),
    ("notices/", n_("each notice: text, page, PDF, versions, what became of it")),
    ("notices/*.p7s", n_("the digital signature (CMS) of each signed notice, over exactly the bytes in *.signed.json")),
    ("timestamps/", n_("RFC 3161 stamps over the heads, where there are any")),
    ("manifest.json", n_("every file with its SHA-256; signature.note signs it with the log's key (Ed25519)")),
)
"""The files of a bundle with what each is."""


def readme(*, number: str, made_at: str, organisation: str, key: str, personal: bool) -> str:
    """Return the page; ``personal`` says that the personal fields go along in a file of their own."""
    lines = [say(_HEAD, number=number, made_at=made_at, organisation=organisation), ""]
    lines += [say(_CHECK, command=f'python3 verify.py BUNDLE.zip --key "{key}"'), say(_TRUST), ""]
    lines += [say(_SIGNED, command=_OPENSSL), say(_ROOTS), ""]
    for name, text in _FILES:
        about = _PERSONAL if personal and name == "events.ndjson" else text
        lines.append(f"{name:<20} {say(about)}")
    return "\n".join(lines) + "\n"
