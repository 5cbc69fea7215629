"""How an experiment stands: its arms counted and compared over the time in which they had the shares they have now."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from routerapp.experiments.comparison import Comparison, compare
from routerapp.models import Experiment, Origin
from routerapp.store.config_document import unix_ms
from routerapp.store.experiment_counts import Window, count_arms

# Until every worker has a new version, some requests are still drawn with the shares from before.
SETTLING_MS = 5_000


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """comparison is None before the first start. is_since_change: shares were changed on the way; what was before is left out."""

    experiment: Experiment
    window: Window | None
    comparison: Comparison | None
    is_since_change: bool = False


def report_of(experiment: Experiment) -> ExperimentReport:
    """Arms in the order of the document, the control first."""
    started, since = experiment.started_at, experiment.weights_since or experiment.started_at
    weights = {arm.name: float(arm.weight) for arm in experiment.arms.order_by("id")}
    if started is None or since is None or not weights:
        return ExperimentReport(experiment, None, None)
    end = experiment.stopped_at or timezone.now()
    origin = Origin.SAMPLE if experiment.is_sample else Origin.LIVE
    is_since_change = since > started
    begins_ms = unix_ms(since) + (SETTLING_MS if is_since_change else 0)
    window = Window(experiment.slug, begins_ms, unix_ms(end) + 1, origin.value)
    comparison = compare(count_arms(window, weights))
    return ExperimentReport(experiment, window, comparison, is_since_change)
