"""What use taught, as rows that pages show: scores with their interval and where they come from, votes that were set aside and why."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from routerapp.learning.capabilities import Capabilities, Score
from routerapp.learning.evidence import SOURCES
from routerapp.models import FEWEST_JUDGEMENTS, LearnedScore, ScoreKind, SetAsideVotes

DIGITS = 4
RATE_LIMITED = "rate_limited"
_BATCH = 500


@transaction.atomic
def replace_learned_scores(by_dimension: Capabilities, by_task: Capabilities, now_ms: int) -> None:
    """All rows anew. Votes set aside are those found over tasks: every judgement is about one."""
    LearnedScore.objects.all().delete()
    SetAsideVotes.objects.all().delete()
    rows = [
        _row(score, kind, now_ms)
        for kind, found in ((ScoreKind.DIMENSION, by_dimension), (ScoreKind.TASK, by_task))
        for score in found.scores
        if score.n > 0 or score.set_aside
    ]
    LearnedScore.objects.bulk_create(rows, batch_size=_BATCH)
    SetAsideVotes.objects.bulk_create(_set_aside(by_task, now_ms), batch_size=_BATCH)


def _row(score: Score, kind: ScoreKind, now_ms: int) -> LearnedScore:
    return LearnedScore(
        language_model=score.model,
        kind=kind,
        subject=score.subject,
        mean=round(score.mean, DIGITS),
        low=round(score.low, DIGITS),
        high=round(score.high, DIGITS),
        judgements=round(score.n),
        effective=round(score.effective, 1),
        sources={
            name: {"n": round(n), "share": score.shares.get(name, 0.0), "weight": SOURCES[name].weight}
            for name, n in score.counts.items()
        },
        set_aside=score.set_aside,
        prior_share=round(score.prior_share, DIGITS),
        newest_ms=score.newest_ms,
        is_used=kind == ScoreKind.DIMENSION and score.n >= FEWEST_JUDGEMENTS,
        made_at_ms=now_ms,
    )


def _set_aside(found: Capabilities, now_ms: int) -> Iterable[SetAsideVotes]:
    rows = [
        SetAsideVotes(
            voter=one.voter,
            language_model=one.model,
            reason=one.reason,
            votes=one.votes,
            detail=dict(one.detail),
            made_at_ms=now_ms,
        )
        for one in found.quarantined
    ]
    if found.rate_limited:
        rows.append(SetAsideVotes(reason=RATE_LIMITED, votes=found.rate_limited, made_at_ms=now_ms))
    return rows
