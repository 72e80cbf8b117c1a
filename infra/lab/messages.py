"""``make messages``: collects every message of code, templates and tables, and brings the catalogues up to date.

Code and templates are read as ``babel.cfg`` says. Errors are found by their class: their first text is the message id.
Texts that stand in tables (permissions, short names, duties, playbooks) are asked of the tables themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

from engine.governance.coverage_map import served
from engine.governance.governance import controls, duty_specs
from engine.governance.matters import matter_specs
from engine.permissions.reading import READS
from engine.permissions.table import COMMANDS
from infra.app.container import builtin_playbooks
from reports import labels
from reports.messages import LANGUAGES
from reports.phrases import placed

ROOT = Path(__file__).parents[2]
CATALOGUES = ROOT / "reports" / "locale"
ERRORS = (
    "QorgauError", "InputError", "DecisionRefused", "NotAllowed", "SecondPersonNeeded", "SecondFactorNeeded",
    "SecondFactorWrong", "NotFound", "Conflict",
    "BadQuestion", "TooMuchAsked", "SearchUnavailable",
)  # fmt: skip
KEYWORDS: dict[str, Any] = {
    "_": None, "say": None, "n_": None, "ngettext": (1, 2), **dict.fromkeys(ERRORS),
}  # fmt: skip
# What tells people at a terminal, or operators, stays in English; so do faults of files that engineers write.
ENGLISH = (
    "infra/cli/", "infra/lab/", "infra/store/log/", "infra/store/sql/", "infra/store/keys/",
    "infra/store/backup", "infra/inbound/", "infra/outbound/", "infra/observe/", "infra/processes/",
    "infra/watchdog/", "infra/witness/", "infra/app/", "infra/secrecy/", "infra/settings/",
    "infra/search/elastic", "infra/web/api/prometheus", "playbooks/cacao", "playbooks/conditions", "rules/",
    "reports/exchange", "reports/evidence/verify", "reports/document", "reports/draft",
    "reports/mail",
    "engine/events/", "engine/terms/", "engine/kernel/merkle",
)  # fmt: skip
HEAD = "# Messages of Qorgau. The message ids are the English texts; `make messages` keeps the list.\n"
PLURALS = {"ru": 3, "kk": 2, "en": 2}


def used() -> dict[str, tuple[str | tuple[str, str], set[str]]]:
    """Return every message id that is used, with what stands in the catalogue for it and where it is used."""
    found: dict[str, tuple[str | tuple[str, str], set[str]]] = {}
    for place, message in (*_in_code(), *_in_tables()):
        key = message if isinstance(message, str) else message[0]
        held = found.setdefault(key, (message, set()))
        held[1].add(place)
        if not isinstance(message, str):
            found[key] = (message, held[1])
    return found


def _in_code() -> Iterator[tuple[str, str | tuple[str, str]]]:
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    for name in ("engine", "playbooks", "reports", "rules", "infra"):
        there = [(pattern.removeprefix(f"{name}/"), how) for pattern, how in methods if pattern.startswith(f"{name}/")]
        for path, _, message, _, _ in extract_from_dir(ROOT / name, there, options, keywords=KEYWORDS):
            place = f"{name}/{path}"
            text = message if isinstance(message, str) else (message[0], message[1])
            if place.startswith(ENGLISH) or not text:
                continue
            yield place, text


def _in_tables() -> Iterator[tuple[str, str]]:
    for text in labels.texts():
        yield "reports/labels.py", text
    for permission in COMMANDS.values():
        second = [permission.second.rule] if permission.second else []
        stage = [permission.stage.when, permission.stage.refusal] if permission.stage else []
        for text in (permission.title, permission.refusal_id, *permission.needs, *second, *stage):
            yield "engine/permissions/table.py", text
    for reading in READS.values():
        yield "engine/permissions/reading.py", reading.title
    for spec in duty_specs().values():
        yield "engine/data/kz/returning_duties.yml", spec.title
    for matter in matter_specs().values():
        yield "engine/data/kz/matters.yml", matter.title
    for control in controls().values():
        yield "engine/data/controls.yml", control.name
    for thing in served().things.values():
        yield "engine/data/served.yml", thing.title
    for reason in served().unserved.values():
        yield "engine/data/served.yml", reason
    for playbook in builtin_playbooks().values():
        names = [
            step.get("name", "") for step in playbook.workflow.values() if step.get("type") not in ("start", "end")
        ]
        asked = [placed(str(step["description"])) for step in playbook.workflow.values() if step.get("description")]
        for text in (playbook.name, *names, *asked):
            yield "playbooks/packs", str(text)


def updated(language: str) -> bytes:
    """Return the catalogue of a language with every used message in it, and no other."""
    path = CATALOGUES / language / "LC_MESSAGES" / "qorgau.po"
    held = Catalog(locale=language)
    if path.exists():
        with path.open("rb") as file:
            held = read_po(file, locale=language)
    made = Catalog(locale=language, project="Qorgau", header_comment=HEAD, fuzzy=False)
    for key, (message, places) in sorted(used().items()):
        old = held.get(key)
        several = not isinstance(message, str)
        text: Any = old.string if old else ""
        if several and not isinstance(text, tuple):
            text = ("",) * PLURALS[language]
        made.add(message, text, locations=[(place, 0) for place in sorted(places)])
    return written(language, made)


def written(language: str, made: Catalog) -> bytes:
    """Return a catalogue as its file has it."""
    out = BytesIO()
    write_po(out, made, sort_output=True, omit_header=True, include_lineno=False, width=118)
    head = (
        f'{HEAD}msgid ""\nmsgstr ""\n"Language: {language}\\n"\n"Plural-Forms: {made.plural_forms}\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    )
    return head.encode() + out.getvalue()


def main() -> None:
    """Write the catalogues."""
    for language in LANGUAGES:
        path = CATALOGUES / language / "LC_MESSAGES" / "qorgau.po"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(updated(language))
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
