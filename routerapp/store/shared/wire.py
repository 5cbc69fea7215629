"""What one exchange carries, as exchange.lua reads and writes it: MessagePack, a map one way and an array back."""

from __future__ import annotations

import msgspec

# (name of the book, kind, limit, used, target, need, spent, seen of processes that are gone, spent as acknowledged, expiry in ms)
BookEntry = tuple[str, int, int, int, int, int, int, int, int, int]
MINUTE, PARALLEL, MONEY = 1, 2, 3


class DeploymentPart(msgspec.Struct, frozen=True, gc=False):
    """What one process saw of a deployment since its last exchange. ttft_base: samples everybody had counted by then.

    ok: the mean of ok_n results. breaker: "", "opened" or "closed"; version: of the shared breaker it closes.
    """

    slug: str
    minute: int = 0
    requests: int = 0
    tokens: int = 0
    ttft: float = 0.0
    ttft_at: int = 0
    ttft_n: int = 0
    ttft_base: int = 0
    is_peak: bool = False
    ok: float = 0.0
    ok_n: int = 0
    breaker: str = ""
    reopens_at: int = 0
    openings: int = 0
    version: int = 0


class DeploymentState(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A deployment as all processes together know it."""

    minute: int
    requests: int
    tokens: int
    ttft: float
    ttft_at: int
    ttft_n: int
    success: float
    success_n: int
    is_open: int
    reopens_at: int
    openings: int
    version: int


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """floors: (book, nano-dollars, expiry) from rows; has_compared: they are all there are."""

    me: str
    new_generation: str
    lease_ms: int
    reservation_ms: int
    compare_ms: int
    most_units: int
    unit_ttl: int
    cursors: tuple[int, int, int]
    is_leaving: bool = False
    has_compared: bool = False
    at_least: int = 0
    in_flight: list[tuple[str, int, int]] = []
    deployments: list[DeploymentPart] = []
    turns: list[tuple[str, list[tuple[str, int]]]] = []
    units: list[tuple[str, str, int, int]] = []
    limits: list[BookEntry] = []
    floors: list[tuple[str, int, int]] = []


class Received(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """processes: that are live; place: ours among them. grants: (granted, still free, seen of processes that are gone), as asked.

    wants_floors: 0 no, 1 compare the books with the rows, 2 the same and nobody ever has. in_flight: of the others.
    """

    generation: str
    now_ms: int
    processes: int
    place: int
    wants_floors: int
    grants: list[tuple[int, int, int]]
    in_flight: list[tuple[str, int, int]]
    deployments: list[tuple[str, DeploymentState]]
    turns: list[tuple[str, list[tuple[str, int]]]]
    units: list[tuple[str, str, int, int]]
    cursors: tuple[int, int, int]
    orphans: int
    is_restored: int


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Received)


def encode(sent: Sent) -> bytes:
    return _ENCODER.encode(sent)


def decode(reply: bytes) -> Received:
    """Raises msgspec.DecodeError or ValidationError where this is no answer of our script."""
    return _DECODER.decode(reply)
