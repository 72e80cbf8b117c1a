"""Mail that would stay on this machine, by whatever name, is told to nobody."""

from __future__ import annotations

import pytest

from engine.kernel.addresses import is_local

HERE = (
    "x@localhost", "x@LOCALHOST.", "x@127.0.0.1", "x@[127.0.0.1]", "x@[127.8.9.1]", "x@[IPv6:::1]",
    "x@[IPv6:::ffff:127.0.0.1]", "x@0.0.0.0", "x@[IPv6:::]", "x@ip6-localhost", "x@ip6-loopback",
    "x@localhost.localdomain", "Reg <x@localhost>", "x@localhost;y@nationalbank.kz",
    "y@nationalbank.kz, x@localhost",
    "root", "x@mail", "x@host.local", "x@a.invalid", "x@example.com", "x@mail.example.com", "x@a.test", "", " ",
    "@a.kz",
    "x@",
)  # fmt: skip
AWAY = (
    "x@nationalbank.kz", "Reg <x@nationalbank.kz>", "x@[91.195.226.1]", "a@b.kz, c@d.kz", "x@localhost.kz",
    "x@mylocal.kz", "x@examples.com",
)  # fmt: skip


@pytest.mark.parametrize("address", HERE)
def test_it_stays_here(address: str) -> None:
    assert is_local(address)


@pytest.mark.parametrize("address", AWAY)
def test_it_leads_away(address: str) -> None:
    assert not is_local(address)
