"""GET /v1/models and /v1/models/<name>: what a key may send as `model`, in the dialect of whoever asks. Knows no policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from routerapp.gateway.answers import send_json
from routerapp.gateway.authenticate import CHAT, authenticate, require_scope
from routerapp.gateway.body import Scope
from routerapp.gateway.call import Call
from routerapp.serving.model_list import Listed, list_names
from routerapp.serving.served import Refused

PATH = "/v1/models"
# The vendor's own bounds of a page: https://platform.claude.com/docs/en/api/models/list.
USUAL_PAGE, MOST_PAGE = 20, 1_000


async def list_models(call: Call) -> None:
    listed = await _listed(call)
    if speaks_anthropic(call.scope):
        await send_json(call.send, _page([one for one in listed if one.is_chat], _query(call.scope)))
    else:
        await send_json(call.send, {"object": "list", "data": [one.to_openai() for one in listed]})


async def one_model(call: Call) -> None:
    name = call.scope["path"].removeprefix(PATH + "/")
    found = next((one for one in await _listed(call) if one.name == name), None)
    if found is None:
        message = f"There is no model {name[:200]} that this key can ask for. GET /v1/models lists the names."
        raise Refused(404, "model_not_found", message, param="model")
    await send_json(call.send, found.to_anthropic() if speaks_anthropic(call.scope) else found.to_openai())


def speaks_anthropic(scope: Scope) -> bool:
    """The address is the same in both dialects; the vendor's clients always say which version of theirs they speak."""
    return any(name == b"anthropic-version" for name, _ in scope["headers"])


async def _listed(call: Call) -> list[Listed]:
    caller = await authenticate(call.runtime, call.headers)
    require_scope(caller, CHAT)
    return list_names(call.runtime.snapshot.config, caller)


def _page(listed: Sequence[Listed], query: dict[str, str]) -> dict[str, Any]:
    """The names after one, or those right before one; a cursor that names nothing is refused."""
    size = _size(query.get("limit"))
    after, before = (_place(listed, query.get(name), name) for name in ("after_id", "before_id"))
    if after is not None and before is not None:
        raise Refused(400, "invalid_value", "Give after_id or before_id, not both.", param="after_id")
    start = 0 if after is None else after + 1
    if before is not None:
        start = max(0, before - size)
    shown = listed[start : min(start + size, len(listed) if before is None else before)]
    return {
        "data": [one.to_anthropic() for one in shown],
        "has_more": start > 0 if before is not None else start + len(shown) < len(listed),
        "first_id": shown[0].name if shown else None,
        "last_id": shown[-1].name if shown else None,
    }


def _place(listed: Sequence[Listed], name: str | None, field: str) -> int | None:
    if name is None:
        return None
    for place, one in enumerate(listed):
        if one.name == name:
            return place
    raise Refused(400, "invalid_value", f"{field} is {name[:200]!r}, which is none of the names.", param=field)


def _size(text: str | None) -> int:
    if text is None:
        return USUAL_PAGE
    if text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= MOST_PAGE:
        return int(text)
    raise Refused(400, "invalid_value", f"limit is {text[:40]!r}; it is 1 to {MOST_PAGE}.", param="limit")


def _query(scope: Scope) -> dict[str, str]:
    """The last of each name."""
    try:
        return dict(parse_qsl(scope.get("query_string", b"").decode("ascii"), keep_blank_values=True))
    except ValueError:
        raise Refused(400, "invalid_value", "What follows the ? of the address cannot be read.") from None
