"""What teams edit about task classes: examples, thresholds, classes of their own. Nothing changes a decision before a head is fitted and promoted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from routerapp.engine.task_words import TASKS, is_own_task
from routerapp.learning.task_examples import shipped_examples
from routerapp.models import Job, TaskClass
from routerapp.serving.changes import noting
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import Missing, invalid
from routerapp.store import jobs

FIT = "fit_task_head"
OWN_PREFIX = "own-"
MOST_CLASSES = 20
MOST_EXAMPLES = 300
MOST_CHARACTERS = 4_000
FEWEST_OF_A_NEW_CLASS = 5


@dataclass(frozen=True, slots=True)
class ShownClass:
    """shipped: how many examples come with the product; threshold None: as fitted."""

    slug: str
    words: str
    examples: tuple[str, ...]
    threshold: float | None
    shipped: int
    is_own: bool


def task_classes() -> list[ShownClass]:
    """The engine's classes in their order, then the team's own by name."""
    rows = {row.slug: row for row in TaskClass.objects.order_by("slug")}
    shipped = shipped_examples()
    own = [slug for slug in rows if slug not in TASKS]
    return [_shown(slug, rows.get(slug), shipped.get(slug, {})) for slug in (*TASKS, *own)]


def task_class(slug: str) -> ShownClass:
    """Raises Missing."""
    for one in task_classes():
        if one.slug == slug:
            return one
    raise Missing("task class", slug)


def shipped_of(slug: str) -> list[str]:
    """The examples of a class that come with the product."""
    return [text for texts in shipped_examples().get(slug, {}).values() for text in texts]


def edit_task_class(
    slug: str, *, by: Actor, words: str = "", examples: Sequence[str] = (), threshold: float | None = None
) -> ShownClass:
    """Says anew what a class is, or makes one of the team's own (own-…)."""
    with noting(by, "edit_task_class", f"task_class:{slug}") as change:
        _check_slug(slug)
        kept = _checked_examples(slug, examples)
        if threshold is not None and not 0.0 <= threshold <= 1.0:
            raise invalid("threshold", "out_of_range", "A threshold is how sure the head must be, from 0 to 1.")
        if len(words) > 200:
            raise invalid("words", "too_long", "What the class is for: at most 200 characters.")
        before = TaskClass.objects.filter(slug=slug).first()
        change.before = _noted(before)
        row, _ = TaskClass.objects.update_or_create(
            slug=slug, defaults={"words": words.strip(), "examples": kept, "threshold": threshold}
        )
        change.after = _noted(row)
    return task_class(slug)


def remove_task_class(slug: str, *, by: Actor) -> None:
    """A class of the team's own goes; of a shipped one what the team added goes. Heads fitted with it stay as they are."""
    with noting(by, "edit_task_class", f"task_class:{slug}", event="remove_task_class") as change:
        row = TaskClass.objects.filter(slug=slug).first()
        if row is None:
            raise Missing("task class", slug)
        change.before = _noted(row)
        row.delete()


def start_fit(*, by: Actor) -> Job:
    """A job of seconds: the shipped head is moved by the team's examples, measured on them, and kept as a candidate."""
    with noting(by, "edit_task_class", "task_head:new", event=FIT) as change:
        classes = [one for one in task_classes() if one.examples or one.threshold is not None]
        for one in classes:
            if one.is_own and len(one.examples) < FEWEST_OF_A_NEW_CLASS:
                raise invalid(
                    "examples",
                    "too_few",
                    f"{one.slug} has {len(one.examples)} examples; a new class needs at least {FEWEST_OF_A_NEW_CLASS}.",
                )
        arguments = {"by": by.name}
        change.after = {"classes": {one.slug: len(one.examples) for one in classes}}
        job = jobs.enqueue(FIT, arguments, FIT, "long")
        if job.arguments != arguments:
            raise invalid("", "already_running", f"Job {job.pk} is fitting now. Wait for its end.")
        return job


def _check_slug(slug: str) -> None:
    if slug not in TASKS and not is_own_task(slug):
        raise invalid(
            "slug",
            "bad_slug",
            f"{slug[:40]!r} is no task class: one of {', '.join(TASKS)}, or own- and up to 16 small letters, digits and hyphens.",
        )
    others = TaskClass.objects.exclude(slug__in=(*TASKS, slug)).count()
    if slug not in TASKS and others >= MOST_CLASSES:
        raise invalid("slug", "too_many", f"At most {MOST_CLASSES} classes of your own.")


def _checked_examples(slug: str, examples: Sequence[str]) -> list[str]:
    kept = list(dict.fromkeys(text.strip() for text in examples if text.strip()))
    if len(kept) > MOST_EXAMPLES:
        raise invalid("examples", "too_many", f"{len(kept)} examples; at most {MOST_EXAMPLES} for a class.")
    for number, text in enumerate(kept, start=1):
        if len(text) > MOST_CHARACTERS or "\x00" in text:
            raise invalid(
                "examples", "bad_example", f"Example {number} is not text of at most {MOST_CHARACTERS:,} characters."
            )
    for other in TaskClass.objects.exclude(slug=slug):
        if twice := set(kept) & set(other.examples):
            raise invalid(
                "examples",
                "twice",
                f"“{sorted(twice)[0][:60]}” is an example of {other.slug} already: it is one or the other.",
            )
    return kept


def _shown(slug: str, row: TaskClass | None, shipped: Mapping[str, Sequence[str]]) -> ShownClass:
    return ShownClass(
        slug,
        row.words if row else "",
        tuple(row.examples) if row else (),
        row.threshold if row else None,
        sum(len(texts) for texts in shipped.values()),
        slug not in TASKS,
    )


def _noted(row: TaskClass | None) -> dict[str, Any] | None:
    """For the audit log: how many, never their text."""
    if row is None:
        return None
    return {"words": row.words, "examples": len(row.examples), "threshold": row.threshold}
