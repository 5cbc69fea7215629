"""Is a policy document fit to save, and fit to publish? The engine says; this file brings it today's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routerapp.engine.canonical import canonical_bytes
from routerapp.engine.config import Config, parse_config
from routerapp.engine.policy import Policy, parse_policy
from routerapp.engine.problems import ConfigError, PolicyError, Problem
from routerapp.engine.publish import check_publishable
from routerapp.serving.documents import refuse_unstorable
from routerapp.serving.refusals import Invalid
from routerapp.store.config_document import build_config_document

MAX_DOCUMENT_BYTES = 500_000


def checked_document(document: Any, slug: str) -> dict[str, Any]:
    """The document, when it parses and names its own policy. Raises Invalid with every problem the engine finds."""
    if not isinstance(document, Mapping):
        raise Invalid([Problem("", "not_an_object", "A policy document is an object.")])
    refuse_unstorable(document)
    if len(canonical_bytes(document)) > MAX_DOCUMENT_BYTES:
        raise Invalid([Problem("", "too_large", f"A policy document has at most {MAX_DOCUMENT_BYTES:,} bytes.")])
    if document.get("policy") != slug:
        raise Invalid([Problem("policy", "wrong_policy", f"This is the policy {slug}; its document must say so.")])
    parsed(document)
    return dict(document)


def parsed(document: Mapping[str, Any], version: int = 0) -> Policy:
    try:
        return parse_policy(document, version=version)
    except PolicyError as error:
        raise Invalid(error.problems) from error


def publish_problems(document: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Why this document cannot go live against the configuration as it is now; empty when it can."""
    try:
        policy = parse_policy(document, version=0)
    except PolicyError as error:
        return error.problems
    config = current_config()
    return check_publishable(policy, config, live_policies(config))


def current_config() -> Config:
    """The configuration as the tables are in this transaction. Raises Invalid when they hold what the engine cannot read."""
    try:
        return parse_config(build_config_document())
    except ConfigError as error:
        raise Invalid(error.problems) from error


def live_policies(config: Config) -> dict[str, Policy]:
    found = {slug: config.live_policy(slug) for slug in config.policies}
    return {slug: policy for slug, policy in found.items() if policy is not None}


def broken_policies(config: Config) -> dict[str, tuple[Problem, ...]]:
    """Live policies that could not be published again against this configuration, with the reasons."""
    policies = live_policies(config)
    found = {slug: check_publishable(policy, config, policies) for slug, policy in policies.items()}
    return {slug: problems for slug, problems in found.items() if problems}
