"""`semantic`: the route whose examples are nearest in meaning, if near enough; else the fallback.

Similarities are made before the decision; a route is known by its name and the address of its examples, so that a draft with other
examples under the same name reads its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from routerapp.engine.canonical import content_address
from routerapp.engine.constraints import covers
from routerapp.engine.references import Reference, read_references
from routerapp.engine.section import Section
from routerapp.engine.strategies.predicted import DIGITS
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind, certain
from routerapp.engine.types import TraceStep
from routerapp.engine.verdicts import Verdict

ROUTE_KEYS = ("name", "targets", "examples", "threshold")
THRESHOLD = 0.6
MOST_ROUTES = 50
MOST_EXAMPLES = 100
LONGEST_EXAMPLE = 1_000
ADDRESS_DIGITS = 12


@dataclass(frozen=True, slots=True)
class SemanticRoute:
    """key: what its similarity is recorded under."""

    name: str
    key: str
    targets: tuple[Reference, ...]
    examples: tuple[str, ...]
    threshold: float = THRESHOLD


@dataclass(frozen=True, slots=True)
class Semantic:
    routes: tuple[SemanticRoute, ...]
    fallback: tuple[Reference, ...] = ()

    def named(self) -> dict[str, Reference]:
        found = {
            f"routes[{place}].targets[{index}]": reference
            for place, route in enumerate(self.routes)
            for index, reference in enumerate(route.targets)
        }
        return found | {f"fallback[{index}]": reference for index, reference in enumerate(self.fallback)}


def route_key(name: str, examples: tuple[str, ...]) -> str:
    return f"{name}#{content_address(list(examples))[:ADDRESS_DIGITS]}"


def rank_semantic(options: list[Option], parameters: Semantic, moment: Moment) -> Ranking:
    """Members of the pool by the first reference that names them: the nearest route's targets, then the fallback, then the rest by slug."""
    predictions = moment.predictions
    known: Mapping[str, float] = {} if predictions is None else predictions.routes
    found = [(known[route.key], route) for route in parameters.routes if route.key in known]
    near = [(similarity, route) for similarity, route in found if similarity >= route.threshold]
    wanted = parameters.fallback
    if near:
        similarity, route = min(near, key=lambda one: (-one[0], one[1].name))
        wanted = route.targets + parameters.fallback
        because = {"similarity": round(similarity, DIGITS), "threshold": route.threshold}
        step = TraceStep("strategy", route.name, Verdict.ROUTE_MATCHED, because)
    elif found:
        similarity, route = min(found, key=lambda one: (-one[0], one[1].name))
        because = {"similarity": round(similarity, DIGITS), "threshold": route.threshold}
        step = TraceStep("strategy", route.name, Verdict.ROUTE_ABSTAINED, because)
    else:
        step = TraceStep("strategy", "", Verdict.NOT_PREDICTED)
    step = TraceStep(step.stage, step.subject, step.verdict, {**step.because, **_all_of(found)})
    ranked = sorted(options, key=lambda option: (_place(option, wanted), option.slug))
    return Ranking(certain(ranked), trace=(step,))


def _all_of(found: list[tuple[float, SemanticRoute]]) -> dict[str, Any]:
    """route → similarity of all that were compared."""
    return {"routes": {route.name: round(similarity, DIGITS) for similarity, route in found}} if found else {}


def _place(option: Option, wanted: tuple[Reference, ...]) -> int:
    for place, reference in enumerate(wanted):
        if covers(reference, option.deployment):
            return place
    return len(wanted)


def routes_of(document: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(key, examples) of every route that a document holds, however deep; what is half written is passed over."""
    if isinstance(document, Mapping):
        if document.get("kind") == "semantic" and isinstance(document.get("routes"), list | tuple):
            for route in document["routes"]:
                found = _parsed_quietly(route)
                if found is not None:
                    yield found.key, found.examples
        for inner in document.values():
            yield from routes_of(inner)
    elif isinstance(document, list | tuple):
        for inner in document:
            yield from routes_of(inner)


def _parsed_quietly(document: Any) -> SemanticRoute | None:
    return _read_route(Section(document, "", [], ROUTE_KEYS))


def _read_route(section: Section) -> SemanticRoute | None:
    for key in ("name", "targets", "examples"):
        section.require(key)
    name = section.text("name", limit=40)
    targets = read_references(section, "targets")
    examples = section.texts("examples") or ()
    if len(examples) > MOST_EXAMPLES:
        section.refuse("examples", "too_many", f"A route has at most {MOST_EXAMPLES} examples.")
        return None
    for index, example in enumerate(examples):
        if len(example) > LONGEST_EXAMPLE or not example.strip():
            words = f"An example is 1 to {LONGEST_EXAMPLE:,} characters, not all of them blank."
            section.refuse(f"examples[{index}]", "wrong_type", words)
            return None
    threshold = section.number("threshold", THRESHOLD, -1, 1)
    if name is None or not examples or threshold is None:
        return None
    return SemanticRoute(name, route_key(name, examples), targets, examples, threshold)


def _parse(section: Section) -> Semantic:
    section.require("routes")
    documents = section.items("routes")
    if section.has("routes") and not 1 <= len(documents) <= MOST_ROUTES:
        section.refuse("routes", "out_of_range", f"There are 1 to {MOST_ROUTES} routes.")
        documents = documents[:MOST_ROUTES]
    routes: list[SemanticRoute] = []
    for place, document in enumerate(documents):
        inner = Section(document, f"{section.at('routes')}[{place}]", section.problems, ROUTE_KEYS)
        route = _read_route(inner)
        if route is not None and any(one.name == route.name for one in routes):
            inner.refuse("name", "duplicate_id", f"Another route is called {route.name!r}.")
        elif route is not None:
            routes.append(route)
    return Semantic(tuple(routes), read_references(section, "fallback"))


SEMANTIC = StrategyKind(("routes", "fallback"), _parse, rank_semantic)
