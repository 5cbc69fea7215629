from __future__ import annotations

import pytest

from routerapp.engine.chat import RouterExtras
from routerapp.engine.names import UnknownModel, resolve_name
from routerapp.engine.types import CallerFacts
from tests.engine.situations import ANYTHING, ask, config_of, deployment, model, plan


def document(slug):
    return {"schema": 1, "policy": slug, "default": ANYTHING}


CONFIG = config_of(
    {
        "openai-large": deployment("large", provider="openai", upstream_model="gpt-5"),
        "azure-large": deployment("large", provider="azure"),
        "hub-llama": deployment("llama", provider="hub", upstream_model="meta/llama-3"),
    },
    {"large": model(scores={"accuracy": 0.9}), "llama": model(scores={"accuracy": 0.4})},
    default_policy="house",
    policies={
        "house": {"live": 2, "versions": {"1": document("house"), "2": document("house")}},
        "support": {"live": 1, "versions": {"1": document("support")}},
        "draft-only": {"live": None, "versions": {}},
    },
    aliases={"gpt": "azure/large", "best": "gpt", "round": "round", "helper": "policy/support"}
    | {"large-one": "model:large", "llama": "model:llama", "hub": "deployment:hub-llama", "desk": "policy:support"}
    | {"gone": "model:gone"},
)
CALLER = CallerFacts("web")
PINNER = CallerFacts("web", scopes=("chat", "policy:pin"))


def resolve(name, caller=CALLER, **extras):
    return resolve_name(name, CONFIG, caller, RouterExtras(**extras))


@pytest.mark.parametrize(
    ("name", "slug", "version"),
    [
        ("auto", "house", 2),
        ("router/auto", "house", 2),
        ("policy/support", "support", 1),
        ("helper", "support", 1),
        ("desk", "support", 1),
    ],
)
def test_a_name_means_a_policy(name, slug, version):
    resolution = resolve(name)

    assert (resolution.policy.slug, resolution.policy.version, resolution.pinned) == (slug, version, None)


def test_a_key_may_have_its_own_default():
    assert resolve("auto", CallerFacts("web", default_policy="support")).policy.slug == "support"


def test_a_version_needs_the_scope():
    assert resolve("policy/house@1", PINNER).policy.version == 1
    with pytest.raises(UnknownModel, match="policy:pin"):
        resolve("policy/house@1")


@pytest.mark.parametrize(
    ("name", "pinned"),
    [
        ("openai/large", ("openai-large",)),
        ("openai/gpt-5", ("openai-large",)),
        ("hub/meta/llama-3", ("hub-llama",)),
        ("large", ("azure-large", "openai-large")),
        ("best", ("azure-large",)),
        ("large-one", ("azure-large", "openai-large")),
        ("llama", ("hub-llama",)),
        ("hub", ("hub-llama",)),
    ],
)
def test_a_name_pins_deployments(name, pinned):
    resolution = resolve(name)

    assert (resolution.policy, resolution.pinned) == (None, pinned)


@pytest.mark.parametrize("name", ["gone", "model:large", "deployment:hub-llama", "policy:support"])
def test_references_are_for_aliases_only_and_must_lead_somewhere(name):
    with pytest.raises(UnknownModel):
        resolve(name)


def test_aliases_leave_a_trace():
    assert [step.because for step in resolve("best").trace] == [{"to": "gpt"}, {"to": "azure/large"}]


def test_a_strategy_name_is_a_policy_of_its_own():
    quality = resolve("router-balanced-0.9").policy
    floor = resolve("router-cheapest-0.5").policy

    assert quality.default.use.strategy_parameters.quality == pytest.approx(0.9)
    assert plan(ask(floor, CONFIG)) == ["azure-large", "openai-large"]
    assert plan(ask(resolve("router-fastest-0").policy, CONFIG)).__len__() == 3


@pytest.mark.parametrize("extras", [{"policy": "support"}, {"policy": "support", "version": 1}])
def test_the_body_may_name_the_policy(extras):
    assert resolve("auto", PINNER, **extras).policy.slug == "support"
    with pytest.raises(UnknownModel, match="send the model 'auto'"):
        resolve("openai/large", PINNER, **extras)


def test_the_body_may_choose_a_version_of_the_default():
    assert resolve("auto", PINNER, version=1).policy.version == 1
    assert resolve("policy/house", PINNER, version=1).policy.version == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "There is no model ''"),
        ("gpt-6", "There is no model 'gpt-6'"),
        ("larg", "Did you mean 'large'"),
        ("openai/llama", "The provider 'openai' has no model 'llama'"),
        ("policy/suport", "Did you mean 'support'"),
        ("policy/draft-only", "no published version"),
        ("policy/house@9", "no version 9"),
        ("policy/house@x", "'x' after @"),
        ("policy/house@²", "after @"),
        ("router-balanced-2", "'2' in 'router-balanced-2' is no number from 0 to 1"),
        ("router-balanced-nan", "'nan'"),
        ("router-balanced-", "''"),
        ("router-weighted-0.5", "'weighted'"),
        ("router-0.5", "no strategy"),
        ("round", "more than 5"),
        ("x" * 201, "at most 200"),
    ],
)
def test_a_bad_name_says_which_part(name, words):
    with pytest.raises(UnknownModel) as refused:
        resolve(name, PINNER)

    assert words in str(refused.value)
