"""What use taught, as the Models pages show it: one line a score with its interval and sources, votes set aside with the reason in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.templatetags.numbers import instant, plural, share
from routerapp.models import (
    FEWEST_JUDGEMENTS,
    CapabilityScore,
    Dimension,
    Job,
    JobState,
    LanguageModel,
    LearnedScore,
    ScoreKind,
    SetAsideVotes,
)
from routerapp.serving.learning_jobs import LEARN

SOURCES: Mapping[str, str] = {
    "label": "label,labels",
    "judge": "judge's verdict,judges' verdicts",
    "benchmark": "benchmark answer,benchmark answers",
    "schema_failure": "check of a schema,checks of a schema",
    "arena": "arena vote,arena votes",
    "rating": "rating,ratings",
    "regeneration": "regeneration,regenerations",
}
REASONS: Mapping[str, str] = {
    "at_odds": "at odds with everybody else",
    "strangers_at_odds": "people with few votes, at odds with everybody else",
    "burst": "many strangers within one hour",
    "rate_limited": "more votes in a day than one person may give",
}
_PERCENT = 100.0
_LEAST_WIDTH = 0.8
_SHORT_HASH = 10


@dataclass(frozen=True, slots=True)
class LearnedLine:
    """One learned score beside the one a person gave. left, width, at, given_at: percent of the scale from 0 to 1."""

    row: LearnedScore
    name: str
    given: CapabilityScore | None = None

    @property
    def at(self) -> float:
        return round(self.row.mean * _PERCENT, 2)

    @property
    def left(self) -> float:
        return round(self.row.low * _PERCENT, 2)

    @property
    def width(self) -> float:
        return round(max((self.row.high - self.row.low) * _PERCENT, _LEAST_WIDTH), 2)

    @property
    def given_at(self) -> float | None:
        return round(self.given.value * _PERCENT, 2) if self.given else None

    @property
    def shown(self) -> str:
        return f"{self.row.mean:.2f}"

    @property
    def span(self) -> str:
        return f"{self.row.low:.2f} to {self.row.high:.2f}"

    @property
    def sources(self) -> tuple[str, ...]:
        """120 ratings at 0.5, 74 % of what was observed; the heaviest first."""
        heaviest = sorted(self.row.sources.items(), key=lambda pair: (-pair[1].get("share", 0), pair[0]))
        return tuple(_source(name, one, is_one_of_many=len(heaviest) > 1) for name, one in heaviest)

    @property
    def newest(self) -> str:
        return "" if self.row.newest_ms is None else f"{instant(self.row.newest_ms):%Y-%m-%d %H:%M}"

    @property
    def standing(self) -> str:
        """Whether decisions go by it; of tasks the panel says it once for all."""
        if self.row.kind == ScoreKind.TASK:
            return ""
        if self.given:
            return "the score given by hand goes first"
        is_enough = self.row.judgements >= FEWEST_JUDGEMENTS
        return "decisions go by it" if is_enough else f"not used under {FEWEST_JUDGEMENTS} judgements"

    @property
    def words(self) -> str:
        """Everything in one line, for a title and for those who hear the page."""
        aside = f", {plural(self.row.set_aside, 'vote,votes')} set aside" if self.row.set_aside else ""
        newest = f", newest {self.newest}" if self.newest else ""
        told = ", ".join(self.sources) or "nothing that counts"
        return f"learned {self.shown}, 95 % between {self.span.replace(' to ', ' and ')}, from {told}{aside}{newest}"


@dataclass(frozen=True, slots=True)
class AsideLine:
    """who: the voter's short hash, or whom it was about."""

    row: SetAsideVotes
    who: str
    why: str
    numbers: str


def learned_lines(models: Sequence[LanguageModel]) -> dict[tuple[str, str, str], LearnedLine]:
    """(model, kind, subject) -> line."""
    slugs = [model.slug for model in models]
    names = dict(Dimension.objects.values_list("slug", "name"))
    given = {
        (score.language_model.slug, score.dimension.slug): score
        for score in CapabilityScore.objects.filter(language_model__in=models).select_related(
            "language_model", "dimension"
        )
    }
    found = {}
    for row in LearnedScore.objects.filter(language_model__in=slugs).order_by("kind", "subject"):
        is_dimension = row.kind == ScoreKind.DIMENSION
        name = names.get(row.subject, row.subject) if is_dimension else task_name(row.subject)
        score = given.get((row.language_model, row.subject)) if is_dimension else None
        found[(row.language_model, row.kind, row.subject)] = LearnedLine(row, name, score)
    return found


def learned_panel(models: Sequence[LanguageModel]) -> dict[str, Any]:
    """tasks and one row of lines a model that has any; the last run of the job; how many votes are set aside. For the list."""
    lines = {key: line for key, line in learned_lines(models).items() if key[1] == ScoreKind.TASK}
    tasks = sorted({subject for _, _, subject in lines}, key=lambda task: (task == "unknown", task))
    rows = [
        {"model": model, "lines": own}
        for model in models
        if any(own := [lines.get((model.slug, ScoreKind.TASK.value, task)) for task in tasks])
    ]
    return {
        "tasks": [task_name(task) for task in tasks],
        "rows": rows,
        "judgements": sum(line.row.judgements for line in lines.values()),
        "aside": aside_lines(),
        **last_run(),
    }


def learned_of(model: LanguageModel) -> dict[str, Any]:
    """Lines per dimension and per task, and what was set aside on it. For the model's own page."""
    lines = learned_lines([model])
    return {
        "groups": [
            {"title": title, "lines": own}
            for title, kind in (("By dimension", ScoreKind.DIMENSION), ("By task", ScoreKind.TASK))
            if (own := [line for (_, one, _), line in lines.items() if one == kind])
        ],
        "aside": aside_lines(model.slug),
        **last_run(),
    }


def last_run() -> dict[str, Any]:
    job = Job.objects.filter(kind=LEARN).order_by("-pk").first()
    is_open = job is not None and job.state in (JobState.QUEUED, JobState.RUNNING)
    return {"job": job, "is_learning": is_open, "fewest": FEWEST_JUDGEMENTS}


def aside_lines(model: str = "") -> list[AsideLine]:
    """The most votes first; of one model also what is about nobody's model in particular."""
    rows = SetAsideVotes.objects.order_by("-votes", "voter", "pk")
    chosen = rows.filter(language_model__in=(model, "")) if model else rows
    return [AsideLine(row, _who(row), REASONS.get(row.reason, row.reason), _numbers(row)) for row in chosen[:100]]


def task_name(task: str) -> str:
    return "No task known" if task == "unknown" else task.replace("_", " ").capitalize()


def _source(name: str, one: Mapping[str, Any], *, is_one_of_many: bool) -> str:
    counted = one.get("n", 0)
    words = plural(counted, SOURCES[name]) if name in SOURCES else f"{counted:,} {name}"
    weighed = f"{words} at {one['weight']:g}" if "weight" in one else words
    return f"{weighed}, {share(round(one.get('share', 0), 2))} of the score's own" if is_one_of_many else weighed


def _who(row: SetAsideVotes) -> str:
    if row.reason == "rate_limited":
        return "several"
    return "people with few votes" if row.voter == "*" else f"user {row.voter[:_SHORT_HASH]}"


def _numbers(row: SetAsideVotes) -> str:
    detail = row.detail
    if "others" in detail:
        return f"said {detail.get('mean', 0):.2f} where others say {detail['others']:.2f}"
    if "from_ms" in detail:
        return f"{detail.get('voters', 0):.0f} people from {instant(int(detail['from_ms'])):%Y-%m-%d %H:%M}, where {detail.get('usual', 0):.1f} are usual"
    return ""
