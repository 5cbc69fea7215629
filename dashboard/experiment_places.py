"""Where an experiment can run: published policies, and of the chosen one every rule and the default, with what stands in the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard.use_words import describe_use
from routerapp.models import Policy
from routerapp.serving.experiment_documents import uses_of


@dataclass(frozen=True, slots=True)
class Place:
    """One rule of a published policy. hindrance: why no experiment can run here; empty when one can."""

    policy: str
    rule: str
    name: str
    use: Mapping[str, Any] = field(hash=False)
    hindrance: str = ""

    @property
    def today(self) -> str:
        return describe_use(self.use)


@dataclass(frozen=True, slots=True)
class Places:
    """policies: (slug, name) of every published one."""

    policies: tuple[tuple[str, str], ...]
    documents: Mapping[str, Mapping[str, Any]]

    def of(self, policy: str) -> tuple[Place, ...]:
        return tuple(_places(policy, self.documents[policy])) if policy in self.documents else ()

    def find(self, policy: str, rule: str) -> Place | None:
        return next((place for place in self.of(policy) if place.rule == rule), None)

    def first(self, policy: str = "") -> Place | None:
        """The place to start from: in this policy, or in the first one where an experiment can run."""
        for slug in [policy] if policy in self.documents else [slug for slug, _ in self.policies]:
            for place in reversed(self.of(slug)):
                if not place.hindrance:
                    return place
        return None


def load_places() -> Places:
    """The default policy first, as most traffic goes there."""
    rows = (
        Policy.objects.filter(archived_at=None, live_version__isnull=False)
        .select_related("live_version")
        .order_by("-is_default", "name")
    )
    found = [(row.slug, row.name, row.live_version.document) for row in rows if row.live_version]
    return Places(tuple((slug, name) for slug, name, _ in found), {slug: document for slug, _, document in found})


def _places(policy: str, document: Mapping[str, Any]) -> Iterator[Place]:
    off = {rule["id"] for rule in document.get("rules", ()) if rule.get("enabled", True) is False}
    for rule, name, use in uses_of(document):
        hindrance = ""
        if "reject" in use:
            hindrance = "refuses its requests"
        elif (use.get("strategy") or {}).get("kind") == "split":
            hindrance = "runs an experiment already"
        elif rule in off:
            hindrance = "is switched off"
        yield Place(policy, rule, name, use, hindrance)
