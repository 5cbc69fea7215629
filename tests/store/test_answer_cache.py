"""Answers under their keys: bounded by bytes, oldest use out first, gone when their time is over."""

from routerapp.store.answer_cache import ENTRY_BYTES, AnswerCache


def test_gives_back_what_was_stored_until_its_time_is_over() -> None:
    cache: AnswerCache[str] = AnswerCache()
    cache.store(b"k", "answer", 10, until_ms=2_000)

    assert cache.find(b"k", 1_999) == "answer"
    assert cache.find(b"other", 0) is None
    assert cache.find(b"k", 2_000) is None
    assert (len(cache), cache.bytes) == (0, 0)


def test_what_was_not_used_for_longest_goes_first() -> None:
    cache: AnswerCache[str] = AnswerCache(3 * (ENTRY_BYTES + 100))
    for name in (b"a", b"b", b"c"):
        cache.store(name, name.decode(), 100, until_ms=10)
    cache.find(b"a", 0)
    cache.store(b"d", "d", 100, until_ms=10)

    assert [cache.find(name, 0) for name in (b"a", b"b", b"c", b"d")] == ["a", None, "c", "d"]


def test_never_holds_more_bytes_than_it_may() -> None:
    cache: AnswerCache[bytes] = AnswerCache(50_000)
    for number in range(200):
        cache.store(str(number % 60).encode(), b"x", number * 97 % 20_000, until_ms=10)

        assert cache.bytes <= 50_000
    cache.store(b"huge", b"x", 60_000, until_ms=10)

    assert cache.find(b"huge", 0) is None
    cache.clear()
    assert (len(cache), cache.bytes) == (0, 0)


def test_a_newer_answer_replaces_the_older_one() -> None:
    cache: AnswerCache[str] = AnswerCache()
    cache.store(b"k", "old", 10, until_ms=5)
    cache.store(b"k", "new", 20, until_ms=50)

    assert cache.find(b"k", 10) == "new"
    assert cache.bytes == 20 + ENTRY_BYTES
