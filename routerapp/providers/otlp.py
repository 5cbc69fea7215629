"""Spans as OTLP protobuf, and one call that delivers a batch of them through the egress guard. Decides nothing, retries nothing.

The protobuf messages are imported when the first collector is opened: who exports nothing loads nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from routerapp.providers.control import control_client
from routerapp.providers.egress import EgressGuard
from routerapp.providers.errors import ProviderError

SERVER, CLIENT = 2, 3
SCOPE = "signalbox"
SEND_TIMEOUT = httpx.Timeout(5.0, connect=3.0)
_ERROR = 2
_IS_SAMPLED = 1
_RETRYABLE = frozenset({408, 429, 502, 503, 504})
Value = str | bool | int | float | Sequence[str]


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    at_ms: int
    attributes: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Span:
    """kind: SERVER or CLIENT. Instants are Unix milliseconds; parent_id is empty at a root."""

    name: str
    kind: int
    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    start_ms: int
    end_ms: int
    attributes: Mapping[str, Value]
    is_error: bool = False
    events: tuple[Event, ...] = field(default=())


class NotDelivered(Exception):
    """The collector did not take a batch. is_retryable: it may do so later. The message holds nothing it said."""

    def __init__(self, message: str, *, is_retryable: bool) -> None:
        super().__init__(message)
        self.is_retryable = is_retryable


class Collector:
    """An OTLP/HTTP endpoint. resource: attributes of this process."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        guard: EgressGuard,
        resource: Mapping[str, Value],
        timeout: httpx.Timeout = SEND_TIMEOUT,
    ) -> None:
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
        from opentelemetry.proto.common.v1 import common_pb2
        from opentelemetry.proto.trace.v1 import trace_pb2

        self._service, self._common = trace_service_pb2, common_pb2
        # Its stubs know enumerations only by types of their own, which do not exist while running.
        self._trace: Any = trace_pb2
        self._url = url
        self._headers = {**headers, "content-type": "application/x-protobuf"}
        self._client = control_client(guard, timeout)
        self._resource = self._attributes(resource)

    def send(self, spans: Sequence[Span]) -> int:
        """Blocks; returns how many spans the collector refused. Raises NotDelivered."""
        try:
            answer = self._client.post(self._url, content=self.encode(spans), headers=self._headers)
        except ProviderError as refused:
            raise NotDelivered(str(refused), is_retryable=refused.is_retryable) from None
        except httpx.InvalidURL:
            raise NotDelivered("The endpoint is not a URL.", is_retryable=False) from None
        except (httpx.HTTPError, OSError, ValueError) as problem:
            raise NotDelivered(type(problem).__name__, is_retryable=True) from None
        if not answer.is_success:
            raise NotDelivered(f"HTTP {answer.status_code}", is_retryable=answer.status_code in _RETRYABLE)
        return self._refused(answer.content)

    def close(self) -> None:
        self._client.close()

    def encode(self, spans: Sequence[Span]) -> bytes:
        request = self._service.ExportTraceServiceRequest()
        of_process = request.resource_spans.add()
        of_process.resource.attributes.extend(self._resource)
        of_scope = of_process.scope_spans.add()
        of_scope.scope.name = SCOPE
        of_scope.spans.extend(self._span(span) for span in spans)
        return bytes(request.SerializeToString())

    def _refused(self, body: bytes) -> int:
        try:
            answer = self._service.ExportTraceServiceResponse.FromString(body)
        except Exception:
            # A collector that took the batch and answered something else has taken it.
            return 0
        return int(answer.partial_success.rejected_spans)

    def _span(self, span: Span) -> Any:
        message = self._trace.Span(
            name=span.name,
            kind=span.kind,
            trace_id=span.trace_id,
            span_id=span.span_id,
            parent_span_id=span.parent_id,
            start_time_unix_nano=span.start_ms * 1_000_000,
            end_time_unix_nano=span.end_ms * 1_000_000,
            flags=_IS_SAMPLED,
            attributes=self._attributes(span.attributes),
        )
        if span.is_error:
            message.status.code = _ERROR
        for event in span.events:
            message.events.add(
                name=event.name,
                time_unix_nano=event.at_ms * 1_000_000,
                attributes=self._attributes(event.attributes),
            )
        return message

    def _attributes(self, attributes: Mapping[str, Value]) -> list[Any]:
        return [self._common.KeyValue(key=name, value=self._value(value)) for name, value in attributes.items()]

    def _value(self, value: Value) -> Any:
        make = self._common.AnyValue
        match value:
            case bool():
                return make(bool_value=value)
            case int():
                return make(int_value=value)
            case float():
                return make(double_value=value)
            case str():
                # A lone surrogate cannot be encoded; it came from a hostile name, which may lose it.
                return make(string_value=value.encode("utf-8", "replace").decode())
            case _:
                return make(array_value=self._common.ArrayValue(values=[self._value(one) for one in value]))
