"""Body extras of ours and of OpenRouter: checked by name and type, turned into RouterExtras, never sent upstream.

They can only narrow what a policy allows. A key that would have no effect is refused, so that nobody believes it had one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from routerapp.engine.chat import RouterExtras
from routerapp.engine.constraints import Constraints, parse_constraints
from routerapp.engine.problems import PolicyError
from routerapp.gateway.json_guard import bad_request, decode_any

EXTRA_FIELDS = frozenset({"models", "fallbacks", "tags", "metadata", "user", "provider", "router", "route"})
ROUTER_KEYS = (
    "policy",
    "version",
    "objective",
    "constraints",
    "sticky_key",
    "explain",
    "dry_run",
    "tags",
)
PROVIDER_KEYS = ("order", "only", "ignore", "allow_fallbacks", "max_price", "data_collection")
OBJECTIVES = ("quality", "cost", "latency", "reliability")
MAX_NAMES = 50
MAX_CHARACTERS = 512


def parse_extras(fields: Mapping[str, msgspec.Raw]) -> RouterExtras:
    """Raises Refused 400 naming the member that cannot be used."""
    present = {name: decode_any(fields[name], name) for name in EXTRA_FIELDS & fields.keys()}
    router = _object(present.get("router"), "router", ROUTER_KEYS)
    provider = _object(present.get("provider"), "provider", PROVIDER_KEYS)
    if present.get("route") not in (None, "fallback"):
        raise bad_request("invalid_value", 'route: only "fallback" is known.', "route")
    version = router.get("version")
    if version is not None and (not isinstance(version, int) or isinstance(version, bool) or version < 1):
        raise bad_request("invalid_type", "router.version must be a whole number from 1.", "router.version")
    constraints = _constraints(router.get("constraints"), "router.constraints").narrow(
        _constraints(_provider_constraints(provider), "provider")
    )
    return RouterExtras(
        policy=_text(router.get("policy"), "router.policy"),
        version=version,
        models=_names(present.get("models"), "models"),
        fallbacks=_names(present.get("fallbacks"), "fallbacks"),
        tags=_tags(present, router),
        metadata=_metadata(present.get("metadata")),
        user=_text(present.get("user"), "user"),
        sticky_key=_text(router.get("sticky_key"), "router.sticky_key"),
        objective=_objective(router.get("objective")),
        constraints=constraints.document(),
        explain=_flag(router.get("explain"), "router.explain"),
        dry_run=_flag(router.get("dry_run"), "router.dry_run"),
    )


def _constraints(document: Any, path: str) -> Constraints:
    try:
        return parse_constraints(_mapping(document, path), path)
    except PolicyError as error:
        problem = error.problems[0]
        raise bad_request("invalid_constraint", f"{problem.path}: {problem.message}", problem.path) from None


def _object(value: Any, name: str, known: tuple[str, ...]) -> dict[str, Any]:
    members = _mapping(value, name)
    for key in members:
        if key not in known:
            raise bad_request(
                "unknown_field", f"{name}.{key[:60]} is not known. Known: {', '.join(known)}.", f"{name}.{key[:60]}"
            )
    return members


def _mapping(value: Any, name: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_request("invalid_type", f"{name} must be an object.", name)
    return value


def _text(value: Any, name: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_CHARACTERS:
        raise bad_request("invalid_type", f"{name} must be text of at most {MAX_CHARACTERS} characters.", name)
    return value or None


def _flag(value: Any, name: str) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise bad_request("invalid_type", f"{name} must be true or false.", name)
    return value


def _names(value: Any, name: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if (
        not isinstance(value, list)
        or len(value) > MAX_NAMES
        or not all(isinstance(one, str) and 0 < len(one) <= MAX_CHARACTERS for one in value)
    ):
        raise bad_request("invalid_type", f"{name} must be a list of at most {MAX_NAMES} names.", name)
    return tuple(value)


def _tags(present: Mapping[str, Any], router: Mapping[str, Any]) -> tuple[str, ...]:
    """tags, router.tags and metadata.tags (LiteLLM's place) together, each once, in the order written."""
    metadata = present.get("metadata")
    nested = metadata.get("tags") if isinstance(metadata, dict) else None
    tags = (
        *_names(present.get("tags"), "tags"),
        *_names(router.get("tags"), "router.tags"),
        *(_names(nested, "metadata.tags") if isinstance(nested, list) else ()),
    )
    return tuple(dict.fromkeys(tags))


def _metadata(value: Any) -> dict[str, str]:
    """Values become text: rules compare text. Lists and objects are left out, but for tags read above."""
    members = _mapping(value, "metadata")
    if len(members) > MAX_NAMES:
        raise bad_request("too_many", f"metadata may have at most {MAX_NAMES} members.", "metadata")
    plain: dict[str, str] = {}
    for name, member in members.items():
        if isinstance(member, str):
            plain[name[:MAX_CHARACTERS]] = member[:MAX_CHARACTERS]
        elif isinstance(member, bool):
            plain[name[:MAX_CHARACTERS]] = "true" if member else "false"
        elif isinstance(member, int | float):
            plain[name[:MAX_CHARACTERS]] = str(member)[:MAX_CHARACTERS]
    return plain


def _objective(value: Any) -> dict[str, float]:
    weights = _object(value, "router.objective", OBJECTIVES)
    for name, weight in weights.items():
        if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 <= weight <= 1:
            raise bad_request(
                "invalid_value", f"router.objective.{name} must be a number from 0 to 1.", f"router.objective.{name}"
            )
    if weights and not any(weights.values()):
        raise bad_request("invalid_value", "router.objective needs one weight above 0.", "router.objective")
    return {name: float(weight) for name, weight in weights.items()}


def _provider_constraints(provider: Mapping[str, Any]) -> dict[str, Any]:
    """OpenRouter's provider object as constraints. order ranks there; here the policy ranks, so it needs allow_fallbacks false."""
    allows_fallbacks = provider.get("allow_fallbacks")
    if allows_fallbacks is not None:
        allows_fallbacks = _flag(allows_fallbacks, "provider.allow_fallbacks")
    order = _names(provider.get("order"), "provider.order")
    if order and allows_fallbacks is not False:
        raise bad_request(
            "unsupported_value",
            "provider.order is honoured with provider.allow_fallbacks false only (then as provider.only): the policy ranks.",
            "provider.order",
        )
    if provider.get("data_collection") not in (None, "allow"):
        raise bad_request(
            "unsupported_value",
            "provider.data_collection cannot be promised here. Use router.constraints.residency or a policy.",
            "provider.data_collection",
        )
    constraints: dict[str, Any] = {}
    only = _names(provider.get("only"), "provider.only")
    if only and order:
        order = tuple(name for name in order if name in only)
        if not order:
            raise bad_request(
                "invalid_value", "provider.order and provider.only have no provider in common.", "provider.order"
            )
    if only or order:
        constraints["providers"] = list(order or only)
    if ignored := _names(provider.get("ignore"), "provider.ignore"):
        constraints["exclude"] = [f"provider:{name}" for name in ignored]
    return constraints | _max_price(provider.get("max_price"))


def _max_price(value: Any) -> dict[str, Any]:
    """USD per million tokens, as OpenRouter has it."""
    limits = _object(value, "provider.max_price", ("prompt", "completion"))
    names = {"prompt": "max_input_usd_per_mtok", "completion": "max_output_usd_per_mtok"}
    for name, limit in limits.items():
        if not isinstance(limit, int | float | str) or isinstance(limit, bool):
            raise bad_request(
                "invalid_type", f"provider.max_price.{name} must be a number.", f"provider.max_price.{name}"
            )
    return {names[name]: limit for name, limit in limits.items()}
