"""What may be read, and by whom: every page and every answer of the API belongs to one subject of reading.

Within it, how far a person sees is told by ``sight``.
"""

from __future__ import annotations

from engine.kernel.errors import NotAllowed
from engine.kernel.facts import Person
from engine.permissions.permission import Reading
from engine.permissions.roles import PEOPLE, Role

SOC, OFFICER, FRAUD, CISO, AUDITOR, ADMIN = (
    Role.SOC_ANALYST, Role.COMPLIANCE_OFFICER, Role.FRAUD_ANALYST, Role.CISO, Role.AUDITOR, Role.ADMIN,
)  # fmt: skip
CASES = (SOC, OFFICER, FRAUD, CISO, AUDITOR)
"""Who works on incidents or looks into how they were worked on; the fraud analyst sees fraud alone."""
HOUSE = (SOC, OFFICER, CISO, AUDITOR)

READS: dict[str, Reading] = {
    reading.name: reading
    for reading in (
        Reading(
            name="incidents", title="Incidents, what touches them", roles=CASES,
            paths=("/", "/incidents", "/api/v1/incidents"),
        ),
        Reading(
            name="incident-export", title="An incident for other tools", roles=CASES, bulk=True,
            paths=("/api/v1/incidents/{incident_id}/export",),
        ),
        Reading(
            name="clocks", title="Legal clocks and the week", roles=CASES,
            paths=("/clocks", "/api/v1/clocks", "/api/v1/due"),
        ),
        Reading(
            name="notices", title="Notices, their versions and documents", roles=CASES,
            paths=("/notices", "/api/v1/notices"),
        ),
        Reading(
            name="client-lists", title="The clients of a notice, a page of them or all", roles=HOUSE, bulk=True,
            paths=(
                "/notices/{notice_id}/clients", "/notices/{notice_id}/clients.txt", "/notices/{notice_id}/clients.csv",
                "/api/v1/notices/{notice_id}/clients",
            ),
        ),
        Reading(name="wording", title="The wording of notices", roles=HOUSE, paths=("/wording",)),
        Reading(
            name="protections", title="Borrowers under protection and their orders", roles=HOUSE,
            paths=("/protections", "/api/v1/protections/{protection_id}"),
        ),
        Reading(
            name="governance", title="Coverage, duties, risks, controls, reports", roles=CASES,
            paths=("/coverage", "/duties", "/risks", "/controls", "/reports", "/api/v1/coverage"),
        ),
        Reading(
            name="retention", title="Terms of retention and legal holds", roles=(OFFICER, CISO, AUDITOR),
            paths=("/retention",),
        ),
        Reading(name="rules", title="Rules and lists", roles=CASES, paths=("/rules", "/lists")),
        Reading(
            name="events", title="Events with personal fields masked; search", roles=CASES,
            paths=("/events", "/api/v1/events"),
        ),
        Reading(
            name="permissions", title="This table, help, the catalogue of events, one's own roles", roles=PEOPLE,
            paths=("/permissions", "/help", "/catalogue", "/api/v1/permissions", "/api/v1/me"),
        ),
        Reading(
            name="live", title="That something changed, without what; signed heads of the logs", roles=PEOPLE,
            paths=("/stream", "/api/v1/logs/{log}/checkpoint", "/api/v1/logs/{log}/growth/{old}"),
        ),
        Reading(
            name="proofs", title="Records of the logs with their proofs", roles=(OFFICER, CISO, AUDITOR), bulk=True,
            paths=("/api/v1/logs",),
        ),
        Reading(
            name="evidence-bundle", title="The evidence of an incident as a bundle", roles=HOUSE, bulk=True,
            paths=("/incidents/{incident_id}/bundle.zip",),
        ),
        Reading(
            name="original-documents", title="Documents of a protection, and signatures of notices, as they came",
            roles=HOUSE, paths=("/protections/{protection_id}/documents", "/notices/{notice_id}/signature"),
        ),
        Reading(
            name="subject-lists", title="The list of people that goes with a notice, and its password", bulk=True,
            roles=(OFFICER, CISO), paths=("/notices/{notice_id}/subjects.zip",),
        ),
        Reading(
            name="system", title="Dead letters, effects under way, the list of the mail spool",
            roles=(SOC, OFFICER, FRAUD, CISO, ADMIN, AUDITOR), paths=("/system",),
        ),
        Reading(name="account", title="One's own account", roles=PEOPLE, paths=("/account",)),
        Reading(
            name="sign-ins", title="Accounts and who signed in", roles=(CISO, ADMIN, AUDITOR), paths=("/sign-ins",),
        ),
        Reading(
            name="reads", title="Who read what of whom", roles=(CISO, AUDITOR), paths=("/reads", "/api/v1/reads"),
        ),
        Reading(
            name="mail-spool", title="One message of the mail spool", roles=(OFFICER, CISO, AUDITOR),
            paths=("/system/mail",),
        ),
    )
}  # fmt: skip
"""Every subject of reading by its name."""
_BY_PATH = {path: reading for reading in READS.values() for path in reading.paths}
UNCLASSIFIED = Reading(name="unclassified", title="What is in no table", roles=(), paths=())


def reading_of(route: str) -> Reading:
    """Return the subject that a route belongs to, by the longest beginning of its address; one without roles for a
    route that was forgotten, so nobody opens it."""
    parts = route.split("/")
    for end in range(len(parts), 1, -1):
        found = _BY_PATH.get("/".join(parts[:end]) or "/")
        if found is not None:
            return found
    return UNCLASSIFIED


def first_page(person: Person) -> str:
    """Return the page where a person's work begins: the queue, or the system for who sees no case."""
    return "/" if person.may(*READS["incidents"].roles) else "/system"


def require_path(route: str, by: Person) -> None:
    """Raise NotAllowed for a person who may not read what a route shows."""
    found = reading_of(route)
    if not found.roles:
        raise NotAllowed("nobody may read this page")
    found.require(by)
