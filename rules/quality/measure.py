"""What a window of a correlation holds, and whether its condition is true of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rules.language.model import Correlation


def holds(spec: Correlation, window: Sequence[tuple[float, int, Any]]) -> bool:
    """Judge a window that an event has just come into; its entries stand in order of time."""
    kind = spec.type
    if kind == "event_count":
        return _compare(spec.op, len(window), spec.count)
    if kind == "value_count":
        if len(window) < spec.count:
            return False
        return _compare(spec.op, len({_folded(entry[2]) for entry in window}), spec.count)
    if kind == "temporal":
        return _together(spec, {entry[2] for entry in window})
    if kind == "temporal_ordered":
        return len(window) >= spec.least and _in_order(window, spec.least)
    return bool(window) and _compare(spec.op, _statistic(spec, window), spec.count)


def fewest(spec: Correlation) -> int:
    """Return the least number of entries that can make the condition true."""
    if spec.type in ("event_count", "value_count"):
        return max(int(spec.count) + (1 if spec.op == "gt" else 0), 1)
    return max(spec.least, 1)


Z = 3.0
"""How sure an early judgement of a share is: one in about 700 such windows would lie so high by chance."""


def surely_over(spec: Correlation, window: Sequence[tuple[float, int, Any]]) -> bool:
    """Say whether the share of a window that has not ended lies over the limit, whatever chance does: the lower bound
    of Wilson's interval, of values from 0 to 100."""
    n = len(window)
    if n < spec.share:
        return False
    share = min(max(_statistic(spec, window) / 100.0, 0.0), 1.0)
    spread = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return 100.0 * (share + Z * Z / (2 * n) - spread) / (1 + Z * Z / n) > spec.count


def judge(spec: Correlation, window: Sequence[tuple[float, int, Any]]) -> bool:
    """Judge a window that has ended."""
    if spec.type == "value_count":
        return _compare(spec.op, len({_folded(entry[2]) for entry in window}), spec.count)
    return len(window) >= spec.share and holds(spec, window)


def _compare(op: str, measured: float, wanted: float) -> bool:
    match op:
        case "gte":
            return measured >= wanted
        case "gt":
            return measured > wanted
        case "lt":
            return measured < wanted
        case "lte":
            return measured <= wanted
        case "eq":
            return measured == wanted
    return measured != wanted


def _folded(value: Any) -> Any:
    return value.lower() if value.__class__ is str else value


def _together(spec: Correlation, seen: set[int]) -> bool:
    if spec.expression is not None:
        return evaluate(spec.expression, seen)
    return len(seen) >= spec.least


def evaluate(expression: Any, seen: set[int]) -> bool:
    """Judge an extended condition over the indexes of the rules that were seen."""
    if isinstance(expression, int):
        return expression in seen
    operator, *args = expression
    if operator == "not":
        return not evaluate(args[0], seen)
    return (all if operator == "and" else any)(evaluate(arg, seen) for arg in args)


def _in_order(window: Sequence[tuple[float, int, Any]], count: int) -> bool:
    wanted = 0
    for entry in window:
        if entry[2] == wanted:
            wanted += 1
            if wanted == count:
                return True
    return False


def _statistic(spec: Correlation, window: Sequence[tuple[float, int, Any]]) -> float:
    values = [entry[2] for entry in window]
    if spec.type == "value_sum":
        return float(sum(values))
    if spec.type == "value_avg":
        return float(sum(values) / len(values))
    values.sort()
    share = 0.5 if spec.type == "value_median" else (50 if spec.percentile is None else spec.percentile) / 100
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return float(values[low] + (values[high] - values[low]) * (place - low))
