"""What Gemini answered goes back to it as it came: parts, ids, arguments and thought signatures."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from routerapp.providers.gemini.adapter import GeminiAdapter
from tests.providers import gemini as wire
from tests.providers.chats import make_chat, make_target

ADAPTER = GeminiAdapter(now_seconds=lambda: 1_700_000_000)
TARGET = make_target(kind="gemini", options={"missing_signature": "omit"})

names = st.text("abcdefgh_", min_size=1, max_size=12)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
calls = st.builds(
    lambda name, args, number: {"functionCall": {"name": name, "args": args, "id": f"id-{number}"}},
    names,
    st.dictionaries(texts, values, max_size=3),
    st.integers(0, 10_000),
)


@given(
    text=texts | st.just(""),
    found=st.lists(calls, max_size=3, unique_by=lambda part: part["functionCall"]["id"]),
    signature=st.sampled_from([None, "c2lnbmF0dXJl", "YQ=="]),
)
def test_what_gemini_answered_goes_back_to_it_as_it_came(
    text: str, found: list[dict[str, Any]], signature: str | None
) -> None:
    parts: list[dict[str, Any]] = [{"text": text}] if text else []
    parts += found
    if not parts:
        return
    signed = next((part for part in parts if "functionCall" in part), parts[-1])
    if signature is not None:
        signed["thoughtSignature"] = signature
    reply = ADAPTER.read_reply(make_chat(), 200, {}, wire.whole(wire.candidate(*parts)))
    message = json.loads(reply.body)["choices"][0]["message"]

    chat = make_chat(messages=[{"role": "user", "content": "Go"}, message])
    body = json.loads(ADAPTER.build_request(chat, TARGET, {}).body)

    assert body["contents"][1] == {"role": "model", "parts": parts}
