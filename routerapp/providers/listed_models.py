"""What an upstream's list of models says, whatever its vendor's shape. The list is a stranger's text: bounded and cleaned here, escaped by pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from routerapp.providers.model_lists import Question, models_question

MOST_MODELS = 2_000
LONGEST_NAME = 200
# Vendors answer with a first page of 20 or 50; one page with all is less to wait for.
_WHOLE_PAGE = {"anthropic": "limit=1000", "gemini": "pageSize=1000"}


class NotAList(ValueError):
    """An answer that is no list of models. is_json tells a foreign shape from no JSON at all."""

    def __init__(self, is_json: bool) -> None:
        super().__init__("This is not a list of models.")
        self.is_json = is_json


def whole_list_question(kind: str, base_url: str, credential: str | None, options: Mapping[str, Any]) -> Question:
    """models_question, for as many models as one page has."""
    url, headers = models_question(kind, base_url, credential, options)
    wanted = _WHOLE_PAGE.get(kind)
    if wanted is None:
        return url, headers
    return f"{url}{'&' if urlsplit(url).query else '?'}{wanted}", headers


def read_models(body: bytes) -> tuple[str, ...]:
    """Names to call them by, sorted, each once. Raises NotAList."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise NotAList(is_json=False) from None
    rows = document
    if isinstance(document, Mapping):
        rows = document.get("data", document.get("models"))
    if not isinstance(rows, list):
        raise NotAList(is_json=True)
    names = {name for row in rows[:MOST_MODELS] if (name := _name(row))}
    return tuple(sorted(names))


def _name(row: Any) -> str:
    if isinstance(row, Mapping):
        # Gemini: models/gemini-…; everybody else has an id. Some local servers know neither.
        row = row.get("id") or row.get("name") or row.get("model")
    if not isinstance(row, str):
        return ""
    name = row.strip().removeprefix("models/")
    return name if 0 < len(name) <= LONGEST_NAME and name.isprintable() else ""
