"""The access log says who, what and how long, and nothing that could be a secret."""

from __future__ import annotations

import logging

import pytest

from routerapp.client_address import parse_trusted_proxies
from routerapp.logs.access import AccessLog

SCOPE = {
    "type": "http",
    "method": "GET",
    "path": "/invitation/" + "planted" * 6 + "/",
    "query_string": b"token=planted",
    "headers": [(b"authorization", b"Bearer planted")],
    "client": ("203.0.113.7", 4711),
}


async def silent(*_):
    return {}


async def call(app, caplog, scope=SCOPE, **options):
    with caplog.at_level(logging.INFO, "signalbox.access"):
        await AccessLog(app, **options)(scope, silent, silent)
    return caplog.records


async def test_one_line_without_query_string_headers_or_body(caplog):
    async def app(scope, receive, send):
        headers = [(b"X-Router-Request-Id", b"r-1"), (b"set-cookie", b"planted")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": b"planted", "more_body": True})
        await send({"type": "http.response.body", "body": b"more"})

    (record,) = await call(app, caplog)

    assert record.getMessage() == "GET /invitation/…/"
    assert (record.status, record.bytes_sent, record.request_id, record.client) == (201, 11, "r-1", "203.0.113.7")
    assert "planted" not in repr(record.__dict__)


async def test_an_answer_that_never_began_is_told_too(caplog):
    async def app(scope, receive, send):
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        await call(app, caplog)

    assert caplog.records[0].status == 499


@pytest.mark.parametrize(
    ("proxies", "client"), [("1", "198.51.100.9"), ("", "203.0.113.7"), ("203.0.113.0/24", "198.51.100.9")]
)
async def test_behind_proxies_the_client_is_the_one_they_report(caplog, proxies, client):
    forwarded = [(b"x-forwarded-for", b"10.9.9.9, 198.51.100.9")]
    scope = SCOPE | {"headers": [*SCOPE["headers"], *forwarded]}

    await call(silent_app, caplog, scope, client_of=parse_trusted_proxies(proxies).client_of)

    assert caplog.records[0].client == client


async def test_other_kinds_of_connection_are_left_alone(caplog):
    assert await call(silent_app, caplog, {"type": "lifespan"}) == []


async def silent_app(scope, receive, send):
    return None
