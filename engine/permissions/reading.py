"""What may be read, and by whom. Everybody who is signed in reads the console and the API but for these five."""

from __future__ import annotations

from engine.permissions.permission import Reading
from engine.permissions.roles import PEOPLE, Role

SOC, OFFICER, CISO, AUDITOR, ADMIN = (
    Role.SOC_ANALYST, Role.COMPLIANCE_OFFICER, Role.CISO, Role.AUDITOR, Role.ADMIN,
)  # fmt: skip

READS: dict[str, Reading] = {
    reading.name: reading
    for reading in (
        Reading(
            name="incidents", title="Incidents, what touches them, their export", roles=PEOPLE,
            paths=("/", "/incidents", "/stream", "/api/v1/incidents"),
        ),
        Reading(
            name="clocks", title="Legal clocks and the week", roles=PEOPLE,
            paths=("/clocks", "/api/v1/clocks", "/api/v1/due"),
        ),
        Reading(
            name="notices", title="Notices, their versions and documents, own wording", roles=PEOPLE,
            paths=("/notices", "/wording", "/api/v1/notices"),
        ),
        Reading(
            name="protections", title="Borrowers under protection and their orders", roles=PEOPLE,
            paths=("/protections", "/api/v1/protections/{protection_id}"),
        ),
        Reading(
            name="governance", title="Coverage, duties, risks, controls, reports", roles=PEOPLE,
            paths=("/coverage", "/duties", "/risks", "/controls", "/reports", "/api/v1/coverage"),
        ),
        Reading(name="retention", title="Terms of retention and legal holds", roles=PEOPLE, paths=("/retention",)),
        Reading(name="rules", title="Rules and lists", roles=PEOPLE, paths=("/rules", "/lists")),
        Reading(
            name="events", title="Events with personal fields masked, and the catalogue", roles=PEOPLE,
            paths=("/events", "/catalogue", "/api/v1/events"),
        ),
        Reading(
            name="permissions", title="This table, help, one's own roles", roles=PEOPLE,
            paths=("/permissions", "/help", "/api/v1/permissions", "/api/v1/me"),
        ),
        Reading(
            name="evidence-bundle", title="The evidence of an incident as a bundle",
            roles=(OFFICER, CISO, AUDITOR, SOC), paths=("/incidents/{incident_id}/bundle.zip",),
        ),
        Reading(
            name="original-documents", title="Documents of a protection, and signatures of notices, as they came",
            roles=(OFFICER, SOC, CISO, AUDITOR),
            paths=("/protections/{protection_id}/documents", "/notices/{notice_id}/signature"),
        ),
        Reading(
            name="subject-lists", title="The list of people that goes with a notice, and its password",
            roles=(OFFICER, CISO), paths=("/notices/{notice_id}/subjects.zip",),
        ),
        Reading(
            name="system", title="Dead letters, effects under way, the mail spool",
            roles=(SOC, OFFICER, Role.FRAUD_ANALYST, CISO, ADMIN, AUDITOR), paths=("/system",),
        ),
        Reading(name="account", title="One's own account", roles=PEOPLE, paths=("/account",)),
        Reading(
            name="sign-ins", title="Accounts and who signed in", roles=(CISO, ADMIN, AUDITOR), paths=("/sign-ins",),
        ),
        Reading(
            name="mail-spool", title="One message of the mail spool",
            roles=(OFFICER, CISO, AUDITOR, ADMIN), paths=("/system/mail",),
        ),
    )
}  # fmt: skip
"""Every subject of reading by its name."""
