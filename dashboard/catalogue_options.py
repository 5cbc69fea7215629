"""What forms can point at: references, labels and dimensions as they stand in the catalogue. Reads rows, hands out plain values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from routerapp.engine.task_words import TASKS
from routerapp.models import Deployment, Dimension, LanguageModel, Policy, Provider, TaskClass, Team

Choice = tuple[str, str]


@dataclass(frozen=True, slots=True)
class CatalogueOptions:
    """references: labelled groups of (reference, words), as an option list shows them. own_tasks: task classes of the team's own."""

    references: tuple[tuple[str, tuple[Choice, ...]], ...]
    providers: tuple[Choice, ...]
    models: tuple[Choice, ...]
    deployments: tuple[Choice, ...]
    regions: tuple[Choice, ...]
    residency: tuple[Choice, ...]
    tags: tuple[Choice, ...]
    dimensions: tuple[Choice, ...]
    policies: tuple[Choice, ...]
    teams: tuple[Choice, ...]
    own_tasks: tuple[str, ...] = ()

    def words_of(self, reference: str) -> str:
        """The name behind a reference, or the reference itself when nothing has it now."""
        for _, choices in self.references:
            for value, words in choices:
                if value == reference:
                    return words
        return reference

    def knows(self, reference: str) -> bool:
        return any(value == reference for _, choices in self.references for value, _ in choices)


def load_catalogue_options(policy: str = "") -> CatalogueOptions:
    """Everything open at this moment. policy: the one being edited, which cannot refer to itself."""
    models = _choices(LanguageModel.objects.filter(archived_at=None).order_by("name").values_list("slug", "name"))
    providers = _choices(Provider.objects.filter(archived_at=None).order_by("name").values_list("slug", "name"))
    rows = list(
        Deployment.objects.filter(archived_at=None)
        .order_by("slug")
        .values_list("slug", "name", "region", "residency", "tags")
    )
    deployments = _choices((slug, name) for slug, name, *_ in rows)
    tags = _labels(tag for row in rows for tag in row[4])
    policies = _choices(
        Policy.objects.filter(archived_at=None, live_version__isnull=False)
        .exclude(slug=policy)
        .order_by("name")
        .values_list("slug", "name")
    )
    return CatalogueOptions(
        references=_references(models, providers, deployments, tags, policies),
        providers=providers,
        models=models,
        deployments=deployments,
        regions=_labels(row[2] for row in rows if row[2]),
        residency=_labels(label for row in rows for label in row[3]),
        tags=tags,
        dimensions=_choices(Dimension.objects.values_list("slug", "name")),
        policies=policies,
        teams=_choices(Team.objects.filter(archived_at=None).order_by("name").values_list("slug", "name")),
        own_tasks=tuple(TaskClass.objects.exclude(slug__in=TASKS).order_by("slug").values_list("slug", flat=True)),
    )


def _references(
    models: Iterable[Choice],
    providers: Iterable[Choice],
    deployments: Iterable[Choice],
    tags: Iterable[Choice],
    policies: Iterable[Choice],
) -> tuple[tuple[str, tuple[Choice, ...]], ...]:
    groups = [
        ("Everything", (("all", "every deployment"),)),
        ("Tags", tuple((f"tag:{slug}", f"tagged {slug}") for slug, _ in tags)),
        ("Models", tuple((f"model:{slug}", name) for slug, name in models)),
        ("Deployments", tuple((f"deployment:{slug}", name) for slug, name in deployments)),
        ("Providers", tuple((f"provider:{slug}", f"all of {name}") for slug, name in providers)),
        ("Policies", tuple((f"policy:{slug}", f"policy {name}") for slug, name in policies)),
    ]
    return tuple((label, choices) for label, choices in groups if choices)


def _choices(rows: Iterable[tuple[str, str]]) -> tuple[Choice, ...]:
    return tuple((slug, name or slug) for slug, name in rows)


def _labels(labels: Iterable[str]) -> tuple[Choice, ...]:
    return tuple((label, label) for label in sorted(set(labels)))
