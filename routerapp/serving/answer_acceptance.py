"""Whether an answer passes a cascade's checks. Reads the answer as hostile text: bounded, nothing of it is run, fetched or kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jsonschema_rs
import msgspec

from routerapp.engine.answer_checks import Check
from routerapp.engine.chat import Chat
from routerapp.engine.text_match import compile_pattern
from routerapp.serving.answer_text import AnswerText
from routerapp.serving.log_probabilities import LogProbabilities
from routerapp.store.records import AttemptEnd

NOT_ACCEPTED = "not_accepted:"
# How an answer that declines begins. Only its start is read: a long answer that mentions what it cannot do is an answer.
REFUSAL_CHARACTERS = 240
_CANNOT = r"(?:can'?t|cannot|can not|could not|couldn't|am unable to|am not able to|won't|will not|must decline|have to decline)"
_REFUSAL = "|".join(
    rf"(?i:^[\s\"'*>#-]*{start})"
    for start in (
        rf"(?:i'?m|i am|we are|we're) (?:very |so |really |truly )?(?:sorry|afraid)[^.]{{0,80}}\b(?:{_CANNOT}|unable|not able)",
        rf"(?:sorry|apologies|unfortunately)[,.:]?[^.]{{0,40}}\b(?:i|we) {_CANNOT}",
        rf"(?:as an? (?:ai|language model|ai language model)[^.]{{0,60}},? )?(?:i|we) {_CANNOT} (?:help(?: you| with| out| there|[.,!;]|$)|assist|provide|comply|"
        r"fulfil|fulfill|answer|do|create|write|generate|discuss|support|engage|share|continue|that|this)",
        r"(?:es tut mir leid|tut mir leid|lo siento|je suis désolé|mi dispiace|desculpe|申し訳|抱歉|很抱歉|对不起)",
    )
)
# A schema's own patterns and an answer's size: what one check may cost is bounded.
SCHEMA_ANSWER_BYTES = 131_072
_FINISHED = ("stop", "end_turn", "stop_sequence", "tool_calls", "tool_use", "function_call")


def is_refused(attempt: AttemptEnd) -> bool:
    """Whether this answer did not pass the checks of its step."""
    return any(warning.startswith(NOT_ACCEPTED) for warning in attempt.warnings)


class WrittenAnswer:
    """What the checks may read of one answer: its text, how it ended, its mean log probability (None: not given)."""

    def __init__(self, data: bytes, *, is_stream: bool) -> None:
        text, log_probabilities = AnswerText(), LogProbabilities()
        if is_stream:
            text.take_events(data)
            log_probabilities.take_events(data)
        else:
            text.take_body(data)
            log_probabilities.take_body(data)
        first: Mapping[str, Any] = text.choices[0] if text.choices else {}
        self.text = str(first.get("content", ""))
        self.refusal = str(first.get("refusal", ""))
        self.finish_reason = str(first.get("finish_reason", ""))
        self.calls_tools = bool(first.get("tool_calls"))
        self.is_cut = text.is_cut
        self.mean_log_probability = log_probabilities.mean


def failed_checks(checks: tuple[Check, ...], chat: Chat, answer: WrittenAnswer) -> tuple[str, ...]:
    """The kinds that it does not pass, in order; empty where it is accepted. A call of a tool has no text to be checked."""
    return tuple(check.kind for check in checks if not _MAKERS[check.kind](check.value, chat, answer))


def _is_complete(value: None, chat: Chat, answer: WrittenAnswer) -> bool:
    return answer.finish_reason in _FINISHED


def _is_not_refused(value: None, chat: Chat, answer: WrittenAnswer) -> bool:
    if answer.refusal or answer.finish_reason in ("content_filter", "refusal"):
        return False
    return answer.calls_tools or compile_pattern(_REFUSAL).search(answer.text[:REFUSAL_CHARACTERS]) is None


def _has_characters(value: int, chat: Chat, answer: WrittenAnswer) -> bool:
    return answer.calls_tools or len(answer.text.strip()) >= value


def _matches(value: str, chat: Chat, answer: WrittenAnswer) -> bool:
    return compile_pattern(value).search(answer.text) is not None


def _does_not_match(value: str, chat: Chat, answer: WrittenAnswer) -> bool:
    return not _matches(value, chat, answer)


def _is_probable(value: float, chat: Chat, answer: WrittenAnswer) -> bool:
    mean = answer.mean_log_probability
    return mean is not None and mean >= value


def _follows_schema(value: Mapping[str, Any] | None, chat: Chat, answer: WrittenAnswer) -> bool:
    """JSON of the policy's schema, else of the request's; an object where neither has one."""
    if answer.calls_tools:
        return True
    if answer.is_cut:
        return False
    return is_json_of(value if value is not None else _asked_schema(chat), answer.text)


def is_json_of(schema: Mapping[str, Any] | None, text: str) -> bool:
    """Whether the text is JSON of this schema; an object where there is none."""
    text = text.strip()
    if len(text) > SCHEMA_ANSWER_BYTES:
        return False
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return False
    if schema is None:
        return isinstance(document, dict)
    try:
        return bool(schema_validator(schema).is_valid(document))
    except (jsonschema_rs.ValidationError, ValueError, RecursionError):
        return False


def _asked_schema(chat: Chat) -> Mapping[str, Any] | None:
    raw = chat.fields.get("response_format")
    try:
        asked = msgspec.json.decode(raw) if raw is not None else None
    except msgspec.DecodeError:
        return None
    schema = asked.get("json_schema") if isinstance(asked, dict) else None
    inner = schema.get("schema") if isinstance(schema, dict) else None
    return inner if isinstance(inner, dict) else None


def is_schema(schema: Mapping[str, Any]) -> bool:
    """Whether anything can be held to it."""
    try:
        schema_validator(schema)
    except (jsonschema_rs.ValidationError, ValueError, RecursionError):
        return False
    return True


def schema_validator(schema: Mapping[str, Any]) -> Any:
    """References reach nothing outside, and patterns run in linear time. Raises ValueError for what is no schema."""
    return jsonschema_rs.validator_for(
        dict(schema), retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions(size_limit=1 << 20)
    )


def _refuse(address: str) -> Any:
    raise ValueError("A schema may not refer to anything outside itself.")


_MAKERS: Mapping[str, Callable[[Any, Chat, WrittenAnswer], bool]] = {
    "complete": _is_complete,
    "not_refused": _is_not_refused,
    "schema": _follows_schema,
    "min_characters": _has_characters,
    "matches": _matches,
    "not_matches": _does_not_match,
    "log_probability": _is_probable,
}
