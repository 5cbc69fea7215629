"""A wish in plain units, such as at most $1 per 1,000 requests, solved on recent requests: which number of the strategy meets it.

Each request is decided by the engine with the strategy as it stands, which says who could answer, how well and for how much; nothing is sent
and nothing is saved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from routerapp.engine.config import Config
from routerapp.engine.constraints import covers
from routerapp.engine.decide import decide
from routerapp.engine.money import NUSD_PER_USD
from routerapp.engine.policy import Policy, parse_policy
from routerapp.engine.problems import PolicyError
from routerapp.engine.strategies.learned import Learned
from routerapp.engine.strategies.predicted import certainty_of
from routerapp.engine.strategies.preset import Target
from routerapp.engine.strategies.threshold import Threshold
from routerapp.engine.types import Decision, Inputs, Live
from routerapp.engine.verdicts import Verdict
from routerapp.serving.recent_predictions import NothingPredicts, RecentPredictions, recent_predictions
from routerapp.store.config_document import unix_ms
from routerapp.store.snapshot import Snapshot, load_snapshot

if TYPE_CHECKING:
    from routerapp.learning.presets import Solved

LEAST_REQUESTS = 50
NAME = "wish"
Decided = Sequence[tuple[Inputs, Decision]]
# Language model -> (predicted quality, USD) for one request.
Row = dict[str, tuple[float, float]]


class CannotSolve(ValueError):
    """The message says what is missing."""


@dataclass(frozen=True, slots=True)
class SolvedTarget:
    """solved: what stands under `solved` in the strategy then. quality, usd_per_1000, share_dear: what the requests would have got by
    prediction, usd_per_1000 None for a threshold. is_met: the wish holds on them; problem: why not. requests: how many it rests on,
    of which recorded with their predictions, out of looked_at recent ones, since since_ms.
    """

    solved: Mapping[str, float]
    quality: float
    usd_per_1000: float | None
    share_dear: float
    is_met: bool
    problem: str
    requests: int
    recorded: int
    looked_at: int
    since_ms: int | None


def solve_target(use: Mapping[str, Any], folder: Path) -> SolvedTarget:
    """use: of a rule or a default, with a strategy `learned` or `threshold` that names a target. folder: the data folder.

    Raises CannotSolve: no such strategy, what the engine refuses in it, no predictor, under LEAST_REQUESTS requests to go by, no price.
    """
    policy = _policy_of(use)
    parameters = policy.default.use.strategy_parameters
    if not isinstance(parameters, Learned | Threshold) or parameters.target is None:
        raise CannotSolve("A wish is solved for the strategies learned and threshold: choose one of them, and a wish.")
    snapshot = load_snapshot()
    try:
        recent = recent_predictions(snapshot.evidence.predictor, folder)
    except NothingPredicts as error:
        raise CannotSolve(str(error)) from None
    decided = list(_decided(policy, snapshot, recent.inputs))
    if isinstance(parameters, Threshold):
        return _threshold(parameters, parameters.target.value, decided, recent)
    return _learned(parameters, parameters.target, decided, recent, snapshot.config)


def _policy_of(use: Mapping[str, Any]) -> Policy:
    try:
        return parse_policy({"schema": 1, "policy": NAME, "rules": [], "default": use}, version=0)
    except PolicyError as error:
        said = (f"use{problem.path.removeprefix('default')}: {problem.message}" for problem in error.problems)
        raise CannotSolve(" ".join(said)) from None


def _decided(policy: Policy, snapshot: Snapshot, inputs: tuple[Inputs, ...]) -> Iterator[tuple[Inputs, Decision]]:
    """What the engine makes of each, without those that nobody could answer."""
    now_ms = unix_ms(timezone.now())
    for one in inputs:
        decision, _ = decide(policy, snapshot.config, snapshot.evidence, one, Live(), 0, now_ms)
        if decision.plan:
            yield one, decision


def _threshold(parameters: Threshold, share: float, decided: Decided, recent: RecentPredictions) -> SolvedTarget:
    judged = (
        step.because.get("predicted") for _, decision in decided for step in decision.trace if step.stage == "strategy"
    )
    chances = [float(one) for one in judged if isinstance(one, int | float)]
    _refuse_few(len(chances), recent)
    # Numpy is loaded by whoever asks, not by every process that could.
    import numpy as np

    from routerapp.learning.presets import solve_threshold

    found = solve_threshold(np.array(chances), share)
    return _solved({"threshold": found.number}, found, None, len(chances), recent)


def _learned(
    parameters: Learned, target: Target, decided: Decided, recent: RecentPredictions, config: Config
) -> SolvedTarget:
    if parameters.is_cautious:
        raise CannotSolve("A wish is solved for a gate that goes by margins alone: switch `cautious` off.")
    _refuse_few(len(decided), recent)
    rows = [_row(inputs, decision, config) for inputs, decision in decided]
    default = _default_model(parameters, decided, config)
    models = [
        name
        for name in sorted({name for row in rows for name in row})
        if 2 * sum(name in row for row in rows) >= len(rows)
    ]
    if default not in models or len(models) < 2:
        raise CannotSolve(
            "The default and one model more need a prediction and a price for at least half of the recent requests. "
            f"These have them: {', '.join(models) or 'none'}."
        )
    kept = [place for place, row in enumerate(rows) if row.keys() >= set(models)]
    _refuse_few(len(kept), recent)
    import numpy as np

    from routerapp.learning.presets import Gate, solve_lambda

    both = np.array([[rows[place][name] for name in models] for place in kept], np.float64)
    column = models.index(default)
    for place, at in enumerate(kept):
        if _is_unfamiliar(decided[at][1]):
            # It goes to the default whatever the number is: there is nothing to choose.
            both[place] = both[place, column]
    sure = np.array([certainty_of(said) for place in kept if (said := decided[place][0].predictions) is not None])
    gate = Gate(column, parameters.margin, parameters.max_loss, sure)
    found = solve_lambda(both[:, :, 0], both[:, :, 1], target.kind, target.value, gate)
    return _solved({"lambda": found.number}, found, found.usd_per_1000, len(kept), recent)


def _row(inputs: Inputs, decision: Decision, config: Config) -> Row:
    """Of every model that could have answered and has both numbers, at its cheapest place."""
    known = inputs.predictions.models if inputs.predictions is not None else {}
    found: Row = {}
    for candidate in decision.candidates:
        model, cost = config.deployments[candidate.deployment].model, candidate.estimate.cost_nusd
        if candidate.eligible and model in known and cost is not None:
            usd = cost / NUSD_PER_USD
            found[model] = (known[model].quality, min(usd, found[model][1]) if model in found else usd)
    return found


def _default_model(parameters: Learned, decided: Decided, config: Config) -> str:
    """The language model that the default most often is; empty where it never could answer."""
    seen = Counter(
        config.deployments[candidate.deployment].model
        for _, decision in decided
        for candidate in decision.candidates
        if candidate.eligible and covers(parameters.default, config.deployments[candidate.deployment])
    )
    return max(seen, key=lambda name: (seen[name], name)) if seen else ""


def _is_unfamiliar(decision: Decision) -> bool:
    return any(step.verdict is Verdict.UNFAMILIAR_PROMPT for step in decision.trace)


def _refuse_few(count: int, recent: RecentPredictions) -> None:
    if count < LEAST_REQUESTS:
        raise CannotSolve(
            f"{count} of the newest {recent.looked_at:,} requests have predictions and prices to go by; {LEAST_REQUESTS} are needed. "
            "Requests are predicted while a policy or a saved draft goes by predictions, or afterwards where content is kept."
        )


def _solved(
    solved: Mapping[str, float], found: Solved, usd_per_1000: float | None, count: int, recent: RecentPredictions
) -> SolvedTarget:
    return SolvedTarget(
        solved,
        found.quality,
        usd_per_1000,
        found.share_dear,
        found.is_met,
        found.problem,
        count,
        recent.recorded,
        recent.looked_at,
        recent.since_ms,
    )
