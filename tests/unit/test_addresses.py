"""Mail addresses: nothing that could smuggle a header in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.kernel.addresses import check_address
from engine.kernel.errors import InputError


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("info@afm.example", "info@afm.example"),
        ("Aigul@AFM.Example", "Aigul@afm.example"),
        ("root@localhost", "root@localhost"),
        ("a+b@mfo.test", "a+b@mfo.test"),
    ],
)
def test_an_address_is_given_in_normal_form(text: str, normal: str) -> None:
    assert check_address(text) == normal


@pytest.mark.parametrize(
    "text",
    [
        "", "info", "@afm.example", "info@", "a b@afm.example", "a@afm.example\nBcc: x@y.example", "a,b@afm.example",
        "<a@afm.example>", '"a"@afm.example', "a@afm.example;b@afm.example", "а@localhost", "@localhost",
        "a" * 65 + "@localhost", "info@afm", "почта@afm.example", "a\\b@afm.example", "a(x)@afm.example",
    ],
)  # fmt: skip
def test_anything_else_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InputError) as caught:
        check_address(text)
    assert caught.value.code == "address"
    assert not text.strip() or text not in str(caught.value)


@given(st.text(alphabet='ab@.\r\n,;<>" \\localhost', max_size=30))
def test_what_passes_has_one_at_and_no_line_break_or_separator(text: str) -> None:
    try:
        found = check_address(text)
    except InputError:
        return
    assert found.count("@") == 1
    assert not set(found) & set('\r\n,;<>" \\')
    assert check_address(found) == found
