"""A provider's fields, judged together: its preset belongs to its kind, its options are the kind's own, its address may be called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routerapp.models import ProviderKind
from routerapp.providers.options import check_options
from routerapp.providers.presets import Preset, presets
from routerapp.serving.addresses import checked_address
from routerapp.serving.refusals import Invalid, invalid


def kind_of(kind: str, preset: str) -> str:
    """The kind that was given, else the preset's."""
    found = _preset(preset) if preset else None
    return kind or (found.kind if found else "")


def checked_provider(fields: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The fields that were given, ready to assign. An address left empty is the preset's."""
    checked = dict(fields)
    preset = _preset_of_kind(checked["preset"], kind) if checked.get("preset") else None
    if "base_url" in checked:
        address = checked["base_url"] or ""
        if not address.strip() and preset is not None and preset.is_complete:
            address = preset.base_url
        checked["base_url"] = checked_address(address, kind, "base_url")
    if "options" in checked:
        if problems := check_options(kind, checked["options"]):
            raise Invalid(problems)
        checked["options"] = dict(checked["options"])
    return checked


def _preset_of_kind(name: Any, kind: str) -> Preset:
    preset = _preset(name)
    if preset.kind != kind:
        label = ProviderKind(preset.kind).label
        raise invalid("preset", "wrong_kind", f"The preset {preset.name} is for providers of kind {label}.")
    return preset


def _preset(name: Any) -> Preset:
    found = presets().get(name) if isinstance(name, str) else None
    if found is None:
        raise invalid(
            "preset", "unknown_preset", f"There is no preset {str(name)[:40]!r}. Known: {', '.join(presets())}."
        )
    return found
