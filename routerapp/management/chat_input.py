"""A chat from the command line: a prompt, or a body as a caller would send it, from an argument, a file or standard input."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson

from routerapp.engine.chat import Chat, RouterExtras
from routerapp.engine.types import CallerFacts
from routerapp.management.json_command import USAGE, Failed, read_input
from routerapp.serving.documents import refuse_unstorable
from routerapp.serving.refusals import Invalid
from routerapp.serving.runtime import Runtime
from routerapp.serving.simulate import ANYBODY

MOST_BYTES = 4_000_000
# Extras that narrow are the route API's; these three only describe the request.
DESCRIBING = ("tags", "metadata", "user")
REFUSED_EXTRAS = ("router", "models", "fallbacks", "provider")


def chat_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("prompt", nargs="?", help="what the user says; without it --file is read")
    parser.add_argument("--file", metavar="FILE", help="a prompt, or a JSON body with messages; - reads standard input")
    parser.add_argument("--policy", metavar="SLUG", help="route by this policy instead of the default one")
    parser.add_argument("--version", metavar="N", type=int, help="a published version of --policy, not the live one")
    parser.add_argument("--draft", metavar="ID", type=int, help="route by this draft")
    parser.add_argument("--model", metavar="NAME", help="the name a caller would send as model")
    parser.add_argument("--key", metavar="SLUG", help="as this API key: its team, default policy and constraints")


def read_chat(options: Mapping[str, Any]) -> Chat:
    """Raises Failed."""
    if bool(options["prompt"]) == bool(options["file"]):
        _usage("Give a prompt or --file, one of them.")
    text = options["prompt"] or read_input(options["file"], MOST_BYTES)
    body = _body(text) if options["file"] else _prompt(text)
    if options["model"] or options["policy"]:
        body = {**body, "model": options["model"] or f"policy/{options['policy']}"}
    return _chat(body)


def subject_of(options: Mapping[str, Any]) -> str:
    """What simulate() calls a draft or a version; empty for the chat's own model name."""
    chosen = [name for name in ("policy", "draft", "model") if options[name]]
    if len(chosen) > 1:
        _usage(f"--{chosen[0]} and --{chosen[1]} contradict each other.")
    if options["version"] is not None and not options["policy"]:
        _usage("--version needs --policy.")
    if options["draft"] is not None:
        return f"draft:{options['draft']}"
    return f"version:{options['policy']}@{options['version']}" if options["version"] is not None else ""


def caller_of(options: Mapping[str, Any], runtime: Runtime) -> CallerFacts:
    if not options["key"]:
        return ANYBODY
    caller = runtime.snapshot.config.callers.get(options["key"])
    if caller is None:
        raise Failed(f"There is no key {options['key'][:60]} that works.", code="not_found", exit_code=USAGE)
    return caller


def _prompt(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def _body(text: str) -> dict[str, Any]:
    """A file that holds a JSON object is a body; any other text is a prompt."""
    if not text.lstrip().startswith("{"):
        return _prompt(text)
    try:
        body = json.loads(text)
        refuse_unstorable(body)
    except (ValueError, RecursionError):
        return _prompt(text)
    except Invalid as error:
        _usage(f"The body cannot be used: {error}")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(_is_message(one) for one in messages):
        _usage("A body needs messages: a list of objects, each with a role and a content.")
    wrong = [name for name in REFUSED_EXTRAS if name in body]
    if wrong:
        _usage(f"{wrong[0]} is for POST /v1/router/route; here are --policy, --version, --model and --key.")
    return dict(body)


def _is_message(one: Any) -> bool:
    if not isinstance(one, dict) or not isinstance(one.get("role"), str):
        return False
    content = one.get("content")
    return (
        content is None
        or isinstance(content, str)
        or (isinstance(content, list) and all(isinstance(part, dict) for part in content))
    )


def _chat(body: Mapping[str, Any]) -> Chat:
    tools, form, most = body.get("tools") or [], body.get("response_format"), body.get("max_tokens")
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        _usage("tools is a list of objects.")
    if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
        _usage("max_tokens is a whole number from 1.")
    model = body.get("model", "auto")
    if not isinstance(model, str) or not 0 < len(model) <= 200:
        _usage("model is text of 1 to 200 characters.")
    fields = {name: orjson.dumps(value) for name, value in body.items() if name not in DESCRIBING}
    return Chat(
        requested_model=model,
        fields=fields,
        messages=tuple(body["messages"]),
        tools=tuple(tools),
        is_streaming=body.get("stream") is True,
        max_tokens=most,
        response_format=str(form["type"]) if isinstance(form, dict) and "type" in form else None,
        extras=_extras(body),
        body_bytes=sum(map(len, fields.values())),
    )


def _extras(body: Mapping[str, Any]) -> RouterExtras:
    tags, metadata, user = body.get("tags", []), body.get("metadata", {}), body.get("user")
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        _usage("tags is a list of text.")
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        _usage("metadata is an object of text.")
    if user is not None and not isinstance(user, str):
        _usage("user is text.")
    return RouterExtras(tags=tuple(tags), metadata=metadata, user=user)


def _usage(message: str) -> NoReturn:
    raise Failed(message, code="usage", exit_code=USAGE)
