"""The organisation's own wording: what is in force, and the acts that change it."""

from __future__ import annotations

from collections.abc import Mapping

from engine.kernel.errors import InputError, NotFound
from engine.kernel.facts import Person
from engine.kernel.ports import Clock
from engine.notices import wording as wordbook
from engine.notices.wording import TemplateLife
from infra.store.log.decisions import Decisions
from infra.store.sql.database import Database
from reports.drafter import TemplateError
from reports.drafts import Own, Writer, example
from reports.wording import LANGUAGES, kinds, template_of


class Wordbook:
    """Own templates by kind of document and language."""

    def __init__(self, decisions: Decisions, clock: Clock, writer: Writer) -> None:
        self.decisions = decisions
        self.database: Database = decisions.database
        self.clock = clock
        self.writer = writer
        self._seen: tuple[tuple[str, str], ...] = ()
        self._own: Own = {}

    def own(self) -> Own:
        """Give the templates in force."""
        rows = self.database.rows("SELECT id, in_force FROM template_view WHERE in_force <> '' ORDER BY id")
        seen = tuple((str(row["id"]), str(row["in_force"])) for row in rows)
        if seen != self._seen:
            lives = [self.decisions.load(TemplateLife, key) for key, _ in seen]
            self._own, self._seen = {(life.kind, life.language): life.fields for life in lives}, seen
        return self._own

    def version(self, kind: str) -> str:
        """Name the own wordings a kind is drafted with; empty when all are the product's."""
        lives = {
            (str(row["kind"]), str(row["language"])): str(row["in_force"])
            for row in self.database.rows("SELECT kind, language, in_force FROM template_view WHERE in_force <> ''")
        }
        return ",".join(f"{language}:{v}" for (name, language), v in sorted(lives.items()) if name == kind)

    def life(self, kind: str, language: str) -> TemplateLife:
        """Give the life of one template; an empty one where the product's wording was never changed."""
        _known(kind, language)
        return self.decisions.load(TemplateLife, wordbook.template_id(kind, language))

    def propose(self, kind: str, language: str, fields: Mapping[str, str], reason: str, *, by: Person) -> None:
        """Try a wording on an example, then propose it. Raises TemplateError naming line and field."""
        _known(kind, language)
        product = template_of(kind, language)
        strange = sorted(set(fields) - set(product))
        if strange:
            raise InputError(f"'{kind}' has no fields {strange}", field="fields")
        changed = {name: text for name, text in fields.items() if text != product[name]}
        if not changed:
            raise InputError("this is the product's own wording", field="fields")
        self.try_out(kind, language, changed)
        key = wordbook.template_id(kind, language)
        with self.decisions.unit(self.clock.now()) as unit:
            life = unit.load(TemplateLife, key)
            facts = wordbook.propose(life, kind, language, changed, reason, by=by, at=unit.at)
            unit.record(TemplateLife, key, facts)

    def try_out(self, kind: str, language: str, fields: Mapping[str, str]) -> Mapping[str, str]:
        """Fill a wording with an example; gives the texts."""
        values = {language: example(self.writer, language, kind)}
        made = self.writer.drafter.fill({language: dict(fields)}, values)[language]
        empty = sorted(name for name, text in made.items() if not text.strip())
        if empty:
            raise TemplateError("the field came out empty", file=f"{kind}.{language}", line=1, field=empty[0])
        return made

    def decide(self, kind: str, language: str, agreed: bool, reason: str, *, by: Person) -> None:
        """Put the waiting wording in force as a second person, or refuse it."""
        key = wordbook.template_id(kind, language)
        with self.decisions.unit(self.clock.now()) as unit:
            life = unit.load(TemplateLife, key)
            unit.record(TemplateLife, key, wordbook.decide(life, agreed, reason, by=by, at=unit.at))

    def roll_back(self, kind: str, language: str, reason: str, *, by: Person) -> None:
        """Go back to the wording before, at once."""
        key = wordbook.template_id(kind, language)
        with self.decisions.unit(self.clock.now()) as unit:
            life = unit.load(TemplateLife, key)
            unit.record(TemplateLife, key, wordbook.roll_back(life, reason, by=by, at=unit.at))


def _known(kind: str, language: str) -> None:
    if kind not in kinds() or language not in LANGUAGES:
        raise NotFound(f"there is no template '{kind[:40]}' in '{language[:10]}'; known: {', '.join(kinds())}")
