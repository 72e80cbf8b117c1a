"""Lists of affected clients: what is read, and what a faulty line is called."""

from __future__ import annotations

from hashlib import sha256

import pytest

from engine.incidents.client_list import read_client_list
from engine.kernel.errors import InputError


@pytest.mark.parametrize(
    ("data", "clients", "loans"),
    [
        (b"c-1\nc-2\n\nc-1\n", ("c-1", "c-2"), ()),
        (b"\xef\xbb\xbfclient\r\nc-1\r\nc-2\r\n", ("c-1", "c-2"), ()),
        (b"loan;client\nL-1;c-1\n;c-2\n", ("c-1", "c-2"), ("L-1",)),
        ("client_id,name\nс-1,Ахметов\n".encode(), ("с-1",), ()),
        (b'client,loan\n"c,1",L-9\n', ("c,1",), ("L-9",)),
    ],
)
def test_lines_and_columns_are_read_each_once(data: bytes, clients: tuple[str, ...], loans: tuple[str, ...]) -> None:
    found = read_client_list(data, "list.csv")
    assert (found.clients, found.loans) == (clients, loans)
    assert found.sha256 == sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"", "list.csv: the list names no client"),
        (b"client,loan\n", "list.csv: the list names no client"),
        (b"c-1\nc-\xff2\n", "list.csv:2: the list is not in UTF-8"),
        (b"client,loan\nc-1,L-1\n,L-2\n", "list.csv:3: field 'client'"),
        (b"c-1\n" + b"x" * 101, "list.csv:2: field 'client'"),
        (b"c-1\nc\x002\n", "list.csv:2"),
        (b'c-1\n"c-2\n', "list.csv"),
        (b"c-1\nc-2,c-3\n", "list.csv:2: a line has more columns"),
        (b"c-1\n+77011234567\n", "list.csv:2: field 'client'"),
        (b"c-1\nAida Omarova\n", "list.csv:2: field 'client'"),
        (b"c-1\n850101300005\n", "list.csv:2: field 'client'"),
        (b"c-1\n" * 1_000_001, "list.csv:1000001: a list has at most"),
    ],
)
def test_a_faulty_line_is_named_and_nothing_is_taken(data: bytes, where: str) -> None:
    with pytest.raises(InputError) as refused:
        read_client_list(data, "list.csv")
    assert str(refused.value).startswith(where) or where in str(refused.value.placed(refused.value.message))
