import pytest

from routerapp.store.keys import ALPHABET, KEY_LENGTH, is_held_by, make_key, parse_key


def test_a_new_key_parses_and_is_held_by_its_own_hash_only():
    mine, other = make_key(), make_key()
    parsed = parse_key(mine.full)

    assert parsed is not None
    assert parsed.prefix == mine.prefix
    assert is_held_by(parsed, mine.key_hash)
    assert not is_held_by(parsed, other.key_hash)


def test_stored_parts_do_not_give_the_key_away():
    key = make_key()
    secret = key.full[21:-6]

    assert len(key.full) == KEY_LENGTH
    assert len(secret) == 43
    assert secret not in repr(key)
    assert secret not in repr(parse_key(key.full))
    assert secret not in key.prefix + key.key_hash + key.last_four
    assert key.full.endswith(key.last_four)


@pytest.mark.parametrize("position", [*range(8, 20), *range(21, KEY_LENGTH)])
def test_one_wrong_character_is_refused_by_the_checksum(position):
    full = make_key().full
    wrong = ALPHABET[(ALPHABET.index(full[position]) + 1) % 62]

    assert parse_key(full[:position] + wrong + full[position + 1 :]) is None


@pytest.mark.parametrize("text", ["", "sk-1234", "sb_live_", "sb_live_" + "x" * 200, "sb_live_" + "é" * 62, "\0" * 70])
def test_what_is_not_a_key_is_refused(text):
    assert parse_key(text) is None


def test_two_keys_never_share_a_prefix():
    assert len({make_key().prefix for _ in range(500)}) == 500
