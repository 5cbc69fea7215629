"""The names a key may send as `model`: auto, policies, aliases, and the models it may pin."""

from __future__ import annotations

from typing import Any

from routerapp.engine.config import Config, binding_constraints
from routerapp.engine.constraints import Constraints
from routerapp.engine.references import Reference
from routerapp.engine.types import CallerFacts, DeploymentFacts


def list_names(config: Config, caller: CallerFacts) -> list[dict[str, Any]]:
    """In the OpenAI shape; modality says which endpoint a model serves. What a key's binding constraints name outright as out of reach is left out."""
    limits = binding_constraints(config, caller.slug)
    reachable = [one for one in config.deployments.values() if one.is_enabled and not _is_out(one, limits)]
    names: dict[str, dict[str, str]] = {"auto": {"owned_by": "router"}}
    names |= {f"policy/{slug}": {"owned_by": "router"} for slug, entry in sorted(config.policies.items()) if entry.live}
    names |= {alias: {"owned_by": "router"} for alias in sorted(config.aliases)}
    for one in sorted(reachable, key=lambda one: one.slug):
        modality = config.models[one.model].modality
        names[f"{one.provider}/{one.model}"] = {"owned_by": one.provider, "modality": modality}
    return [{"id": name, "object": "model", "created": 0, **about} for name, about in names.items()]


def _is_out(deployment: DeploymentFacts, limits: Constraints) -> bool:
    named = (
        (limits.providers, deployment.provider),
        (limits.models, deployment.model),
        (limits.deployments, deployment.slug),
        (limits.regions, deployment.region),
    )
    excluded = (
        Reference("provider", deployment.provider),
        Reference("model", deployment.model),
        Reference("deployment", deployment.slug),
        *(Reference("tag", tag) for tag in deployment.tags),
    )
    return any(allowed is not None and value not in allowed for allowed, value in named) or not (
        limits.exclude.isdisjoint(excluded)
    )
