from __future__ import annotations

import json

import pytest

from routerapp.engine.canonical import content_address
from routerapp.engine.config import parse_config, pool_of
from routerapp.engine.problems import ConfigError
from routerapp.engine.references import parse_reference
from tests.engine.situations import ANYTHING, deployment, model

POLICY = {"schema": 1, "policy": "p", "default": ANYTHING}
BROKEN = {"schema": 1, "policy": "p", "default": {"pool": ["nonsense"]}}


def test_absent_parts_are_empty():
    config = parse_config({"schema": 1})

    assert (config.policies, config.models, config.callers, config.default_policy) == ({}, {}, {}, None)
    assert config.revision == content_address({"schema": 1})


def test_reads_facts_by_slug_and_sorts_prices():
    late = {"input_nusd_per_mtok": 2, "output_nusd_per_mtok": 2, "valid_from_ms": 200}
    early = {"input_nusd_per_mtok": 1, "output_nusd_per_mtok": 1, "valid_from_ms": 100}
    config = parse_config(
        {"schema": 1, "models": {"m": model()}, "deployments": {"d": deployment(prices=[late, early])}}
    )

    assert config.deployments["d"].slug == "d"
    assert [price.valid_from_ms for price in config.deployments["d"].prices] == [100, 200]


def test_versions_are_numbered_and_the_live_one_is_known():
    config = parse_config({"schema": 1, "policies": {"p": {"live": 2, "versions": {"1": BROKEN, "2": POLICY}}}})

    assert config.live_policy("p").version == 2
    assert sorted(config.policies["p"].versions) == [1, 2]
    assert config.live_policy("other") is None


def test_the_revision_survives_a_trip_through_text():
    document = {"schema": 1, "models": {"m": model()}, "deployments": {"d": deployment()}}

    assert parse_config(json.loads(json.dumps(document))) == parse_config(document)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({}, "schema"),
        ([], ""),
        ({"schema": 1, "models": []}, "models"),
        ({"schema": 1, "models": {"m": {"name": 3}}}, "models.m"),
        ({"schema": 1, "models": {"m": None}}, "models.m"),
        ({"schema": 1, "deployments": {"d": deployment("missing")}}, "deployments.d.model"),
        ({"schema": 1, "aliases": {"a": 1}}, "aliases"),
        ({"schema": 1, "callers": {"k": {"constraints": {"nope": 1}}}}, "callers.k.constraints.nope"),
        ({"schema": 1, "policies": {"p": {"live": 3, "versions": {}}}}, "policies.p.live"),
        (
            {"schema": 1, "policies": {"p": {"live": 1, "versions": {"1": BROKEN}}}},
            "policies.p.versions.1.default.pool[0]",
        ),
        ({"schema": 1, "policies": {"p": {"versions": {"x": POLICY}}}}, "policies.p.versions"),
    ],
)
def test_refuses_with_the_place(document, path):
    with pytest.raises(ConfigError) as refused:
        parse_config(document)

    assert path in [found.path for found in refused.value.problems]


def test_a_pool_keeps_the_order_written_and_sorts_within_a_reference():
    places = {"b": deployment(tags=["t"]), "a": deployment(tags=["t"]), "c": deployment(provider="q")}
    config = parse_config({"schema": 1, "models": {"m": model()}, "deployments": places})

    def pool(*texts):
        return pool_of(tuple(parse_reference(text) for text in texts), config)

    assert pool("provider:q", "tag:t", "all") == ("c", "a", "b")
    assert pool("deployment:b", "model:m") == ("b", "a", "c")
    assert pool("deployment:gone", "tag:none") == ()
