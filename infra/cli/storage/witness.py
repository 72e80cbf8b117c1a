"""``qorgau witness``: the witness as a program of its own."""

from __future__ import annotations

from pathlib import Path

import click

from engine.proofs.notes import Verifier, witness_signer
from infra.app.time_source import SystemClock
from infra.store.keys.master import KeyFolder
from infra.witness.keeper import Keeper
from infra.witness.server import serve

folder_option = click.option(
    "--folder", required=True, type=click.Path(path_type=Path), help="The witness's own directory: its key, its memory."
)
name_option = click.option("--name", default="qorgau-witness", show_default=True, help="The witness's name.")


@click.group()
def witness() -> None:
    """A second party that remembers the log's head. Run it as another user, or on another machine.

    It needs nothing of the engine's data or keys.
    """


@witness.command()
@folder_option
@name_option
def key(folder: Path, name: str) -> None:
    """Print the witness's public key (made on first use), for QORGAU_WITNESS_KEYS."""
    click.echo(witness_signer(name, KeyFolder(folder).seed("witness.key")).verifier.text())


@witness.command("serve")
@folder_option
@name_option
@click.option("--log", "logs", multiple=True, required=True, help="Public key of a log to watch ('qorgau keys show').")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8090, show_default=True, type=click.IntRange(0, 65535))
def serve_command(folder: Path, name: str, logs: tuple[str, ...], host: str, port: int) -> None:
    """Answer requests for cosignatures until stopped."""
    signer = witness_signer(name, KeyFolder(folder).seed("witness.key"))
    keeper = Keeper(folder, signer, [Verifier.parse(text) for text in logs], SystemClock())
    server = serve(keeper, host, port)
    click.echo(f"witness {signer.verifier.text()} at http://{host}:{server.server_address[1]}")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
