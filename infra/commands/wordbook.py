"""The organisation's own wording: what is in force, and how one is tried on an example."""

from __future__ import annotations

from collections.abc import Mapping

from engine.kernel.errors import NotFound
from engine.kernel.ports import TimeSource
from engine.notices import wording as wordbook
from engine.notices.wording import TemplateLife
from infra.read.rows.rules import wordings_in_force
from infra.store.log.decisions import Decisions
from infra.store.sql.database import Database
from reports.drafter import TemplateError
from reports.drafts import Own, Writer, example
from reports.wording import LANGUAGES, kinds


class Wordbook:
    """Own templates by kind of document and language."""

    def __init__(self, decisions: Decisions, clock: TimeSource, writer: Writer) -> None:
        self.decisions = decisions
        self.database: Database = decisions.database
        self.clock = clock
        self.writer = writer
        self._seen: tuple[tuple[str, str], ...] = ()
        self._own: Own = {}

    def own(self) -> Own:
        """Return the templates in force."""
        seen = tuple((row.id, row.in_force) for row in wordings_in_force(self.database))
        if seen != self._seen:
            lives = [self.decisions.load(TemplateLife, key) for key, _ in seen]
            self._own, self._seen = {(life.kind, life.language): life.fields for life in lives}, seen
        return self._own

    def version(self, kind: str) -> str:
        """Name the own wordings a kind is drafted with; empty when all are the product's."""
        lives = {(row.kind, row.language): row.in_force for row in wordings_in_force(self.database)}
        return ",".join(f"{language}:{v}" for (name, language), v in sorted(lives.items()) if name == kind)

    def life(self, kind: str, language: str) -> TemplateLife:
        """Return the life of one template; an empty one where the product's wording was never changed."""
        known(kind, language)
        return self.decisions.load(TemplateLife, wordbook.template_id(kind, language))

    def try_out(self, kind: str, language: str, fields: Mapping[str, str]) -> Mapping[str, str]:
        """Fill a wording with an example; return the texts."""
        values = {language: example(self.writer, language, kind)}
        made = self.writer.drafter.fill({language: dict(fields)}, values)[language]
        empty = sorted(name for name, text in made.items() if not text.strip())
        if empty:
            raise TemplateError("the field came out empty", file=f"{kind}.{language}", line=1, field=empty[0])
        return made


def known(kind: str, language: str) -> None:
    """Raise NotFound for a template that does not exist."""
    if kind not in kinds() or language not in LANGUAGES:
        raise NotFound(
            "there is no template '{kind}' in '{language}'; known: {kinds}",
            kind=kind[:40],
            language=language[:10],
            kinds=tuple(kinds()),
        )
