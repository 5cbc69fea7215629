"""Content leaves are answered once, all together, and an absent header or metadata name is false."""

from routerapp.engine.conditions import content_leaves, parse_condition
from routerapp.engine.content import Content
from routerapp.engine.observe import Observer
from routerapp.engine.types import RequestFacts


def observed(condition, *, text="", system="", facts=None):
    leaves = content_leaves(parse_condition(condition, "when"))
    content = Content(text, f"{system}\n{text}", system, False, 1)
    truths = Observer(leaves).observe(content, facts or RequestFacts())
    return {leaf.value if isinstance(leaf.value, str) else tuple(leaf.value): truths[leaf.leaf_id] for leaf in leaves}


def test_patterns_words_and_substrings_in_one_go():
    condition = {
        "any": [
            {"field": "text", "op": "matches", "value": "(?i)free crypto"},
            {"field": "text", "op": "matches", "value": "^never$"},
            {"field": "text", "op": "contains_any", "value": ["rent", "lease"]},
            {"field": "system", "op": "contains", "value": "LAWYER"},
        ]
    }

    assert observed(condition, text="Free CRYPTO for parents", system="You are a lawyer.") == {
        "(?i)free crypto": True,
        "^never$": False,
        ("rent", "lease"): False,
        "LAWYER": True,
    }


def test_an_absent_header_is_false():
    condition = {"field": "header.x-app", "op": "eq", "value": "web"}

    assert observed(condition) == {"web": False}
    assert observed(condition, facts=RequestFacts(headers={"x-app": "web"})) == {"web": True}


def test_a_catastrophic_pattern_costs_nothing_special():
    condition = {"field": "text", "op": "matches", "value": "^(a+)+$"}

    assert observed(condition, text="a" * 50_000 + "!") == {"^(a+)+$": False}
