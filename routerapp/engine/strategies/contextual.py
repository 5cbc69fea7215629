"""`contextual`: the prompt's task class names the target; unsure or unlisted tasks take the fallback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from routerapp.engine.constraints import covers
from routerapp.engine.references import Reference, read_references
from routerapp.engine.section import Section, suggestion
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind, certain
from routerapp.engine.task_words import is_own_task
from routerapp.engine.types import TraceStep
from routerapp.engine.verdicts import Verdict
from routerapp.engine.vocabulary import FIELD_BY_NAME


@dataclass(frozen=True, slots=True)
class Contextual:
    targets: Mapping[str, tuple[Reference, ...]]
    min_confidence: float = 0.0
    fallback: tuple[Reference, ...] = ()

    def named(self) -> dict[str, Reference]:
        lists = {f"targets.{task}": references for task, references in self.targets.items()}
        return {
            f"{key}[{index}]": reference
            for key, references in {**lists, "fallback": self.fallback}.items()
            for index, reference in enumerate(references)
        }


def rank_contextual(options: list[Option], parameters: Contextual, moment: Moment) -> Ranking:
    """Members of the pool by the first reference that names them: the task's targets, then the fallback, then the rest by slug."""
    features = moment.features
    targets = parameters.targets.get(features.task)
    is_sure = targets is not None and features.task_confidence >= parameters.min_confidence
    wanted = (targets or ()) + parameters.fallback if is_sure else parameters.fallback
    because = {"task": features.task, "confidence": features.task_confidence, "needs": parameters.min_confidence}
    step = TraceStep("strategy", features.task, Verdict.TASK_TARGET if is_sure else Verdict.TASK_FALLBACK, because)
    ranked = sorted(options, key=lambda option: (_place(option, wanted), option.slug))
    return Ranking(certain(ranked), trace=(step,))


def _place(option: Option, wanted: tuple[Reference, ...]) -> int:
    for place, reference in enumerate(wanted):
        if covers(reference, option.deployment):
            return place
    return len(wanted)


def _parse(section: Section) -> Contextual:
    section.require("targets")
    tasks = FIELD_BY_NAME["task"].choices
    documents = section.mapping("targets")
    for task in documents:
        if task not in tasks and not is_own_task(str(task)):
            section.refuse(f"targets.{task}", "unknown_value", f"There is no such task.{suggestion(str(task), tasks)}")
    inner = Section(documents, section.at("targets"), section.problems, tuple(documents))
    targets = {task: read_references(inner, task) for task in documents}
    floor = section.number("min_confidence", 0.0, 0, 1)
    return Contextual(targets, floor or 0.0, read_references(section, "fallback"))


CONTEXTUAL = StrategyKind(("targets", "min_confidence", "fallback"), _parse, rank_contextual)
