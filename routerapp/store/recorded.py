"""The newest recorded requests as engine inputs, kept decoded in this process so that a condition can be counted while it is typed.

Bounded; brought up to date before each use by reading only what is new. Sample traffic and the playground count as traffic here.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from routerapp.engine.conditions import Leaf
from routerapp.engine.content import Content, read_content
from routerapp.engine.observe import Observer
from routerapp.engine.readings import Readings, read_inputs
from routerapp.engine.types import Inputs
from routerapp.models import Body, DecisionInputs, Origin, RoutedRequest
from routerapp.store.kept_chats import whole_chat

NEWEST = 10_000
COUNTED = (Origin.LIVE, Origin.SAMPLE, Origin.PLAYGROUND)
# SQLite takes at most 32,766 parameters in one statement; small chunks also keep memory flat.
CHUNK = 1_000
# Content kept decoded beside the inputs; past it, bodies are read again for each count.
CONTENT_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class RecordedRequest:
    """has_body: whether content was kept. content: that content decoded, once it was needed."""

    id: str
    at_ms: int
    inputs: Inputs
    has_body: bool = False
    content: Content | None = None
    readings: Readings = field(default_factory=dict)


class _Document(msgspec.Struct):
    inputs: Inputs | None


_decode_inputs = msgspec.json.Decoder(_Document).decode


class RecordedWindow:
    """Thread-safe: one refresh at a time, readers get a tuple that no longer changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_id: dict[str, RecordedRequest] = {}
        self._content_bytes = 0

    def newest(self, limit: int = NEWEST) -> tuple[RecordedRequest, ...]:
        """Newest first; only requests that were decided and whose inputs are still kept."""
        with self._lock:
            rows = RoutedRequest.objects.filter(origin__in=COUNTED).order_by("-at_ms", "-id")
            wanted = list(rows.values_list("id", flat=True)[: min(limit, NEWEST)])
            self._read([request_id for request_id in wanted if request_id not in self._by_id])
            found = tuple(self._by_id[request_id] for request_id in wanted if request_id in self._by_id)
            if limit >= NEWEST:
                self._forget_all_but(found)
            return found

    def observe(self, requests: Iterable[RecordedRequest], leaves: Sequence[Leaf]) -> dict[str, dict[str, bool]]:
        """id -> observations, for requests whose kept body answers leaves that were not observed at the time.

        What was observed then wins: it saw the whole content. A body that lost something when it was kept answers nothing at all.
        """
        observer = Observer(leaves)
        asked = {leaf.leaf_id for leaf in observer.leaves}
        observed: dict[str, dict[str, bool]] = {}
        with self._lock:
            missing = [one for one in requests if one.has_body and not asked <= one.inputs.observations.keys()]
            for start in range(0, len(missing), CHUNK):
                chunk = missing[start : start + CHUNK]
                contents = self._contents([one for one in chunk if one.content is None])
                for one in chunk:
                    content = one.content or contents.get(one.id)
                    if content is not None:
                        seen = observer.observe(content, one.inputs.facts)
                        observed[one.id] = {**seen, **one.inputs.observations}
        return observed

    def _read(self, ids: list[str]) -> None:
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            with_body = set(
                Body.objects.filter(request_id__in=chunk, chat__isnull=False).values_list("request_id", flat=True)
            )
            rows = DecisionInputs.objects.filter(request_id__in=chunk).values_list("request_id", "at_ms", "document")
            for request_id, at_ms, document in rows:
                inputs = _decode_inputs(zlib.decompress(document)).inputs
                if inputs is None:
                    continue
                self._by_id[request_id] = RecordedRequest(
                    request_id, at_ms, inputs, request_id in with_body, readings=read_inputs(inputs)
                )

    def _contents(self, requests: list[RecordedRequest]) -> dict[str, Content]:
        contents: dict[str, Content] = {}
        if not requests:
            return contents
        by_id = {one.id: one for one in requests}
        rows = Body.objects.filter(request_id__in=list(by_id)).values_list("request_id", "chat")
        for request_id, chat in rows:
            content = None if chat is None else _content(zlib.decompress(chat))
            if content is None:
                continue
            contents[request_id] = content
            size = 2 * len(content.conversation)
            if self._content_bytes + size <= CONTENT_BYTES:
                self._content_bytes += size
                by_id[request_id].content = content
        return contents

    def _forget_all_but(self, found: tuple[RecordedRequest, ...]) -> None:
        if len(self._by_id) > len(found):
            self._by_id = {one.id: one for one in found}
            self._content_bytes = sum(2 * len(one.content.conversation) for one in found if one.content is not None)


@lru_cache(maxsize=1)
def recorded_window() -> RecordedWindow:
    """The one of this process."""
    return RecordedWindow()


def _content(body: bytes) -> Content | None:
    """The content of a stored chat; None when it is not one (an old format, or damaged), or not all of it was kept.

    A condition may be about the very words that were taken out, so such a chat can prove neither that it holds nor that it does not.
    """
    chat = whole_chat(body)
    return None if chat is None else read_content(chat)
