"""A mail server that keeps what it is given as files in ``DIR/mail/new``. Needs aiosmtpd (``make install-dev``)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec

from infra.lab.testbed.server import NoServer, Server


class MailServer(Server):
    """Takes every message."""

    name = "SMTP"

    def command(self) -> Sequence[str]:
        """Return the command. Raises NoServer."""
        if find_spec("aiosmtpd") is None:
            raise NoServer("aiosmtpd is not installed (make install-dev)")
        handler = ("-c", "aiosmtpd.handlers.Mailbox", str(self.folder / "mail"))
        return [sys.executable, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{self.port}", *handler]
