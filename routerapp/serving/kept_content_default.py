"""What a policy made from a template keeps of prompts and answers, unless its document says. Existing policies are their documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routerapp.models import InstallationState

SETTING = "kept_content"
OFF: Mapping[str, Any] = {"keep": "off"}


def with_kept_content(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the installation's `content`, where it is on and the document has none of its own."""
    stored = InstallationState.objects.filter(id=1).values_list("settings", flat=True).first() or {}
    default = stored.get(SETTING, OFF)
    if default.get("keep", "off") == "off" or "content" in document:
        return dict(document)
    return {**document, "content": dict(default)}
