"""Weights of pool members, as `round_robin`, `weighted` and `consistent_hash` read them."""

from __future__ import annotations

from collections.abc import Mapping

from routerapp.engine.references import parse_target
from routerapp.engine.section import Section
from routerapp.engine.types import DeploymentFacts

Shares = Mapping[str, float]


def read_shares(section: Section, *, whole: bool = False) -> Shares:
    """{"deployment:a" | "model:m": weight}; a bare slug is a deployment. Empty: weights of the catalogue."""
    shares: dict[str, float] = {}
    for name, weight in section.weights("weights", whole=whole).items():
        reference = parse_target(name)
        if reference is None or reference.kind not in ("deployment", "model"):
            section.refuse(
                f"weights.{name}", "bad_reference", "Weights are given to deployment:<slug> or model:<slug>."
            )
        else:
            shares[str(reference)] = weight
    return shares


def share_of(shares: Shares, deployment: DeploymentFacts) -> float:
    """The deployment's own weight, else its model's, else none; without any weights written, the catalogue's."""
    if not shares:
        return deployment.weight
    own = shares.get(f"deployment:{deployment.slug}")
    return own if own is not None else shares.get(f"model:{deployment.model}", 0)
