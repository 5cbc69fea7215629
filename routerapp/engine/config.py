"""The configuration revision: everything people set that can change a decision, parsed once into values with memos of what never changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from routerapp.engine.allowances import Subject, subjects_of_caller, subjects_of_user
from routerapp.engine.canonical import content_address
from routerapp.engine.constraints import NO_CONSTRAINTS, Constraints, Reason, named_lists, read_constraints, standing
from routerapp.engine.estimates import learned_quality, quality_of
from routerapp.engine.policy import Policy, parse_policy
from routerapp.engine.problems import ConfigError as ConfigError
from routerapp.engine.problems import PolicyError, Problem
from routerapp.engine.references import Reference
from routerapp.engine.types import AllowanceFacts, CallerFacts, DeploymentFacts, Evidence, LanguageModelFacts
from routerapp.engine.verdicts import Verdict

SCHEMA = 1
MAX_MEMO = 1_000


class Versions(Mapping[int, Policy]):
    """number -> policy, parsed on first use: a revision holds all versions, a decision needs one."""

    def __init__(self, documents: Mapping[int, Mapping[str, Any]]) -> None:
        self._documents = documents
        self._parsed: dict[int, Policy] = {}

    def __getitem__(self, number: int) -> Policy:
        """Raises KeyError for an unknown number and PolicyError for a document this engine cannot read."""
        if number not in self._parsed:
            self._parsed[number] = parse_policy(self._documents[number], version=number)
        return self._parsed[number]

    def __contains__(self, number: object) -> bool:
        return number in self._documents

    def __iter__(self) -> Iterator[int]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)


@dataclass(frozen=True, slots=True)
class PolicyVersions:
    """live: number of the published version, None before the first publish."""

    slug: str
    live: int | None
    versions: Mapping[int, Policy]

    @property
    def live_policy(self) -> Policy | None:
        return None if self.live is None else self.versions[self.live]


@dataclass(frozen=True, slots=True)
class Memo:
    """Answers that hold for this configuration, filled as decisions ask. Bounded: constraints may come from callers."""

    pools: dict[tuple[Reference, ...], tuple[str, ...]] = field(default_factory=dict)
    standings: dict[tuple[Constraints, str | None], Standing] = field(default_factory=dict)
    # By the identity of constraints that a policy holds, which is kept beside: hashing them costs more than all else here.
    known: dict[tuple[int, str | None], tuple[Constraints, Standing]] = field(default_factory=dict)
    qualities: dict[tuple[str, str], float | None] = field(default_factory=dict)
    # Of each policy that is some key's default; filled by names.py.
    defaults: dict[str | None, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """One set of constraints over this catalogue. sieves: pool -> what is left of it whatever the request asks."""

    constraints: Constraints
    document: Mapping[str, Any]
    sieves: dict[tuple[str, ...], Sieve] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sieve:
    """left: place in the pool, deployment, its model. out: slug -> reason.

    dearest_…: of all prices of those that are left, past and coming ones too; of input also read from a cache or written to one.
    """

    left: tuple[tuple[int, DeploymentFacts, LanguageModelFacts], ...]
    out: Mapping[str, Reason]
    dearest_input_nusd: int = 0
    dearest_output_nusd: int = 0


@dataclass(frozen=True, slots=True)
class Budgets:
    """unpriced: refuse or allow, what becomes of deployments without a price where a spend limit binds."""

    unpriced: str = "refuse"


@dataclass(frozen=True, slots=True)
class Config:
    """revision: content address of the document. caller_constraints: the binding constraints of each key, parsed.

    users: keyed hash or `*`. budgets None: a document of the first release, whose budgets looked at the expected cost, not the worst case.
    caller_subjects: of each key, who is limited.
    """

    revision: str
    policies: Mapping[str, PolicyVersions]
    default_policy: str | None
    models: Mapping[str, LanguageModelFacts]
    deployments: Mapping[str, DeploymentFacts]
    callers: Mapping[str, CallerFacts]
    aliases: Mapping[str, str]
    dimensions: tuple[str, ...]
    task_dimensions: Mapping[str, str]
    task_words: Mapping[str, tuple[str, ...]]
    experiments: Mapping[str, Mapping[str, Any]]
    document: Mapping[str, Any] = field(repr=False)
    teams: Mapping[str, AllowanceFacts] = field(default_factory=dict)
    users: Mapping[str, AllowanceFacts] = field(default_factory=dict)
    budgets: Budgets | None = None
    caller_subjects: Mapping[str, tuple[Subject, ...]] = field(repr=False, default_factory=dict)
    caller_constraints: Mapping[str, Constraints] = field(repr=False, default_factory=dict)
    memo: Memo = field(repr=False, compare=False, default_factory=Memo)

    def live_policy(self, slug: str) -> Policy | None:
        versions = self.policies.get(slug)
        return None if versions is None else versions.live_policy

    def subjects_of(self, caller: CallerFacts, user: str | None) -> tuple[Subject, ...]:
        """Whose limits bind a request of this caller; user is the keyed hash of the end user it names."""
        found = self.caller_subjects.get(caller.slug)
        if found is None:
            found = subjects_of_caller(caller, self.teams)
        return found + subjects_of_user(user, self.users) if user and self.users else found


def parse_config(document: Mapping[str, Any]) -> Config:
    """Absent optional keys are empty; wrong types, dangling references and unreadable live policies raise ConfigError."""
    if not isinstance(document, Mapping):
        raise ConfigError((Problem("", "wrong_type", "A configuration is a mapping."),))
    if document.get("schema") != SCHEMA:
        raise ConfigError((Problem("schema", "bad_schema", f"This must be {SCHEMA}."),))
    problems: list[Problem] = []
    models = _facts(document, "models", LanguageModelFacts, problems)
    deployments = {
        slug: _in_order(facts) for slug, facts in _facts(document, "deployments", DeploymentFacts, problems).items()
    }
    are_models_read = not problems
    for slug, facts in deployments.items():
        if are_models_read and facts.model not in models:
            problems.append(
                Problem(f"deployments.{slug}.model", "unknown_reference", f"There is no model {facts.model!r}.")
            )
    callers = _facts(document, "callers", CallerFacts, problems)
    teams = _convert(document, "teams", dict[str, AllowanceFacts], {}, problems)
    config = Config(
        revision=content_address(document),
        policies=_policies(document, problems),
        default_policy=_convert(document, "default_policy", str | None, None, problems),
        models=models,
        deployments=deployments,
        callers=callers,
        aliases=_convert(document, "aliases", dict[str, str], {}, problems),
        dimensions=_convert(document, "dimensions", tuple[str, ...], (), problems),
        task_dimensions=_convert(document, "task_dimensions", dict[str, str], {}, problems),
        task_words=_convert(document, "task_words", dict[str, tuple[str, ...]], {}, problems),
        experiments=_convert(document, "experiments", dict[str, dict[str, Any]], {}, problems),
        document=document,
        teams=teams,
        users=_convert(document, "users", dict[str, AllowanceFacts], {}, problems),
        budgets=_convert(document, "budgets", Budgets | None, None, problems),
        caller_subjects={slug: subjects_of_caller(facts, teams) for slug, facts in callers.items()},
        caller_constraints={
            slug: read_constraints(facts.constraints, f"callers.{slug}.constraints", problems)
            for slug, facts in callers.items()
        },
    )
    if problems:
        raise ConfigError(tuple(problems))
    return config


def pool_of(references: tuple[Reference, ...], config: Config) -> tuple[str, ...]:
    """Deployment slugs in the order written; within one reference by slug. Unknown references reach nothing."""
    memo = config.memo.pools
    pool = memo.get(references)
    if pool is None:
        if len(memo) >= MAX_MEMO:
            memo.clear()
        found = (slug for reference in references for slug in reach(reference, config.deployments))
        pool = memo[references] = tuple(dict.fromkeys(found))
    return pool


def reach(reference: Reference, deployments: Mapping[str, DeploymentFacts]) -> list[str]:
    """Slugs that one reference names, sorted."""
    kind, name = reference
    if kind == "all":
        return sorted(deployments)
    if kind == "deployment":
        return [name] if name in deployments else []
    if kind == "tag":
        return sorted(slug for slug, facts in deployments.items() if name in facts.tags)
    if kind in ("model", "provider"):
        return sorted(slug for slug, facts in deployments.items() if getattr(facts, kind) == name)
    return []


def standing_of(constraints: Constraints, caller: str | None, config: Config) -> Standing:
    """The constraints narrowed by those that bind the caller's key, with their memo."""
    known = config.memo.known
    entry = known.get((id(constraints), caller))
    if entry is not None and entry[0] is constraints:
        return entry[1]
    memo = config.memo.standings
    found = memo.get((constraints, caller))
    if found is None:
        if len(memo) >= MAX_MEMO:
            memo.clear()
        merged = constraints.narrow(binding_constraints(config, caller))
        found = memo[(constraints, caller)] = Standing(merged, merged.document())
    if len(known) >= MAX_MEMO:
        known.clear()
    known[(id(constraints), caller)] = (constraints, found)
    return found


def quality_in(config: Config, model: LanguageModelFacts, task: str, evidence: Evidence) -> tuple[float | None, bool]:
    """The model's quality for the task and whether it was learned, as estimates.learned_quality has it."""
    if evidence.capabilities:
        return learned_quality(model, task, config.task_dimensions, evidence)
    memo = config.memo.qualities
    key = (model.slug, task)
    if key in memo:
        return memo[key], False
    if len(memo) >= MAX_MEMO:
        memo.clear()
    found = memo[key] = quality_of(model, task, config.task_dimensions)
    return found, False


def sieve_of(pool: tuple[str, ...], limits: Standing, binding: Constraints, config: Config) -> Sieve:
    """The pool sifted by what only configuration decides. binding: the key's own limits, whose lists have a reason of their own."""
    found = limits.sieves.get(pool)
    if found is None:
        if len(limits.sieves) >= MAX_MEMO:
            limits.sieves.clear()
        found = limits.sieves[pool] = _sift(pool, limits.constraints, binding, config)
    return found


def _sift(pool: tuple[str, ...], constraints: Constraints, binding: Constraints, config: Config) -> Sieve:
    left: list[tuple[int, DeploymentFacts, LanguageModelFacts]] = []
    out: dict[str, Reason] = {}
    for position, slug in enumerate(pool):
        deployment = config.deployments[slug]
        reason = _refused_to_key(deployment, binding) or standing(deployment, constraints)
        if reason is None:
            left.append((position, deployment, config.models[deployment.model]))
        else:
            out[slug] = reason
    prices = [price for _, deployment, _ in left for price in deployment.prices]
    inputs = [
        amount
        for one in prices
        for amount in (one.input_nusd_per_mtok, one.cached_input_nusd_per_mtok, one.cache_write_nusd_per_mtok)
        if amount is not None
    ]
    outputs = [one.output_nusd_per_mtok for one in prices]
    return Sieve(tuple(left), out, max(inputs, default=0), max(outputs, default=0))


def _refused_to_key(deployment: DeploymentFacts, binding: Constraints) -> Reason | None:
    if not deployment.is_enabled or deployment.is_draining:
        return None
    refused = named_lists(deployment, binding)
    return (Verdict.KEY_NOT_ALLOWED, {"because": refused[0].value}) if refused else None


def binding_constraints(config: Config, caller: str | None) -> Constraints:
    return NO_CONSTRAINTS if caller is None else config.caller_constraints.get(caller, NO_CONSTRAINTS)


def _in_order(facts: DeploymentFacts) -> DeploymentFacts:
    ordered = tuple(sorted(facts.prices, key=lambda price: price.valid_from_ms))
    return facts if ordered == facts.prices else replace(facts, prices=ordered)


def _facts(document: Mapping[str, Any], key: str, kind: Any, problems: list[Problem]) -> dict[str, Any]:
    """slug -> facts; the slug inside the entry may be left out."""
    entries = document.get(key)
    if entries is None:
        return {}
    if not isinstance(entries, Mapping):
        problems.append(Problem(key, "wrong_type", "This must be a mapping of slugs to entries."))
        return {}
    found: dict[str, Any] = {}
    for slug, entry in entries.items():
        try:
            found[slug] = msgspec.convert({**entry, "slug": slug}, kind)
        except (msgspec.ValidationError, TypeError) as error:
            problems.append(Problem(f"{key}.{slug}", "wrong_type", str(error)))
    return found


def _convert(document: Mapping[str, Any], key: str, kind: Any, default: Any, problems: list[Problem]) -> Any:
    value = document.get(key)
    if value is None:
        return default
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        problems.append(Problem(key, "wrong_type", str(error)))
        return default


def _policies(document: Mapping[str, Any], problems: list[Problem]) -> dict[str, PolicyVersions]:
    entries = _convert(document, "policies", dict[str, dict[str, Any]], {}, problems)
    policies: dict[str, PolicyVersions] = {}
    for slug, entry in entries.items():
        place = f"policies.{slug}"
        live = _convert(entry, "live", int | None, None, problems)
        documents = _convert(entry, "versions", dict[int | str, dict[str, Any]], {}, problems)
        if not all(str(number).isdecimal() for number in documents):
            problems.append(Problem(f"{place}.versions", "wrong_type", "Versions are numbered."))
            continue
        versions = Versions({int(number): version for number, version in documents.items()})
        if live is not None:
            problems.extend(_live_problems(versions, live, place))
        policies[slug] = PolicyVersions(slug, live, versions)
    return policies


def _live_problems(versions: Versions, live: int, place: str) -> list[Problem]:
    if live not in versions:
        return [Problem(f"{place}.live", "unknown_reference", f"There is no version {live}.")]
    try:
        versions[live]
    except PolicyError as error:
        inside = f"{place}.versions.{live}."
        return [Problem(inside + problem.path, problem.code, problem.message) for problem in error.problems]
    return []
