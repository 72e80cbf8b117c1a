"""What belongs to an incident: similar ones of the past, and the graph of whom and what they share."""

from __future__ import annotations

from dataclasses import replace
from math import cos, pi, sin
from typing import NamedTuple

from engine.kernel.errors import n_
from infra.read.reading import Reading
from infra.read.rows import incidents
from infra.read.rows.incidents import SimilarRow
from reports.messages import say

WEIGHTS = {"clients": 5, "devices": 4, "workstations": 3, "users": 3, "loans": 5, "sessions": 4, "addresses": 2}
SAME_RULE = 3
COMMON = 25
"""An entity in more incidents than this (an office's address) says nothing."""
MOST_ENTITIES, MOST_INCIDENTS = 24, 24
COMPARED = 100
"""Values of a kind by which similar incidents are sought."""
SHAPES = {"clients": n_("client"), "loans": n_("loan"), "users": n_("employee or user"), "devices": n_("device"),
          "addresses": n_("IP address"), "sessions": n_("session"), "workstations": n_("workstation")}  # fmt: skip


def similar(container: Reading, incident_id: str, limit: int = 8) -> list[SimilarRow]:
    """Return other incidents that share entities or the rule, the most alike first, with how they were closed."""
    database = container.database
    score: dict[str, int] = {}
    shared: dict[str, list[str]] = {}
    alike = (it for kind in SHAPES for it in incidents.sharing(database, incident_id, kind, COMMON, COMPARED))
    for it in alike:
        score[it.id] = score.get(it.id, 0) + WEIGHTS.get(it.kind, 1)
        shared.setdefault(it.id, []).append(it.value)
    for key in incidents.of_same_rule(database, incident_id):
        score[key] = score.get(key, 0) + SAME_RULE
    found = []
    for key in sorted(score, key=lambda key: (-score[key], key))[:limit]:
        row = incidents.similar_row(database, key)
        if row is not None:
            found.append(replace(row, score=score[key], shared=tuple(shared.get(key, [])[:6])))
    return found


class Node(NamedTuple):
    """A point of the picture: an incident, or something it touches; ``path`` is its page."""

    x: float
    y: float
    kind: str
    label: str
    path: str
    title: str


class Picture(NamedTuple):
    """An incident in the middle (0, 0), and what is around it; ``hidden`` says how many entities are not shown."""

    nodes: list[Node]
    lines: list[tuple[float, ...]]
    hidden: int


def graph(container: Reading, incident_id: str) -> Picture | None:
    """Lay out an incident, what it touches, and the other incidents that touch the same: nodes and lines for an SVG.

    None when there is nothing to show. At most 24 entities and 24 incidents; the same data give the same picture.
    """
    shown = incidents.entities_of(container.database, incident_id, MOST_ENTITIES)
    if not shown:
        return None
    nodes: list[Node] = []
    lines: list[tuple[float, float, float, float]] = []
    places: dict[tuple[str, str], tuple[float, float]] = {}
    for index, row in enumerate(shown):
        x, y = _on_circle(index, len(shown), 165)
        places[row.kind, row.value] = (x, y)
        nodes.append(_node(x, y, row.kind, row.value, f"/events?q={row.value}"))
        lines.append((0.0, 0.0, x, y))
    others = _others(container, incident_id, places)
    for index, (key, touched) in enumerate(others.items()):
        x, y = _on_circle(index, len(others), 285, turn=0.5)
        other = incidents.incident(container.database, key)
        number, title = (other.number, other.title) if other is not None else ("", "")
        nodes.append(_node(x, y, "incident", number, f"/incidents/{key}", title))
        lines += [(*places[entity], x, y) for entity in touched]
    hidden = incidents.how_much_touched(container.database, incident_id) - len(shown)
    return Picture(nodes, [tuple(round(v, 1) for v in line) for line in lines], hidden)


def _others(
    container: Reading, incident_id: str, places: dict[tuple[str, str], tuple[float, float]]
) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for entity in places:
        for key in incidents.touching(container.database, *entity, incident_id, COMMON):
            found.setdefault(key, []).append(entity)
    best = sorted(found, key=lambda key: (-len(found[key]), key))[:MOST_INCIDENTS]
    return {key: found[key] for key in best}


def _on_circle(index: int, count: int, radius: float, turn: float = 0.0) -> tuple[float, float]:
    angle = 2 * pi * (index + turn) / max(count, 1) - pi / 2
    return radius * cos(angle) * 1.5, radius * sin(angle)


def _node(x: float, y: float, kind: str, label: str, path: str, title: str = "") -> Node:
    short = label if len(label) <= 18 else f"{label[:8]}…{label[-8:]}"
    words = f"{say(SHAPES.get(kind, n_('incident')))} {label}{': ' + title if title else ''}"
    return Node(round(x, 1), round(y, 1), kind, short, path, words)
