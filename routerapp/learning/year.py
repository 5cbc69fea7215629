"""A year of traffic replayed from real outcomes: the mix drifts, a price changes, a model gets worse, another joins, votes are stuffed.

The router learns in batches from late, noisy feedback and explores with exact probabilities; beside it stand the oracle and static
policies on the same requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.batch_learner import LABEL, RATING, BatchLearner, Feedback
from routerapp.learning.drift import Finding
from routerapp.learning.evidence import Floats, Integers

DAYS = 365.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens, as shares of the year. usd: what a dollar weighs against quality 1 (utility = quality − usd · cost).

    price: the factor on the default's price from price_at; lost: share of right answers that `worse` (None: the default) gives no more
    from worse_at; new: column of the model that joins at new_at. explored, within: share of requests that try another model, and how
    far under the best predicted utility that one may be. margin: predicted gain above which the default is left. rated: share of
    requests with feedback; flipped: of it, wrong way round; hostile: share of hostile votes in all; lag_days: mean.
    """

    new: int
    usd: float
    requests: int = 60_000
    batch: int = 500
    mix_at: tuple[float, float] = (0.12, 0.2)
    price_at: float = 0.3
    price: float = 5.0
    worse_at: float = 0.5
    worse: int | None = None
    lost: float = 0.3
    new_at: float = 0.75
    warm_prompts: int = 300
    shadow_prompts: int = 100
    explored: float = 0.05
    within: float = 0.06
    margin: float = 0.01
    rated: float = 0.3
    flipped: float = 0.05
    hostile: float = 0.1
    lag_days: float = 3.0
    half_life_days: float = 120.0


@dataclass(frozen=True, slots=True)
class Year:
    """Utility per request, (requests,): of the router, the oracle, the best model per cluster with foresight (`informed`), the default,
    the best single model of hindsight, and a predictor trained once. marks: name -> request at which it happened. default: its column.

    probability: (requests, models) of the router's choice, exact; chosen, cluster: (requests,).
    """

    router: Floats
    oracle: Floats
    informed: Floats
    default: Floats
    best_single: Floats
    static: Floats
    marks: dict[str, int]
    default_model: int
    cluster: Integers
    chosen: Integers
    probability: Floats
    findings: tuple[tuple[float, Finding], ...]
    hostile_voters: int
    hostile_left_out: int
    honest_left_out: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """cluster: (t,); quality, utility: (t, m), −inf utility where the model is not there yet; cost: (clusters, m) mean at list price.

    price: (t, m) factor on it; answered_day: (t,).
    """

    cluster: Integers
    quality: Floats
    utility: Floats
    price: Floats
    there: NDArray[np.bool_]
    day: Floats


HONEST_VOTERS, HOSTILE_VOTERS = 200, 6


def simulate(quality: Floats, cost_usd: Floats, cluster: Integers, plan: Plan, seed: int) -> Year:
    """One year. quality, cost_usd: (n, m) real outcomes without gaps; cluster: (n,) from 0."""
    rng = np.random.Generator(np.random.PCG64(seed))
    order = rng.permutation(len(quality))
    warm, shadow = order[: plan.warm_prompts], order[plan.warm_prompts : plan.warm_prompts + plan.shadow_prompts]
    pool = order[plan.warm_prompts + plan.shadow_prompts :]
    clusters = int(cluster.max()) + 1
    cost = _cluster_means(cost_usd[warm], cluster[warm], clusters)
    default = _default(quality[warm], cost_usd[warm], plan)
    marks = _marks(plan)
    traffic = _traffic(quality, cost_usd, cluster, pool, default, plan, rng)
    learner = BatchLearner(clusters, quality.shape[1], plan.half_life_days)
    old = np.array([model for model in range(quality.shape[1]) if model != plan.new])
    learner.take(_graded(quality, cluster, warm, old, 0.0))
    first, first_sd = learner.refit(0.0), learner.sd
    votes = _Votes(plan, default, quality.shape[1], rng)
    chosen, probability = _run(
        learner, traffic, cost, default, plan, votes, _graded_new(quality, cluster, shadow, plan)
    )
    at = np.arange(plan.requests)
    static_choice = _predicted(first, cost, traffic, at, plan, without=plan.new)
    return Year(
        router=traffic.utility[at, chosen],
        oracle=traffic.utility.max(axis=1),
        informed=traffic.utility[at, _informed(traffic, marks, clusters)],
        default=traffic.utility[:, default],
        best_single=traffic.utility[:, int(old[np.argmax(traffic.utility[:, old].mean(axis=0))])],
        static=traffic.utility[at, _gated(static_choice, first_sd[traffic.cluster], default, plan.margin)],
        marks=marks,
        default_model=default,
        cluster=traffic.cluster,
        chosen=chosen,
        probability=probability,
        findings=tuple(learner.findings),
        hostile_voters=HOSTILE_VOTERS,
        hostile_left_out=sum(voter >= HONEST_VOTERS for voter in learner.left_out),
        honest_left_out=sum(voter < HONEST_VOTERS for voter in learner.left_out),
    )


def choices(predicted: Floats, sd: Floats, default: int, plan: Plan) -> Floats:
    """(b, m) exact probabilities of the router's choice from predicted utilities (−inf: not there) and their standard errors.

    The best where its gain over the default exceeds the margin and one standard error of itself, else the default (sd of zeros: the margin
    alone); `explored` of the requests go evenly to the other
    models within `within` of the best, if there are any.
    """
    at = np.arange(len(predicted))
    taken = _gated(predicted, sd, default, plan.margin)
    near = predicted >= predicted.max(axis=1, keepdims=True) - plan.within
    near[at, taken] = False
    others = near.sum(axis=1)
    share = np.where(others > 0, plan.explored, 0.0)
    found = near * (share / np.maximum(others, 1))[:, None]
    found[at, taken] = 1 - share
    return np.asarray(found)


def _gated(predicted: Floats, sd: Floats, default: int, margin: float) -> Integers:
    at = np.arange(len(predicted))
    best = predicted.argmax(axis=1)
    unsure = np.hypot(sd[at, best], sd[:, default])
    return np.where(predicted[at, best] - predicted[:, default] > margin + unsure, best, default)


def _run(
    learner: BatchLearner, traffic: Traffic, cost: Floats, default: int, plan: Plan, votes: _Votes, joining: Feedback
) -> tuple[Integers, Floats]:
    models = traffic.utility.shape[1]
    chosen, probability = np.zeros(plan.requests, dtype=np.int64), np.zeros((plan.requests, models))
    has_joined = False
    for start in range(0, plan.requests, plan.batch):
        at = np.arange(start, min(start + plan.batch, plan.requests))
        if not has_joined and traffic.there[at[0], plan.new]:
            learner.take(joining)
            has_joined = True
        quality = learner.refit(float(traffic.day[at[0]]))
        predicted = _predicted(quality, cost, traffic, at, plan)
        # A default that was found to have fallen is no safe place any more: only the margin is asked for.
        doubt = 0.0 if default in learner.since_day else 1.0
        probability[at] = choices(predicted, doubt * learner.sd[traffic.cluster[at]], default, plan)
        draw = votes.rng.random(len(at))[:, None]
        chosen[at] = np.minimum((draw >= np.cumsum(probability[at], axis=1)).sum(axis=1), models - 1)
        votes.cast(traffic, at, chosen[at], quality)
        arrived = votes.arrived(float(traffic.day[at[-1]]))
        if len(arrived):
            learner.take(arrived)
    return chosen, probability


def _predicted(
    quality: Floats, cost: Floats, traffic: Traffic, at: Integers, plan: Plan, without: int | None = None
) -> Floats:
    """(b, m) predicted utility at live prices; −inf for a model that is not there."""
    cluster = traffic.cluster[at]
    found = quality[cluster] - plan.usd * cost[cluster] * traffic.price[at]
    found = np.where(traffic.there[at], found, -np.inf)
    if without is not None:
        found[:, without] = -np.inf
    return np.asarray(found)


class _Votes:
    """Feedback on its way: honest votes with lag and noise, hostile ones at once (against the default, for the worst of all models)."""

    def __init__(self, plan: Plan, victim: int, models: int, rng: np.random.Generator) -> None:
        self.plan, self.victim, self.models, self.rng = plan, victim, models, rng
        self.waiting: Feedback | None = None
        self.arrival = np.zeros(0)

    def cast(self, traffic: Traffic, at: Integers, chosen: Integers, quality: Floats) -> None:
        rated = np.flatnonzero(self.rng.random(len(at)) < self.plan.rated)
        row, model = at[rated], chosen[rated]
        good = self.rng.random(len(row)) < traffic.quality[row, model]
        value = np.where(self.rng.random(len(row)) < self.plan.flipped, ~good, good).astype(np.float64)
        expected = quality[traffic.cluster[row], model]
        honest = self._feedback(traffic, row, model, self.rng.integers(0, HONEST_VOTERS, len(row)), value, expected)
        self._wait(honest, honest.answered_day + self.rng.exponential(self.plan.lag_days, len(row)))
        number = round(len(row) * self.plan.hostile / (1 - self.plan.hostile))
        aim = self.rng.random(number) < 0.5
        row = self.rng.choice(at, number)
        friend = int(np.argmin(quality.mean(axis=0)))
        model = np.where(aim, self.victim, friend)
        voter = HONEST_VOTERS + self.rng.integers(0, HOSTILE_VOTERS, number)
        expected = quality[traffic.cluster[row], model]
        hostile = self._feedback(traffic, row, model, voter, np.where(aim, 0.0, 1.0), expected)
        self._wait(hostile, hostile.answered_day)

    def arrived(self, day: float) -> Feedback:
        """What has come back by then, oldest answer first."""
        assert self.waiting is not None
        here = np.flatnonzero(self.arrival <= day)
        rows = self.waiting.rows(here[np.argsort(self.waiting.answered_day[here], kind="stable")])
        later = np.flatnonzero(self.arrival > day)
        self.waiting, self.arrival = self.waiting.rows(later), self.arrival[later]
        return rows

    def _wait(self, feedback: Feedback, arrival: Floats) -> None:
        self.waiting = feedback if self.waiting is None else self.waiting.and_then(feedback)
        self.arrival = np.concatenate([self.arrival, arrival])

    @staticmethod
    def _feedback(
        traffic: Traffic, row: Integers, model: Integers, voter: Integers, value: Floats, expected: Floats
    ) -> Feedback:
        source = np.full(len(row), RATING)
        return Feedback(traffic.cluster[row], model, source, voter, value, expected, traffic.day[row])


def _traffic(
    quality: Floats,
    cost_usd: Floats,
    cluster: Integers,
    pool: Integers,
    default: int,
    plan: Plan,
    rng: np.random.Generator,
) -> Traffic:
    when = np.arange(plan.requests) / plan.requests
    row = _mixed(cluster[pool], when, plan, rng)
    row = pool[row]
    found, worse = quality[row].copy(), default if plan.worse is None else plan.worse
    found[(when >= plan.worse_at) & (rng.random(plan.requests) < plan.lost), worse] = 0.0
    price = np.ones_like(found)
    price[when >= plan.price_at, default] = plan.price
    there = np.ones(found.shape, dtype=bool)
    there[when < plan.new_at, plan.new] = False
    utility = np.where(there, found - plan.usd * cost_usd[row] * price, -np.inf)
    return Traffic(cluster[row], found, utility, price, there, when * DAYS)


def _mixed(cluster: Integers, when: Floats, plan: Plan, rng: np.random.Generator) -> Integers:
    """(t,) rows drawn so that half of the clusters are four times as frequent at first, and the other half later."""
    clusters = int(cluster.max()) + 1
    first = rng.permutation(clusters) < clusters / 2
    later = np.clip((when - plan.mix_at[0]) / (plan.mix_at[1] - plan.mix_at[0]), 0, 1)
    is_later = rng.random(len(when)) < later
    weights = np.where(first[cluster], 4.0, 1.0), np.where(first[cluster], 1.0, 4.0)
    drawn = [rng.choice(len(cluster), len(when), p=weight / weight.sum()) for weight in weights]
    return np.where(is_later, drawn[1], drawn[0])


def _informed(traffic: Traffic, marks: dict[str, int], clusters: int) -> Integers:
    """(t,) the model that is best in the request's cluster between this change and the next, known beforehand."""
    found = np.zeros(len(traffic.cluster), dtype=np.int64)
    for start, end in pairwise([0, *sorted(marks.values()), len(found)]):
        part = slice(start, end)
        means = _cluster_means(traffic.utility[part], traffic.cluster[part], clusters)
        found[part] = means.argmax(axis=1)[traffic.cluster[part]]
    return found


def _marks(plan: Plan) -> dict[str, int]:
    shares = {"the mix drifts": plan.mix_at[0], "a price changes": plan.price_at, "a model gets worse": plan.worse_at}
    return {name: round(share * plan.requests) for name, share in {**shares, "a model joins": plan.new_at}.items()}


def _default(quality: Floats, cost_usd: Floats, plan: Plan) -> int:
    utility = (quality - plan.usd * cost_usd).mean(axis=0)
    utility[plan.new] = -np.inf
    return int(np.argmax(utility))


def _cluster_means(values: Floats, cluster: Integers, clusters: int) -> Floats:
    """(clusters, m); a cluster without rows gets the mean of all."""
    found = np.tile(values.mean(axis=0), (clusters, 1))
    for place in np.unique(cluster).tolist():
        found[place] = values[cluster == place].mean(axis=0)
    return found


def _graded_new(quality: Floats, cluster: Integers, rows: Integers, plan: Plan) -> Feedback:
    return _graded(quality, cluster, rows, np.array([plan.new]), DAYS * plan.new_at)


def _graded(quality: Floats, cluster: Integers, rows: Integers, models: Integers, day: float) -> Feedback:
    """Prompts answered by all these models and graded by hand."""
    row, model = np.repeat(rows, len(models)), np.tile(models, len(rows))
    n = len(row)
    value = quality[row, model]
    nobody, label = np.full(n, -1), np.full(n, LABEL)
    return Feedback(cluster[row], model, label, nobody, value, value, np.full(n, day))
