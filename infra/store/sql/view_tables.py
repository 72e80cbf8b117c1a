"""The tables of the read models. ``clock_view.next_instant`` is the due-time index the sweep reads."""

from __future__ import annotations

TABLES = (
    """CREATE TABLE IF NOT EXISTS incident_view (
        id TEXT PRIMARY KEY, number TEXT NOT NULL, title TEXT NOT NULL, class TEXT NOT NULL, severity TEXT NOT NULL,
        notifiable INTEGER NOT NULL, personal_data INTEGER NOT NULL, detected_at TEXT NOT NULL,
        opened_at TEXT NOT NULL, phase TEXT NOT NULL, is_open INTEGER NOT NULL, assignee TEXT, disposition TEXT,
        dedup_key TEXT NOT NULL, rule_name TEXT NOT NULL, reported_by TEXT NOT NULL, clients TEXT NOT NULL,
        loans TEXT NOT NULL, findings INTEGER NOT NULL, suppressed INTEGER NOT NULL, proposed_by TEXT,
        lowering_by TEXT, first_event_at TEXT, acknowledged_at TEXT, contained_at TEXT, recovered_at TEXT,
        closed_at TEXT, lessons INTEGER NOT NULL, suppressed_until TEXT, updated_at TEXT NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS incident_open_key ON incident_view (dedup_key) WHERE is_open = 1",
    "CREATE INDEX IF NOT EXISTS incident_detected ON incident_view (detected_at)",
    """CREATE TABLE IF NOT EXISTS incident_entity (
        incident_id TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (incident_id, kind, value)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS incident_entity_value ON incident_entity (kind, value)",
    """CREATE TABLE IF NOT EXISTS incident_link (
        incident_id TEXT NOT NULL, other TEXT NOT NULL, relation TEXT NOT NULL,
        PRIMARY KEY (incident_id, other)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS clock_view (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, owner_kind TEXT NOT NULL, owner_id TEXT NOT NULL,
        subject TEXT NOT NULL, state TEXT NOT NULL, running INTEGER NOT NULL, anchor_at TEXT NOT NULL,
        due_at TEXT NOT NULL, latest_at TEXT NOT NULL, target_at TEXT, reading TEXT NOT NULL, next_instant TEXT,
        breached_at TEXT, satisfied_at TEXT, reached INTEGER NOT NULL, calendar_version TEXT NOT NULL,
        offered_due_at TEXT, proposed_by TEXT) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS clock_due ON clock_view (next_instant) WHERE next_instant IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS clock_owner ON clock_view (owner_id)",
    """CREATE TABLE IF NOT EXISTS notice_view (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, stage TEXT NOT NULL, incident_id TEXT NOT NULL, subject TEXT NOT NULL,
        state TEXT NOT NULL, recipient TEXT NOT NULL, drafted_at TEXT NOT NULL, submitted_by TEXT, approved_by TEXT,
        approved_at TEXT, sent_at TEXT, transport_ref TEXT, receipt TEXT) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS notice_incident ON notice_view (incident_id)",
    """CREATE TABLE IF NOT EXISTS protection_view (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, issuer TEXT NOT NULL, number TEXT NOT NULL, received_at TEXT NOT NULL,
        client TEXT NOT NULL, loans TEXT NOT NULL, registered_by TEXT NOT NULL, genuine INTEGER, state TEXT NOT NULL,
        holds INTEGER NOT NULL, proposed_by TEXT, violations INTEGER NOT NULL,
        documents INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS protection_client ON protection_view (client)",
    """CREATE TABLE IF NOT EXISTS order_view (
        id TEXT PRIMARY KEY, protection_id TEXT NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL,
        issued_at TEXT NOT NULL, due_at TEXT NOT NULL, handed_over_at TEXT, acknowledged_at TEXT, reference TEXT,
        overdue INTEGER NOT NULL, revoked INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS order_protection ON order_view (protection_id)",
    """CREATE TABLE IF NOT EXISTS run_view (
        id TEXT PRIMARY KEY, incident_id TEXT NOT NULL, playbook TEXT NOT NULL, state TEXT NOT NULL,
        waiting INTEGER NOT NULL, done INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS run_incident ON run_view (incident_id)",
    """CREATE TABLE IF NOT EXISTS retention_view (
        id TEXT PRIMARY KEY, client TEXT NOT NULL, state TEXT NOT NULL, ended_on TEXT, free_from TEXT,
        held TEXT NOT NULL, proposed_by TEXT NOT NULL, erased_at TEXT) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS rule_view (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, in_force TEXT NOT NULL, shadow TEXT NOT NULL, waiting TEXT NOT NULL,
        retirement_by TEXT NOT NULL, changes INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS rule_version_view (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, stage TEXT NOT NULL, written_by TEXT NOT NULL,
        proposed_by TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS list_view (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, in_force INTEGER NOT NULL, count INTEGER NOT NULL,
        waiting INTEGER NOT NULL, proposed_by TEXT NOT NULL, changes INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS template_view (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL, language TEXT NOT NULL, in_force TEXT NOT NULL, waiting TEXT NOT NULL,
        proposed_by TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS duty_view (
        id TEXT PRIMARY KEY, key TEXT NOT NULL, last_on TEXT, evidence INTEGER NOT NULL, latest_at TEXT NOT NULL,
        latest TEXT NOT NULL, valid_until TEXT, open_actions INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS action_view (
        id TEXT PRIMARY KEY, duty_id TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL, owner TEXT NOT NULL,
        due_on TEXT NOT NULL, closed_at TEXT, evidence TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS control_view (
        id TEXT PRIMARY KEY, control TEXT NOT NULL, applicable INTEGER NOT NULL, justification TEXT NOT NULL,
        stated_by TEXT NOT NULL, stated_at TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS risk_view (
        id TEXT PRIMARY KEY, book TEXT NOT NULL, name TEXT NOT NULL, asset TEXT NOT NULL, threat TEXT NOT NULL,
        source TEXT NOT NULL, vulnerability TEXT NOT NULL, controls TEXT NOT NULL, owner TEXT NOT NULL,
        experts INTEGER NOT NULL, likelihood INTEGER NOT NULL, confidentiality INTEGER NOT NULL,
        integrity INTEGER NOT NULL, availability INTEGER NOT NULL, level INTEGER NOT NULL, treatment TEXT NOT NULL,
        measures TEXT NOT NULL, due_on TEXT) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS timeline (owner TEXT NOT NULL, position INTEGER NOT NULL, "
    "PRIMARY KEY (owner, position)) WITHOUT ROWID",
)
NAMES = tuple(
    text.split("(")[0].removeprefix("CREATE TABLE IF NOT EXISTS ").strip()
    for text in TABLES
    if text.startswith("CREATE TABLE")
)
