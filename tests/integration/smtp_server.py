"""A real SMTP server as a process of its own: prints its port, takes mail, and misbehaves on command.

Behaviour is chosen by the recipient: ``refuse@`` 550 at RCPT, ``later@`` 451 at RCPT, ``grey@`` 450 at the first try of
each recipient and sender, ``bad@`` 554 after the data, ``lost@`` closes the connection after it has taken the message,
``early@`` closes it before it takes anything, ``slow@`` waits longer than the client does before it answers the data,
others are taken. Taken messages go to a folder. A second argument is the port.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


class Handler:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("refuse@"):
            return "550 no such recipient"
        if address.startswith("later@"):
            return "451 try again later"
        if address.startswith("grey@"):
            seen = self.folder.parent / f"grey-{address}"
            if not seen.exists():
                seen.touch()
                return "450 greylisted, come back"
        if address.startswith("early@"):
            server.transport.close()
            return "421 closing"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        recipient = envelope.rcpt_tos[0]
        if recipient.startswith("bad@"):
            return "554 refused"
        count = len(list(self.folder.iterdir()))
        (self.folder / f"{count}.eml").write_bytes(envelope.content or b"")
        if recipient.startswith("slow@"):
            await asyncio.sleep(60)
        if recipient.startswith("lost@"):
            server.transport.close()
        return "250 taken"


async def main() -> None:
    handler = Handler(Path(sys.argv[1]))
    loop = asyncio.get_running_loop()
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    server = await loop.create_server(lambda: SMTP(handler), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
