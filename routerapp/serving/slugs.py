"""Slugs: chosen once, never changed, never used again, because recorded traffic names things by them."""

from __future__ import annotations

import re
from typing import Any

from django.db import models

from routerapp.serving.refusals import invalid

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?\Z")
RESERVED = frozenset(
    {"auto", "router", "policy", "all", "default_policy", "new", "providers", "deployments", "dimensions", "models"}
)
MAX_SLUG = 60


def checked_slug(slug: Any, rows: models.QuerySet[Any], kind: str) -> str:
    """The slug, when it is well formed and no row has or had it (archived rows keep theirs)."""
    if not isinstance(slug, str) or not _SLUG.match(slug) or len(slug) > _limit(rows):
        raise invalid(
            "slug",
            "bad_slug",
            f"A slug has at most {_limit(rows)} lower-case letters, digits, - and _, and starts and ends with a letter or digit.",
        )
    if slug in RESERVED:
        raise invalid("slug", "reserved", f"{slug} has a meaning of its own; choose another.")
    if rows.filter(slug=slug).exists():
        raise invalid("slug", "taken", f"{slug} is or was the slug of another {kind}; slugs are never used again.")
    return slug


def _limit(rows: models.QuerySet[Any]) -> int:
    """Traffic rows keep 60 characters of any slug; some columns are narrower."""
    return min(MAX_SLUG, rows.model._meta.get_field("slug").max_length or MAX_SLUG)
