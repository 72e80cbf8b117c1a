"""Finds the rules that can match an event without trying the others.

Of every rule the conjuncts are known that any matching event fulfils (``rules.language.necessary``). A set of rules
is a number with a bit each. For a value of a field it is worked out once which rules it leaves possible - equal texts
and numbers by dictionaries, texts within the value by one Aho-Corasick automaton a field, regular expressions
together - and remembered, because the values of telemetry repeat. The candidates of an event are then a handful of
``&`` and ``|``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import re2
from ahocorasick_rs import AhoCorasick

from rules.language.matchers import REGEX_OPTIONS, norm, number_of, regex_text
from rules.language.model import Rule
from rules.language.necessary import ANY_FIELD, Atom

REMEMBERED = 4_096
"""Values of one field, and shapes of events, that are kept; then that memory starts again."""
LONGEST_REMEMBERED = 1_024
MOST_REGEXES = 500
"""Expressions of one field that are searched together; the rest are tried one by one."""


class _Table:
    """Atoms of one field and which rules each of them serves."""

    def __init__(self) -> None:
        self.there = 0
        self.exists = 0
        self.equal: dict[str, int] = {}
        self.numbers: dict[str, int] = {}
        self.parts: dict[str, int] = {}
        self.regexes: dict[str, int] = {}
        self._automaton: AhoCorasick | None = None
        self._by_pattern: list[int] = []
        self._filter: re2.Filter | None = None
        self._by_regex: list[int] = []

    def file(self, atom: Atom, bit: int) -> None:
        """Note that this atom serves this rule."""
        match atom.kind:
            case "equal":
                self.equal[atom.value] = self.equal.get(atom.value, 0) | bit
            case "number":
                self.numbers[atom.value] = self.numbers.get(atom.value, 0) | bit
            case "part":
                self.parts[atom.value] = self.parts.get(atom.value, 0) | bit
            case "regex" if len(self.regexes) < MOST_REGEXES:
                self.regexes[atom.value] = self.regexes.get(atom.value, 0) | bit
            case "exists":
                self.exists |= bit
            case _:
                self.there |= bit

    def close(self) -> None:
        """Build the automata when all rules are filed."""
        if self.regexes:
            self._filter = re2.Filter()
            for source in self.regexes:
                self._filter.Add(source, REGEX_OPTIONS)
            self._filter.Compile()
            self._by_regex = list(self.regexes.values())
        if self.parts:
            self._automaton = AhoCorasick(list(self.parts), store_patterns=False)
            self._by_pattern = list(self.parts.values())

    def served(self, value: Any, raw: Any) -> int:
        """Return the rules that a value serves, normalised and as it came."""
        if value is None:
            return self.exists
        found = self.there | self.exists
        for text in value if value.__class__ is tuple else (value,):
            found |= self.equal.get(text, 0)
            if self.numbers:
                number = number_of(text)
                if number is not None:
                    found |= self.numbers.get(norm(number), 0)
            if self._automaton is not None:
                clean = text if text.isascii() else text.encode("utf8", "replace").decode("utf8")
                for hit in self._automaton.find_matches_as_indexes(clean, overlapping=True):
                    found |= self._by_pattern[hit[0]]
        if self._filter is not None:
            for part in raw if raw.__class__ in (list, tuple) else (raw,):
                for index in self._filter.Match(regex_text(part)) or ():
                    found |= self._by_regex[index]
        return found


class _Field:
    """What a value of one field leaves possible. ``demanding``: rules with a conjunct on this field alone."""

    def __init__(self) -> None:
        self.own = _Table()
        self.shared = _Table()
        self.demanding = 0
        self.memory: dict[Any, tuple[int, int]] = {}


class RuleIndex:
    """The rules of a set that are not dispatched by ``event.action``, for events of one product or of any."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self._all = (1 << len(rules)) - 1
        self._sharing = 0
        """Rules with a conjunct that several fields can fulfil."""
        self._fields: dict[str, _Field] = {}
        self._anywhere = _Table()
        for number, rule in enumerate(rules):
            self._file(rule, 1 << number)
        for field in self._fields.values():
            field.own.close()
            field.shared.close()
        self._anywhere.close()
        self._keywords = bool(self._anywhere.parts)
        self._shapes: dict[tuple[str, ...], int] = {}

    def _file(self, rule: Rule, bit: int) -> None:
        assert rule.compiled is not None
        for atoms in rule.compiled.conjuncts:
            names = {atom.field for atom in atoms}
            if len(names) == 1 and ANY_FIELD not in names:
                field = self._fields.setdefault(names.pop(), _Field())
                if not field.demanding & bit:
                    field.demanding |= bit
                    for atom in atoms:
                        field.own.file(atom, bit)
            elif not self._sharing & bit:
                self._sharing |= bit
                for atom in atoms:
                    if atom.field == ANY_FIELD:
                        self._anywhere.file(atom, bit)
                    else:
                        self._fields.setdefault(atom.field, _Field()).shared.file(atom, bit)

    def candidates(self, normalised: Mapping[str, Any], event: Mapping[str, Any]) -> list[Rule]:
        """Return every rule that might match an event, normalised and as it came, in the order of the set."""
        shape = tuple(normalised)
        possible = self._shapes.get(shape)
        if possible is None:
            possible = self._of_shape(shape)
        fulfilled = self._all & ~self._sharing
        fields = self._fields
        keywords = self._keywords
        for name, value in normalised.items():
            field = fields.get(name)
            if field is None:
                if not keywords:
                    continue
                field = fields[name] = _Field()
            raw = event[name]
            key = raw if raw.__class__ is str else (value, raw.__class__)
            masks = field.memory.get(key)
            if masks is None:
                masks = self._of_value(field, key, value, raw)
            possible &= masks[0]
            fulfilled |= masks[1]
        possible &= fulfilled
        found = []
        while possible:
            low = possible & -possible
            found.append(self.rules[low.bit_length() - 1])
            possible ^= low
        return found

    def _of_shape(self, shape: tuple[str, ...]) -> int:
        """Rules that demand nothing of a field the event has not."""
        there = set(shape)
        possible = self._all
        for name, field in self._fields.items():
            if name not in there:
                possible &= ~field.demanding
        if len(self._shapes) >= REMEMBERED:
            self._shapes.clear()
        self._shapes[shape] = possible
        return possible

    def _of_value(self, field: _Field, key: Any, value: Any, raw: Any) -> tuple[int, int]:
        own = (self._all & ~field.demanding) | field.own.served(value, raw)
        shared = field.shared.served(value, raw)
        if self._keywords:
            shared |= self._anywhere.served(value, raw)
        if raw.__class__ not in (str, list) or len(raw) <= LONGEST_REMEMBERED:
            if len(field.memory) >= REMEMBERED:
                field.memory.clear()
            field.memory[key] = own, shared
        return own, shared
