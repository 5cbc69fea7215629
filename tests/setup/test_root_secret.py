"""The file of the root secret: one line as ever, more while and after it is rotated."""

from __future__ import annotations

import base64
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerapp.root_secret import (
    BadRootSecret,
    RootSecret,
    begin_rotation,
    end_rotation,
    make_root_secret,
    parse_root_secret,
    read_root_secret,
    replace_root_secret,
    root_secret_text,
)

SECRETS = st.binary(min_size=32, max_size=32)


def test_a_file_of_one_line_is_primary_and_pepper():
    secret = parse_root_secret(base64.urlsafe_b64encode(b"a" * 32))

    assert secret == RootSecret(b"a" * 32, b"a" * 32)
    assert not secret.is_rotating


@given(SECRETS, SECRETS, st.lists(SECRETS, max_size=3))
def test_what_is_written_is_what_is_read(primary, pepper, old):
    secret = RootSecret(primary, pepper, tuple(old))

    assert parse_root_secret(root_secret_text(secret)) == secret


def test_the_pepper_outlives_every_rotation():
    first = RootSecret(b"a" * 32, b"a" * 32)
    second = end_rotation(begin_rotation(first))
    third = begin_rotation(second)

    assert first.pepper == second.pepper == third.pepper
    assert len({first.primary, second.primary, third.primary}) == 3
    assert third.old == (second.primary,)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        b"\xff" * 44,
        b"a" * 44 + b"\nnonsense",
        base64.urlsafe_b64encode(b"a" * 32) + b"\nspice " + b"b" * 44,
    ],
)
def test_a_damaged_file_is_refused_without_quoting_it(content):
    with pytest.raises(BadRootSecret) as refused:
        parse_root_secret(content)

    assert "bbbb" not in str(refused.value)


def test_replacing_keeps_it_for_the_owner_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "root.key"
    make_root_secret(path)
    make_root_secret(path)
    before = read_root_secret(path)
    replace_root_secret(path, begin_rotation(before))

    assert read_root_secret(path).old == (before.primary,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["root.key"]


def test_no_secret_shows_in_a_repr():
    assert repr(b"a" * 32) not in repr(RootSecret(b"a" * 32, b"a" * 32, (b"a" * 32,)))
