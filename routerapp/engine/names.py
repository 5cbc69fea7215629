"""What the name a caller sends means: a policy, or deployments it pins. Aliases may point to any other form of name.

auto · router/auto · policy/<slug>[@version] · router-<strategy>-<number> · an alias · provider/model · a model's slug.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from routerapp.engine.chat import RouterExtras
from routerapp.engine.config import Config
from routerapp.engine.policy import Policy, parse_policy
from routerapp.engine.problems import PolicyError
from routerapp.engine.section import suggestion
from routerapp.engine.types import CallerFacts, TraceStep
from routerapp.engine.verdicts import Verdict

AUTO = ("auto", "router/auto")
POLICY_PREFIX = "policy/"
STRATEGY_PREFIX = "router-"
# What an alias of the catalogue points to; callers cannot send these themselves.
REFERENCES = ("policy:", "model:", "deployment:")
PIN_SCOPE = "policy:pin"
NUMBERED_STRATEGIES = ("balanced", "cheapest", "fastest")
MAX_ALIASES = 5
MAX_NAME = 200


class UnknownModel(ValueError):
    """The name means nothing here; the message says which part."""


class Resolution(msgspec.Struct, frozen=True, gc=False):
    """Exactly one of policy and pinned (deployment slugs, sorted)."""

    policy: Policy | None
    pinned: tuple[str, ...] | None = None
    trace: tuple[TraceStep, ...] = ()


def resolve_name(requested: str, config: Config, caller: CallerFacts, extras: RouterExtras) -> Resolution:
    """Raises UnknownModel. The key's binding constraints hold for every name; decide() applies them."""
    if extras.policy is None and extras.version is None and requested in AUTO and requested not in config.aliases:
        return _default_of(config, caller)
    name, trace = _follow_aliases(requested, config)
    asked, version = extras.policy, extras.version
    if asked is not None or version is not None:
        if name not in AUTO and not name.startswith(POLICY_PREFIX):
            raise UnknownModel(
                f"The body asks for a policy and for the model {_shown(name)}; send the model 'auto' with it."
            )
        slug = asked or _policy_slug(name, config, caller)
        return _named(_policy(slug, version, config, caller), trace)
    if name in AUTO:
        return _named(_policy(_default_slug(config, caller), None, config, caller), trace)
    if name.startswith(POLICY_PREFIX):
        slug, at, number = name.removeprefix(POLICY_PREFIX).partition("@")
        return _named(_policy(slug, _version(number) if at else None, config, caller), trace)
    if name.startswith(STRATEGY_PREFIX):
        return _named(strategy_policy(name), trace)
    return _pinned(name, config, trace)


def strategy_policy(name: str) -> Policy:
    """router-balanced-0.7 -> a policy over all deployments. The number: weight of quality against cost for balanced, else the least quality."""
    kind, dash, number = name.removeprefix(STRATEGY_PREFIX).rpartition("-")
    if not dash or kind not in NUMBERED_STRATEGIES:
        word = kind or number
        known = ", ".join(f"{STRATEGY_PREFIX}{one}-<number>" for one in NUMBERED_STRATEGIES)
        raise UnknownModel(f"{_shown(word)} in {_shown(name)} is no strategy that takes a number. Known: {known}.")
    share = _share(number, name)
    use: dict[str, Any] = {"pool": ["all"], "strategy": {"kind": kind}}
    if kind == "balanced":
        use["strategy"]["weights"] = {"quality": share, "cost": round(1 - share, 12)}
    elif share:
        use["constraints"] = {"min_quality": share}
    document = {"schema": 1, "policy": name, "default": use}
    try:
        return parse_policy(document)
    except PolicyError as error:
        raise UnknownModel(f"{_shown(name)} is no usable name: {error.problems[0].message}") from None


def _follow_aliases(requested: str, config: Config) -> tuple[str, list[TraceStep]]:
    name = requested
    trace: list[TraceStep] = []
    if len(name) > MAX_NAME:
        raise UnknownModel(f"A model name has at most {MAX_NAME} characters.")
    for _ in range(MAX_ALIASES):
        target = config.aliases.get(name)
        if target is None:
            return name, trace
        trace.append(TraceStep("name", name, Verdict.ALIAS_RESOLVED, {"to": target}))
        if target.startswith(REFERENCES):
            return target.replace("policy:", POLICY_PREFIX, 1) if target.startswith("policy:") else target, trace
        name = target
    raise UnknownModel(f"The alias {_shown(requested)} leads through more than {MAX_ALIASES} others.")


def _named(policy: Policy, trace: list[TraceStep]) -> Resolution:
    step = TraceStep("name", policy.slug, Verdict.NAME_RESOLVED, {"version": policy.version})
    return Resolution(policy, None, (*trace, step))


def _default_slug(config: Config, caller: CallerFacts) -> str:
    slug = caller.default_policy or config.default_policy
    if slug is None:
        raise UnknownModel("There is no default policy yet: publish one, or name a model as provider/model.")
    return slug


def _default_of(config: Config, caller: CallerFacts) -> Resolution:
    """What auto means to this key: the same for every request under one configuration."""
    memo = config.memo.defaults
    found = memo.get(caller.default_policy)
    if found is None:
        found = memo[caller.default_policy] = _named(_policy(_default_slug(config, caller), None, config, caller), [])
    return found


def _policy_slug(name: str, config: Config, caller: CallerFacts) -> str:
    if name in AUTO:
        return _default_slug(config, caller)
    return name.removeprefix(POLICY_PREFIX).partition("@")[0]


def _policy(slug: str, version: int | None, config: Config, caller: CallerFacts) -> Policy:
    versions = config.policies.get(slug)
    if versions is None:
        raise UnknownModel(f"There is no policy {_shown(slug)}.{suggestion(slug, config.policies)}")
    if version is None:
        policy = versions.live_policy
        if policy is None:
            raise UnknownModel(f"The policy {_shown(slug)} has no published version yet.")
        return policy
    if PIN_SCOPE not in caller.scopes:
        raise UnknownModel(f"This key may not choose a version: it lacks the scope {PIN_SCOPE}.")
    try:
        return versions.versions[version]
    except KeyError:
        raise UnknownModel(f"The policy {_shown(slug)} has no version {version} within reach.") from None
    except PolicyError:
        raise UnknownModel(f"Version {version} of the policy {_shown(slug)} cannot be read by this release.") from None


def _version(number: str) -> int:
    if not number.isascii() or not number.isdecimal() or len(number) > 9:
        raise UnknownModel(f"{_shown(number)} after @ is no version number.")
    return int(number)


def _share(number: str, name: str) -> float:
    try:
        share = float(number)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UnknownModel(f"{_shown(number)} in {_shown(name)} is no number from 0 to 1.")
    return share


def _pinned(name: str, config: Config, trace: list[TraceStep]) -> Resolution:
    provider, slash, model = name.partition("/")
    deployments = config.deployments.values()
    if trace and name.startswith(REFERENCES):
        kind, _, slug = name.partition(":")
        pinned = {one.slug for one in deployments if slug == (one.slug if kind == "deployment" else one.model)}
    elif slash:
        pinned = {
            one.slug for one in deployments if one.provider == provider and model in (one.model, one.upstream_model)
        }
    else:
        pinned = {one.slug for one in deployments if one.model == name}
    if not pinned:
        raise UnknownModel(_unknown(name, config))
    return Resolution(None, tuple(sorted(pinned)), tuple(trace))


def _unknown(name: str, config: Config) -> str:
    known: Iterable[str] = {
        *AUTO,
        *config.aliases,
        *config.models,
        *(f"{POLICY_PREFIX}{slug}" for slug in config.policies),
        *(f"{one.provider}/{one.model}" for one in config.deployments.values()),
    }
    provider, slash, model = name.partition("/")
    if slash and any(one.provider == provider for one in config.deployments.values()):
        return f"The provider {_shown(provider)} has no model {_shown(model)}.{suggestion(name, sorted(known))}"
    return f"There is no model {_shown(name)}.{suggestion(name, sorted(known))} Send 'auto' to let the router choose."


def _shown(word: str) -> str:
    return repr(word[:80])
