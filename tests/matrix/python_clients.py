"""The official Python SDKs doing the jobs of the matrix. What they got comes back as plain values, as from the Node scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import anthropic
import openai

MOST_TURNS = 3
Job = Mapping[str, Any]
Outcome = dict[str, Any]


def run_openai(client: openai.OpenAI, job: Job) -> Outcome:
    try:
        return _embeddings(client, job) if job["kind"] == "embeddings" else _openai_turns(client, job)
    except openai.APIError as error:
        return _refused(error)


def run_anthropic(client: anthropic.Anthropic, job: Job) -> Outcome:
    try:
        return _anthropic_turns(client, job)
    except anthropic.APIError as error:
        return _refused(error)


def _refused(error: openai.APIError | anthropic.APIError) -> Outcome:
    return {"error": f"{error} {json.dumps(error.body)}"}


def _openai_turns(client: openai.OpenAI, job: Job) -> Outcome:
    members = dict(job["members"])
    messages, turns = list(members.pop("messages")), []
    while len(turns) < MOST_TURNS:
        answer = _openai_answer(client, job, messages, members)
        choice, usage = answer.choices[0], answer.usage
        calls = choice.message.tool_calls or []
        turns.append(
            {
                "text": choice.message.content or "",
                "calls": [[call.function.name, json.loads(call.function.arguments)] for call in calls],
                "finish": choice.finish_reason,
                "input": usage.prompt_tokens,
                "output": usage.completion_tokens,
                "cost": usage.model_dump()["cost"],
            }
        )
        if not calls:
            break
        messages.append(choice.message)
        for call in calls:
            city = json.loads(call.function.arguments)["city"]
            result = job["weather"].get(city, "unknown")
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    return {"turns": turns}


def _openai_answer(client: openai.OpenAI, job: Job, messages: list[Any], members: Mapping[str, Any]) -> Any:
    if job["kind"] == "plain":
        return client.chat.completions.create(model=job["model"], messages=messages, **members)
    options = {"include_usage": True}
    with client.chat.completions.stream(
        model=job["model"], messages=messages, stream_options=options, **members
    ) as stream:
        return stream.get_final_completion()


def _embeddings(client: openai.OpenAI, job: Job) -> Outcome:
    answer = client.embeddings.create(model=job["model"], **job["members"])
    return {"vectors": [one.embedding for one in answer.data], "input": answer.usage.prompt_tokens}


def _anthropic_turns(client: anthropic.Anthropic, job: Job) -> Outcome:
    members = dict(job["members"])
    messages, turns = list(members.pop("messages")), []
    while len(turns) < MOST_TURNS:
        message = _anthropic_answer(client, job, messages, members)
        calls = [block for block in message.content if block.type == "tool_use"]
        turns.append(
            {
                "text": "".join(block.text for block in message.content if block.type == "text"),
                "calls": [[call.name, call.input] for call in calls],
                "finish": message.stop_reason,
                "input": message.usage.input_tokens,
                "output": message.usage.output_tokens,
                "cost": message.usage.model_dump().get("cost"),
            }
        )
        if not calls:
            break
        messages.append({"role": "assistant", "content": message.content})
        results = [
            {
                "type": "tool_result",
                "tool_use_id": call.id,
                "content": job["weather"].get(call.input["city"], "unknown"),
            }
            for call in calls
        ]
        messages.append({"role": "user", "content": results})
    return {"turns": turns}


def _anthropic_answer(client: anthropic.Anthropic, job: Job, messages: list[Any], members: Mapping[str, Any]) -> Any:
    if job["kind"] == "plain":
        return client.messages.create(model=job["model"], messages=messages, **members)
    with client.messages.stream(model=job["model"], messages=messages, **members) as stream:
        return stream.get_final_message()
