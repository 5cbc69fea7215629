"""Why not another deployment: for a recorded request, from what was recorded of it, and for a chat in the playground. Writes nothing.

Up to some hundred decisions in pure Python: call it in a thread, never on the gateway's event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from routerapp.engine.canonical import canonical_bytes
from routerapp.engine.decide import UnknownObservation
from routerapp.engine.explain import Change, Explanation, UnknownDeployment, explain
from routerapp.engine.problems import PolicyError
from routerapp.engine.situation import Situation
from routerapp.serving.change_words import change_words, checked_words, none_words
from routerapp.serving.decisions import seed_text
from routerapp.serving.refusals import Missing
from routerapp.serving.simulate import Simulation
from routerapp.store.replay import NotReplayable, load_recorded

# A typical question takes a tenth of it; what is found by then is shown, and that there may be a smaller change is said.
LONGEST_SECONDS = 0.5


def explain_recorded(
    request_id: str, deployment: str, longest_seconds: float | None = LONGEST_SECONDS
) -> Explanation | NotReplayable:
    """With the configuration, evidence, live values and seed of its time. Raises Missing where those know no such deployment.

    Only what the decision read was recorded: deployments it did not look at count as idle and unmeasured.
    """
    recorded = load_recorded(request_id)
    if isinstance(recorded, NotReplayable):
        return recorded
    try:
        if canonical_bytes(recorded.situation.decide()) != recorded.document:
            return NotReplayable("differs", "Decided again from what was recorded, the decision is another one.")
        return _explained(recorded.situation, deployment, longest_seconds)
    except (UnknownObservation, PolicyError) as error:
        return NotReplayable("content_not_kept", str(error))


def explain_simulated(simulation: Simulation, deployment: str) -> Explanation:
    """At the instant and with the live values of the simulation. Raises Missing."""
    return _explained(simulation.situation, deployment, LONGEST_SECONDS)


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    """As the management API and the command line give it: codes and numbers, and the sentences people read."""
    change = explanation.change
    return {
        "deployment": explanation.target,
        "first": explanation.first,
        "is_first": explanation.first == explanation.target,
        "why_not": {
            "verdict": explanation.why_not.verdict.value,
            "detail": dict(explanation.why_not.detail),
            "gap": explanation.why_not.gap,
        },
        "change": None if change is None else _change_document(change),
        "sentence": none_words(explanation) if change is None else change_words(change),
        "checked": "" if change is None else checked_words(explanation, change),
        "decisions": explanation.decisions,
        "is_complete": explanation.is_complete,
        "seed": seed_text(explanation.seed),
    }


def _change_document(change: Change) -> dict[str, Any]:
    return {
        "owner": change.owner,
        "kind": change.kind,
        "subject": change.subject,
        "field": change.field,
        "rule": change.rule,
        "before": _plain(change.before),
        "after": _plain(change.after),
        "one_step_less": _plain(change.short),
        "step": change.step,
        "unit": change.unit,
        "size": change.size,
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _explained(situation: Situation, deployment: str, longest_seconds: float | None) -> Explanation:
    try:
        return explain(situation, deployment, has_time=_within(longest_seconds))
    except UnknownDeployment:
        raise Missing("deployment", deployment) from None


def _within(seconds: float | None) -> Callable[[], bool] | None:
    if seconds is None:
        return None
    until = time.monotonic() + seconds
    return lambda: time.monotonic() < until
