"""The names a key may send as `model`: auto, policies, aliases, and the models it may pin. Told in the shape of the caller's dialect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from routerapp.engine.config import Config, binding_constraints
from routerapp.engine.constraints import Constraints
from routerapp.engine.references import Reference
from routerapp.engine.types import CallerFacts, DeploymentFacts, LanguageModelFacts

CHAT = "chat"
# When a model was made is not known here; both dialects ask for an instant.
_UNKNOWN_SECONDS, _UNKNOWN_INSTANT = 0, "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Listed:
    """One name. model: what a pin goes to; None for a name behind which the policy chooses."""

    name: str
    owned_by: str
    model: LanguageModelFacts | None = None

    def to_openai(self) -> dict[str, Any]:
        """modality says which endpoint a model serves."""
        about = {"id": self.name, "object": "model", "created": _UNKNOWN_SECONDS, "owned_by": self.owned_by}
        return about if self.model is None else {**about, "modality": self.model.modality}

    def to_anthropic(self) -> dict[str, Any]:
        model = self.model
        return {
            "id": self.name,
            "type": "model",
            "display_name": self.name if model is None else model.name,
            "created_at": _UNKNOWN_INSTANT,
            "lifecycle": "active",
            "max_input_tokens": None if model is None else model.context_window,
            "max_tokens": None if model is None else model.max_output_tokens,
        }

    @property
    def is_chat(self) -> bool:
        return self.model is None or self.model.modality == CHAT


def list_names(config: Config, caller: CallerFacts) -> list[Listed]:
    """Each name once. What a key's binding constraints name outright as out of reach is left out."""
    limits = binding_constraints(config, caller.slug)
    reachable = [one for one in config.deployments.values() if one.is_enabled and not _is_out(one, limits)]
    names = ["auto", *(f"policy/{slug}" for slug, entry in sorted(config.policies.items()) if entry.live)]
    found = {name: Listed(name, "router") for name in (*names, *sorted(config.aliases))}
    for one in sorted(reachable, key=lambda one: one.slug):
        name = f"{one.provider}/{one.model}"
        found[name] = Listed(name, one.provider, config.models[one.model])
    return list(found.values())


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
