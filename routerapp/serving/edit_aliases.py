"""Names callers may send as `model`, each leading to a policy, a language model or a deployment."""

from __future__ import annotations

import re
from typing import Any

from routerapp.models import Alias, Deployment, LanguageModel, Policy, Provider
from routerapp.serving.changes import changing, find, save_valid
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import invalid

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}\Z")
# Forms that callers' names have already (DESIGN §3); an alias must not shadow them.
_TAKEN_FORMS = ("router/", "policy/", "router-")
_TARGETS: dict[str, Any] = {"policy": Policy, "model": LanguageModel, "deployment": Deployment}


def set_alias(name: str, target: str, *, by: Actor) -> Alias:
    """Add the alias, or lead it elsewhere."""
    with changing(by, "edit_alias", f"alias:{name}", event="set_alias") as change:
        _check_name(name)
        _check_target(target)
        alias = Alias.objects.filter(name=name).first() or Alias(name=name)
        change.before = {"target": alias.target} if alias.pk else None
        alias.target = target
        save_valid(alias)
        change.after = {"target": target}
    return alias


def remove_alias(name: str, *, by: Actor) -> None:
    with changing(by, "edit_alias", f"alias:{name}", event="remove_alias") as change:
        alias = find(Alias.objects.all(), "alias", name=name)
        change.before = {"target": alias.target}
        alias.delete()


def _check_name(name: str) -> None:
    if not _NAME.match(name):
        raise invalid(
            "name",
            "bad_name",
            "An alias has 1 to 100 letters, digits and . _ : / -, and starts with a letter or digit.",
        )
    if name == "auto" or name.startswith(_TAKEN_FORMS):
        raise invalid("name", "reserved", f"{name} has a meaning of its own; choose another.")
    if "/" in name and Provider.objects.filter(slug=name.split("/")[0]).exists():
        raise invalid("name", "reserved", f"{name} would hide a model of the provider {name.split('/')[0]}.")


def _check_target(target: str) -> None:
    kind, _, slug = target.partition(":")
    if kind not in _TARGETS:
        raise invalid("target", "bad_target", "A target is policy:<slug>, model:<slug> or deployment:<slug>.")
    if not _TARGETS[kind].objects.filter(slug=slug, archived_at=None).exists():
        raise invalid("target", "unknown_reference", f"There is no {kind} {slug}.")
