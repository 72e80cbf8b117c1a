"""The syslog server: listeners for TLS, TCP and UDP, one queue, one writer.

A full queue stops the reading of connections, so that their senders wait. UDP has no such way: what comes then is lost
and counted. Syslog has no acknowledgement either: what a sender handed over in the moment of a crash it does not send
again. Whoever cannot bear that sends through Kafka or HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from engine.kernel.ports import Taken
from infra.inbound.syslog.framing import LONGEST, BadFrame, Framer
from infra.inbound.syslog.landing import Landing, Received

log = logging.getLogger("qorgau.syslog")
QUEUE = 20_000
BATCH = 2_000
GATHER_S = 0.05
PAUSES_S = (0.2, 1.0, 5.0, 15.0)
READ = 64 * 1024
TELL_EVERY_S = 60.0

Network = IPv4Network | IPv6Network


@dataclass
class Counts:
    """What became of the messages since the start."""

    received: int = 0
    taken: Taken = field(default_factory=Taken)
    lost: int = 0
    refused: int = 0


class Server:
    """Takes messages until it is stopped; ``allowed`` are the networks that may send."""

    def __init__(
        self, landing: Landing, allowed: tuple[Network, ...], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self.landing = landing
        self.allowed = allowed
        self.sleep = sleep
        self.counts = Counts()
        self.fault = ""
        self._queue: asyncio.Queue[Received] = asyncio.Queue(QUEUE)
        self._servers: list[asyncio.Server] = []
        self._ways: list[asyncio.DatagramTransport] = []
        self._open: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Begin to take connections; return the port."""
        server = await asyncio.start_server(self._connected, host, port, ssl=tls)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def listen_udp(self, host: str, port: int) -> int:
        """Begin to take datagrams (RFC 5426); return the port."""
        loop = asyncio.get_running_loop()
        way, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=(host, port))
        self._ways.append(way)
        return int(way.get_extra_info("sockname")[1])

    def stop(self) -> None:
        """Say that it should end."""
        self._stop.set()

    async def run(self) -> None:
        """Store what comes until told to stop; then close the listeners and store what was read."""
        writer = asyncio.create_task(self._write())
        telling = asyncio.create_task(self._tell())
        await self._stop.wait()
        for server in self._servers:
            server.close()
        for way in self._ways:
            way.close()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._queue.join()
        for task in (writer, telling):
            task.cancel()

    def may_send(self, peer: Any) -> bool:
        """Say whether an address is in the networks allowed; one that is not is counted."""
        address = ip_address(str(peer[0]).partition("%")[0]) if peer else None
        if address is not None and getattr(address, "ipv4_mapped", None):
            address = address.ipv4_mapped  # type: ignore[union-attr]
        if address is None or not any(address in network for network in self.allowed):
            self.counts.refused += 1
            return False
        return True

    def offer(self, message: Received) -> None:
        """Take a datagram, or lose it."""
        self.counts.received += 1
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            self.counts.lost += 1

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            if self.may_send(writer.get_extra_info("peername")):
                await self._read(reader)
        except (ConnectionError, ssl.SSLError) as gone:
            log.debug("a connection ended: %s", type(gone).__name__)
        finally:
            self._open.discard(task)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        framer = Framer()
        try:
            while data := await self._more(reader):
                for raw in framer.feed(data):
                    await self._take(Received(raw))
            last = framer.end()
            if last is not None:
                await self._take(Received(last))
        except BadFrame as error:
            await self._take(Received(error.raw, str(error)))

    async def _more(self, reader: asyncio.StreamReader) -> bytes:
        """Return what comes next; nothing when the connection ends, or this server does."""
        coming, stopping = asyncio.ensure_future(reader.read(READ)), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({coming, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else b""
        finally:
            coming.cancel()
            stopping.cancel()

    async def _take(self, message: Received) -> None:
        self.counts.received += 1
        await self._queue.put(message)

    async def _write(self) -> None:
        while True:
            batch = [await self._queue.get()]
            if self._queue.qsize() < BATCH:
                await self.sleep(GATHER_S)  # each batch costs a transaction
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._land(batch)
            for _ in batch:
                self._queue.task_done()

    async def _land(self, batch: list[Received]) -> None:
        tries = 0
        while True:
            try:
                taken = await asyncio.to_thread(self.landing.store, batch)
            except Exception as error:  # the store is away; what was read waits here, and the senders before it
                if not self.fault:
                    log.error("the messages wait: %s", type(error).__name__)
                self.fault = type(error).__name__
                await self.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
                tries += 1
                continue
            held = self.counts.taken
            self.counts.taken = Taken(
                **{name: getattr(held, name) + getattr(taken, name) for name in Taken.model_fields}
            )
            self.fault = ""
            return

    async def _tell(self) -> None:
        before = Counts()
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            now = Counts(self.counts.received, self.counts.taken, self.counts.lost, self.counts.refused)
            if now.lost > before.lost or now.refused > before.refused:
                log.warning(
                    "%s datagrams were lost because the store is too slow, %s peers were refused",
                    now.lost - before.lost, now.refused - before.refused,
                )  # fmt: skip
            before = now


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: Server) -> None:
        self.server = server

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self.server.may_send(addr):
            self.server.offer(Received(data[:LONGEST].rstrip(b"\n\r\0")))
