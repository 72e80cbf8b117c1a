"""What belongs to an incident: similar ones of the past, and the graph of whom and what they share."""

from __future__ import annotations

from math import cos, pi, sin
from typing import Any

from infra.app.container import House

WEIGHTS = {"clients": 5, "devices": 4, "workstations": 3, "users": 3, "loans": 5, "sessions": 4, "addresses": 2}
SAME_RULE, SAME_CLASS = 3, 1
COMMON = 25
"""An entity in more incidents than this (an office's address) says nothing."""
MOST_ENTITIES, MOST_INCIDENTS = 24, 24
SHAPES = {"clients": "client", "loans": "loan", "users": "employee or user", "devices": "device",
          "addresses": "IP address", "sessions": "session", "workstations": "workstation"}  # fmt: skip


def similar(house: House, incident_id: str, limit: int = 8) -> list[dict[str, Any]]:
    """Give other incidents that share entities or the rule, the most alike first, with how they were closed."""
    rows = house.database.rows(
        "SELECT o.incident_id AS id, e.kind, e.value FROM incident_entity e JOIN incident_entity o "
        "ON o.kind = e.kind AND o.value = e.value AND o.incident_id <> e.incident_id WHERE e.incident_id = ? "
        "AND (SELECT COUNT(*) FROM incident_entity c WHERE c.kind = e.kind AND c.value = e.value) <= ?",
        incident_id,
        COMMON,
    )
    score: dict[str, int] = {}
    shared: dict[str, list[str]] = {}
    for row in rows:
        key = str(row["id"])
        score[key] = score.get(key, 0) + WEIGHTS.get(str(row["kind"]), 1)
        shared.setdefault(key, []).append(str(row["value"]))
    same = house.database.rows(
        "SELECT o.id FROM incident_view i JOIN incident_view o ON o.rule_name = i.rule_name AND o.id <> i.id "
        "WHERE i.id = ? AND i.rule_name <> '' ORDER BY o.opened_at DESC LIMIT 50",
        incident_id,
    )
    for row in same:
        score[str(row["id"])] = score.get(str(row["id"]), 0) + SAME_RULE
    best = sorted(score, key=lambda key: (-score[key], key))[:limit]
    found = []
    for key in best:
        its = house.database.row(
            "SELECT id, number, title, severity, phase, disposition, opened_at, closed_at, assignee "
            "FROM incident_view WHERE id = ?",
            key,
        )
        if its is not None:
            found.append({**its, "score": score[key], "shared": shared.get(key, [])[:6]})
    return found


def graph(house: House, incident_id: str) -> dict[str, Any] | None:
    """Lay out an incident, what it touches, and the other incidents that touch the same: nodes and lines for an SVG.

    None when there is nothing to show. At most 24 entities and 24 incidents; the same data give the same picture.
    """
    entities = house.database.rows(
        "SELECT kind, value FROM incident_entity WHERE incident_id = ? ORDER BY kind, value", incident_id
    )
    if not entities:
        return None
    shown = entities[:MOST_ENTITIES]
    nodes: list[dict[str, Any]] = []
    lines: list[tuple[float, float, float, float]] = []
    places: dict[tuple[str, str], tuple[float, float]] = {}
    for index, row in enumerate(shown):
        x, y = _on_circle(index, len(shown), 165)
        places[str(row["kind"]), str(row["value"])] = (x, y)
        nodes.append(_node(x, y, str(row["kind"]), str(row["value"]), f"/events?q={row['value']}"))
        lines.append((0.0, 0.0, x, y))
    others = _others(house, incident_id, places)
    for index, (key, touched) in enumerate(others.items()):
        x, y = _on_circle(index, len(others), 285, turn=0.5)
        row = house.database.row("SELECT number, title FROM incident_view WHERE id = ?", key) or {}
        nodes.append(
            _node(x, y, "incident", str(row.get("number", "")), f"/incidents/{key}", str(row.get("title", "")))
        )
        lines += [(*places[entity], x, y) for entity in touched]
    hidden = len(entities) - len(shown)
    return {"nodes": nodes, "lines": [tuple(round(v, 1) for v in line) for line in lines], "hidden": hidden}


def _others(
    house: House, incident_id: str, places: dict[tuple[str, str], tuple[float, float]]
) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for entity in places:
        rows = house.database.rows(
            "SELECT incident_id FROM incident_entity WHERE kind = ? AND value = ? AND incident_id <> ? "
            "ORDER BY incident_id LIMIT ?",
            *entity,
            incident_id,
            COMMON,
        )
        for row in rows:
            found.setdefault(str(row["incident_id"]), []).append(entity)
    best = sorted(found, key=lambda key: (-len(found[key]), key))[:MOST_INCIDENTS]
    return {key: found[key] for key in best}


def _on_circle(index: int, count: int, radius: float, turn: float = 0.0) -> tuple[float, float]:
    angle = 2 * pi * (index + turn) / max(count, 1) - pi / 2
    return radius * cos(angle) * 1.5, radius * sin(angle)


def _node(x: float, y: float, kind: str, label: str, path: str, title: str = "") -> dict[str, Any]:
    short = label if len(label) <= 18 else f"{label[:8]}…{label[-8:]}"
    return {
        "x": round(x, 1), "y": round(y, 1), "kind": kind, "label": short, "path": path,
        "title": f"{SHAPES.get(kind, 'incident')} {label}{': ' + title if title else ''}",
    }  # fmt: skip
