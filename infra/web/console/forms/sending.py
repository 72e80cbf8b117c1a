"""One form of the console: the command it means, and how it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from engine.kernel.checked import checked
from engine.kernel.commands import Attachment, Command, Outcome, name_of
from engine.kernel.errors import NotFound, n_
from engine.kernel.facts import Person
from engine.permissions import require
from infra.app.container import Container
from infra.commands.accounts import Session
from infra.web.console.fields import Read, Sent
from infra.web.context import do
from infra.web.said import Said
from reports.messages import say

DONE = n_("Done.")


@dataclass(frozen=True)
class Form:
    """One form: the command it means, how its fields are read, and what is said when it is done."""

    command: type[Command[Any]]
    fields: Mapping[str, Read]
    said: str | Said = DONE

    def parse(self, sent: Sent) -> Command[Any]:
        """Return the command. Raise InputError naming the field."""
        return checked(self.command, **{name: read(sent) for name, read in self.fields.items()})


def admit(form: Form | None, person: Person) -> None:
    """Ask for the role before anything of a form is read, looked up or kept. Raise NotAllowed."""
    if form is not None:
        require(name_of(form.command), person)


def send(form: Form | None, sent: Sent) -> tuple[Outcome, str]:
    """Dispatch the command of a form; return what came of it, and in words. Raise NotFound for no form."""
    if form is None:
        raise NotFound("there is no such act")
    admit(form, sent.by)
    outcome = sent.container.dispatch(form.parse(sent), by=sent.by)
    return outcome, say(form.said) if isinstance(form.said, str) else form.said(sent, outcome)


def answered(
    request: Request, container: Container, session: Session, form: Form | None, back: str, fields: Mapping[str, str],
    document: Attachment | None = None, **address: str,
) -> Response:  # fmt: skip
    """Send a form and lead back; a refusal is shown on the page, in words. Raise NotAllowed for a person without the
    role, before anything else."""
    admit(form, session.person)
    sent = Sent(container, session.person, address, fields, document)
    return do(request, lambda: send(form, sent)[1], back)
