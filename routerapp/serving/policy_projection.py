"""Rows that follow from a published document: its rules, and the experiments its split strategies name.

Written in the publish transaction, for queries and statistics; the document stays the truth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils import timezone

from routerapp.models import Arm, Experiment, ExperimentState, PolicyVersion, Rule
from routerapp.serving.experiment_documents import split_of
from routerapp.serving.refusals import invalid

_ADDRESSABLE = re.compile(r"[-a-zA-Z0-9_]{1,50}")


def project(version: PolicyVersion) -> None:
    Rule.objects.bulk_create(
        Rule(
            version=version,
            rule_id=rule["id"],
            position=position,
            name=str(rule.get("name") or rule["id"])[:100],
            is_enabled=rule.get("enabled", True),
            strategy=str((rule["use"].get("strategy") or {}).get("kind", ""))[:30],
            document=rule,
        )
        for position, rule in enumerate(version.document.get("rules", ()))
    )
    _project_experiments(version)


def _project_experiments(version: PolicyVersion) -> None:
    """Experiments this document names run; those only older versions named stop."""
    named = set()
    for rule_id, strategy in _splits(version.document):
        slug = strategy["experiment"]
        named.add(slug)
        _project_experiment(version, slug, rule_id, strategy)
    running = Experiment.objects.filter(policy=version.policy, state=ExperimentState.RUNNING)
    running.exclude(slug__in=named).update(state=ExperimentState.STOPPED, stopped_at=timezone.now())


def _project_experiment(version: PolicyVersion, slug: str, rule_id: str, strategy: Mapping[str, Any]) -> None:
    if not _ADDRESSABLE.fullmatch(slug) and not Experiment.objects.filter(slug=slug).exists():
        words = "An experiment is named with letters, digits, - and _: the name stands in addresses."
        raise invalid(f"rules.{rule_id}.use.strategy.experiment", "bad_name", words)
    experiment, is_new = Experiment.objects.get_or_create(
        slug=slug,
        defaults={"name": slug, "policy": version.policy, "rule_id": rule_id, "unit": strategy.get("by", "unit")},
    )
    if not is_new and experiment.policy_id != version.policy_id:
        raise invalid(
            f"rules.{rule_id}.use.strategy.experiment", "taken", f"The experiment {slug} belongs to another policy."
        )
    weights = _whole_weights({arm["name"]: arm.get("weight", 1) for arm in strategy["arms"]})
    before = dict(experiment.arms.values_list("name", "weight"))
    now = timezone.now()
    if experiment.started_at is None:
        experiment.started_at = now
    unit = strategy.get("by", "unit")
    is_as_before = before == weights and unit == experiment.unit and _uses(strategy) == _uses_before(version, slug)
    if not is_as_before or experiment.state != ExperimentState.RUNNING:
        experiment.weights_since = now
    experiment.unit = unit
    experiment.rule_id, experiment.state, experiment.stopped_at = rule_id, ExperimentState.RUNNING, None
    experiment.save()
    experiment.arms.exclude(name__in=weights).delete()
    for name, weight in weights.items():
        Arm.objects.update_or_create(experiment=experiment, name=name, defaults={"weight": weight})


def _uses(strategy: Mapping[str, Any]) -> dict[str, Any]:
    return {arm["name"]: arm.get("use") for arm in strategy["arms"]}


def _uses_before(version: PolicyVersion, slug: str) -> dict[str, Any]:
    """What the arms did in the version that was live until now."""
    before = version.policy.versions.filter(number__lt=version.number).order_by("-number").first()
    found = split_of(before.document, slug) if before else None
    return _uses(found[1]) if found else {}


def _whole_weights(weights: Mapping[str, float]) -> dict[str, int]:
    """Rows hold whole weights: shares such as 0.9 and 0.1 are kept in thousandths."""
    scale = 1 if all(float(weight).is_integer() for weight in weights.values()) else 1_000
    return {name: round(weight * scale) for name, weight in weights.items()}


def _splits(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Rule id and strategy of every split, the default's under the id `default`."""
    places = [(rule["id"], rule["use"]) for rule in document.get("rules", ()) if rule.get("enabled", True)]
    for rule_id, use in [*places, ("default", document.get("default") or {})]:
        strategy = use.get("strategy") or {}
        if strategy.get("kind") == "split":
            yield rule_id, strategy
