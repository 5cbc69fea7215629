"""The same call as curl, Python and JavaScript, ready to paste. The key is a placeholder unless one is given."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

KEY_VARIABLE = "$SIGNALBOX_API_KEY"


def base_url(request: HttpRequest) -> str:
    return f"{request.scheme}://{request.get_host()}/v1"


def curl_sample(request: HttpRequest, body: Mapping[str, Any], key: str = "") -> str:
    """Single quotes hold the body, so nothing in it is read by a shell."""
    authorization = f'"Authorization: Bearer {key or KEY_VARIABLE}"'
    flag = " -N" if body.get("stream") else ""
    return (
        f"curl{flag} {shlex.quote(base_url(request) + '/chat/completions')} \\\n"
        f"  -H {authorization} \\\n"
        f"  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(json.dumps(body, ensure_ascii=False))}"
    )


def python_sample(request: HttpRequest, body: Mapping[str, Any], key: str = "") -> str:
    start, api_key = ("", json.dumps(key)) if key else ("import os\n\n", 'os.environ["SIGNALBOX_API_KEY"]')
    arguments = "".join(f"    {name}={_python(value)},\n" for name, value in body.items())
    end = (
        'for chunk in answer:\n    if chunk.choices:\n        print(chunk.choices[0].delta.content or "", end="")\n'
        if body.get("stream")
        else "print(answer.choices[0].message.content)\n"
    )
    return (
        f"{start}from openai import OpenAI\n\n"
        f"client = OpenAI(\n    base_url={json.dumps(base_url(request))},\n    api_key={api_key},\n)\n"
        f"answer = client.chat.completions.create(\n{arguments})\n{end}"
    )


def anthropic_sample(request: HttpRequest, body: Mapping[str, Any], key: str = "") -> str:
    """Anthropic's own client: its address ends before /v1, and it always says how long an answer may be."""
    start, api_key = ("", json.dumps(key)) if key else ("import os\n\n", 'os.environ["SIGNALBOX_API_KEY"]')
    address = base_url(request).removesuffix("/v1")
    arguments = "".join(f"    {name}={_python(value)},\n" for name, value in {**body, "max_tokens": 1000}.items())
    return (
        f"{start}from anthropic import Anthropic\n\n"
        f"client = Anthropic(\n    base_url={json.dumps(address)},\n    api_key={api_key},\n)\n"
        f"answer = client.messages.create(\n{arguments})\nprint(answer.content[0].text)\n"
    )


def javascript_sample(request: HttpRequest, body: Mapping[str, Any]) -> str:
    text = json.dumps(body, indent=2, ensure_ascii=False).replace("\n", "\n  ")
    end = (
        'for await (const chunk of answer) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");\n'
        if body.get("stream")
        else "console.log(answer.choices[0].message.content);\n"
    )
    return (
        'import OpenAI from "openai";\n\n'
        f"const client = new OpenAI({{ baseURL: {json.dumps(base_url(request))}, "
        "apiKey: process.env.SIGNALBOX_API_KEY });\n"
        f"const answer = await client.chat.completions.create({text});\n{end}"
    )


def _python(value: Any) -> str:
    """A JSON value as Python writes it; text by JSON's rules, which Python reads the same."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {_python(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_python(inner) for inner in value) + "]"
    return repr(value)
