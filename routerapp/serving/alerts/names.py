"""Names of rules and channels, and the slugs made from them."""

from __future__ import annotations

import secrets
from typing import Any

from django.db import models
from django.utils.text import slugify

from routerapp.serving.refusals import invalid
from routerapp.serving.slugs import RESERVED, checked_slug


def checked_name(name: Any) -> str:
    is_good = isinstance(name, str) and 0 < len(name.strip()) <= 100 and name.isprintable()
    if not is_good:
        raise invalid("name", "bad_name", "A name has 1 to 100 printable characters.")
    return str(name).strip()


def new_slug(wanted: str, name: str, rows: models.QuerySet[Any], noun: str) -> str:
    """The one that was asked for, else one made from the name."""
    return checked_slug(wanted, rows, noun) if wanted else free_slug(name, rows, noun)


def free_slug(name: str, rows: models.QuerySet[Any], fallback: str) -> str:
    base = slugify(name)[:40].strip("-_") or fallback
    if base in RESERVED or rows.filter(slug=base).exists():
        return f"{base}-{secrets.token_hex(3)}"
    return base
