"""Payloads of Gemini's API as its documentation shows them: https://ai.google.dev/api/generate-content."""

from __future__ import annotations

import json
from typing import Any

USAGE = {
    "promptTokenCount": 11,
    "candidatesTokenCount": 3,
    "thoughtsTokenCount": 20,
    "cachedContentTokenCount": 4,
    "totalTokenCount": 34,
}


def candidate(*parts: dict[str, Any], finish: str | None = "STOP", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0, **more}
    return found if finish is None else {**found, "finishReason": finish}


def whole(*candidates: dict[str, Any], **more: Any) -> bytes:
    document: dict[str, Any] = {
        "candidates": list(candidates),
        "usageMetadata": USAGE,
        "modelVersion": "gemini-3.5-flash",
        "responseId": "resp-1",
    }
    return json.dumps({**document, **more}).encode()


def event(*candidates: dict[str, Any], **more: Any) -> bytes:
    return b"data: " + whole(*candidates, **more) + b"\r\n\r\n"


def error(code: int, status: str, message: str = "It failed.", *details: dict[str, Any]) -> bytes:
    return json.dumps(
        {"error": {"code": code, "status": status, "message": message, "details": list(details)}}
    ).encode()


def error_info(reason: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}


def retry_info(delay: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
