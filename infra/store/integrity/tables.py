"""Every table of the store and of the keyring, and by what a change of it from outside is found."""

from __future__ import annotations

from dataclasses import dataclass

from infra.store.sql.view_tables import NAMES


@dataclass(frozen=True, slots=True)
class Marked:
    """A table whose rows carry marks: the columns of its key, and all of its columns in the order they are hashed."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]


def _marked(name: str, columns: str, keys: int = 1) -> Marked:
    found = tuple(columns.split())
    return Marked(name, found[:keys], found)


MARKED: tuple[Marked, ...] = (
    _marked("users", "id name roles password_hash active failures locked_until"),
    _marked("sessions", "digest user_id csrf created_at seen_at"),
    _marked("session_places", "digest address agent"),
    _marked("source_tokens", "digest source claims created_at"),
    _marked("feed_tokens", "digest user_id created_at"),
    _marked("sign_in_tries", "id account failures at"),
    _marked("known_browsers", "digest user_id seen_at"),
    _marked("languages", "user_id language"),
    _marked("totp", "user_id secret last_step created_at confirmed_at"),
    _marked("recovery_codes", "digest user_id"),
    _marked("passkeys", "id user_id public_key sign_count name created_at used_at"),
    _marked("pending_steps", "digest kind user_id data created_at"),
    _marked("told_at_sign_in", "user_id actor"),
    _marked("session_proofs", "digest at"),
    _marked("personal_tokens", "id digest user_id name scope created_at expires_at"),
    _marked("source_token_terms", "digest expires_at networks"),
    _marked("outbox", "key kind payload created_at state attempts next_at last_answer"),
    _marked("unfinished", "follower position parts"),
    _marked("tracking", "application_name notification_id"),
    _marked("dead_letters", "id source received_at line code field reason raw digest times"),
    _marked("list_entries", "name version state", 2),
    _marked("expected_sources", "source heard_at silent"),
    _marked("arrivals", "topic part next digest at", 2),
    _marked("detector_state", "id position fingerprint state"),
    _marked("detector_parts", "part state"),
)
"""Tables that follow from no log."""
BY_NAME = {table.name: table for table in MARKED}

SIGNED = ("ledger", "decisions", "checkpoints")
"""Walked by ``verify``: chained, in a signed tree."""

VIEWS = NAMES
"""Folded from the log of decisions, and compared with it row by row."""

DERIVED = {
    "tiles": "roots of full tiles; every proof made with them is checked against a signed head",
    "known_runs": "what is known of event ids; read from the ledger again where it is gone",
    "known_pages": "pages of known_runs",
    "tally": "counts of events by type and day; 'ledger rebuild' counts them again",
    "proofs": "the newest event of a type that is evidence; counted with the tally",
    "blind_index": "keyed tokens of the events; a search finds less where one is gone, and no duty rests on it",
    "search_events": "the search index; filled again from the ledger",
    "search_incidents": "the search index; filled again from the decisions",
    "search_notices": "the search index; filled again from the decisions",
    "search_marks": "how far the search index is filled",
}
"""Made again by ``qorgau ledger rebuild``, each with what it is."""

REASONED = {
    "cosignatures": "each row is a note signed by a witness and is checked by 'verify'",
    "timestamps": "each row is a token signed by a time stamping authority and is checked by 'verify'",
    "intake": "bodies between their receipt and the ledger, for less than a second; each is encrypted with AES-256-GCM "
    "under a key of the keyring, so a changed one is not read but set aside",
    "token_uses": "when a token was used last; shown to its owner, and nothing is decided on it",
    "traces": "ids of traces for those who watch the machine; nothing is decided on them",
    "meta": "schema, faults that stand and steps of the workers; nothing is decided on them, and a fault that is taken "
    "out comes back with the next try",
    "row_marks": "the marks themselves",
    "row_totals": "the sums over the marks; each is marked itself",
    "row_touched": "which rows a transaction has touched; read within it and empty at its end",
    "keys_meta": "schema of the keyring, how often keys were destroyed, and the marked sum over the keys",
    "subject_keys": "each row of the keyring carries its mark in a column; see infra.store.keys.keyring",
    "subject_links": "which pseudonyms are one person; counted in the marked sum over the keys",
}
"""Neither derived nor marked by the general way, each with the reason."""
