from routerapp.store.batches import FEWEST_ROWS, LONGEST_REST_SECONDS, MOST_ROWS, Batches


class Clock:
    def __init__(self) -> None:
        self.now, self.slept = 0.0, []

    def batch(self, batches: Batches, seconds: float) -> None:
        with batches.timed():
            self.now += seconds
        batches.rest()


def a_pair() -> tuple[Clock, Batches]:
    clock = Clock()
    return clock, Batches(MOST_ROWS, lambda: clock.now, clock.slept.append)


def test_batches_grow_while_they_are_quick_and_never_beyond_the_most() -> None:
    clock, batches = a_pair()
    sizes = [batches.rows]
    for _ in range(20):
        clock.batch(batches, 0.001)
        sizes.append(batches.rows)

    assert sizes == sorted(sizes)
    assert sizes[-1] == MOST_ROWS


def test_a_slow_batch_halves_the_next_and_something_always_goes() -> None:
    clock, batches = a_pair()
    for _ in range(10):
        before = batches.rows
        clock.batch(batches, 0.09)
        assert batches.rows in (before // 2, FEWEST_ROWS)

    assert batches.rows == FEWEST_ROWS


def test_others_get_as_long_as_the_batch_took_within_reason() -> None:
    clock, batches = a_pair()
    clock.batch(batches, 0.03)
    clock.batch(batches, 10.0)

    assert clock.slept[0] == 0.03 or abs(clock.slept[0] - 0.03) < 1e-9
    assert clock.slept[1] == LONGEST_REST_SECONDS
    assert batches.longest_seconds == 10.0
