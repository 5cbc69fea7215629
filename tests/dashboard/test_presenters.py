"""Codes in words: every verdict has some, facts carry units, rules are called what they were called then."""

from __future__ import annotations

import zlib

import pytest

from dashboard.presenters import WORDS, candidate_lines, facts_in_words, headline, trace_lines
from dashboard.rule_book import RuleBook, rule_book
from routerapp.engine.canonical import canonical_bytes
from routerapp.engine.types import Candidate, Decision, Features, PlanStep, TraceStep
from routerapp.engine.verdicts import Verdict
from routerapp.models import ConfigRevision

RULES = [
    {"id": "r1", "name": "stays home", "when": {"field": "pii", "op": "intersects", "value": ["email", "iban"]}},
    {
        "id": "r2",
        "name": "hard code",
        "when": {
            "all": [
                {"field": "task", "op": "in", "value": ["code"]},
                {"field": "complexity", "op": "gte", "value": 0.5},
            ]
        },
    },
]


def a_decision(**fields) -> Decision:
    defaults = {
        "outcome": "routed",
        "policy": "support",
        "policy_version": 12,
        "rule": "r2",
        "rule_name": "hard code",
        "strategy": "balanced",
        "config": "c" * 64,
        "evidence": "",
        "seed": 1,
        "engine": "1",
        "features": Features(task="code", complexity=0.25),
        "candidates": (
            Candidate("cheap", True, Verdict.NOT_CHOSEN, score=0.2, terms={"quality": 0.2}),
            Candidate("far", False, Verdict.REGION_NOT_ALLOWED, {"region": "us", "allowed": ["eu"]}),
            Candidate(
                "strong", True, Verdict.CHOSEN, score=0.75, terms={"quality": 0.5, "cost": 0.25}, probability=1.0
            ),
        ),
        "plan": (PlanStep("strong", "primary"), PlanStep("cheap", "fallback", "failed_before_first_byte")),
    }
    return Decision(**defaults | fields)


def test_every_verdict_has_words():
    assert set(WORDS) == set(Verdict)
    assert all(words.strip() and words[0].isupper() and not words.endswith(".") for words in WORDS.values())


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"needs": 9000, "has": 8192}, "needs 9,000 · has 8,192"),
        ({"cost_nusd": 4_100_000, "allowed": 2_000_000}, "cost $0.0041 · allowed $0.002"),
        ({"ttft_ms": 4200.0, "allowed": 3000}, "first token 4.20 s · allowed 3.00 s"),
        (
            {"input_nusd_per_mtok": 2_500_000_000, "allowed": 1_000_000_000},
            "input $2.50 per million tokens · allowed $1.00 per million tokens",
        ),
        ({"region": "us", "allowed": ["eu", "ch"]}, "region us · allowed eu, ch"),
        ({"because": "model_not_allowed"}, "because model not allowed"),
        ({"reopens_at_ms": 0}, "reopens at 1970-01-01 00:00:00 UTC"),
        ({"nested": {"a": 1}}, ""),
    ],
)
def test_facts_are_said_with_their_units(facts, words):
    assert facts_in_words(facts) == words


def test_candidates_come_in_the_plans_order_and_the_chosen_one_first():
    lines = candidate_lines(a_decision())

    assert [(line.deployment, line.words) for line in lines] == [
        ("strong", "Chosen"),
        ("cheap", "Fallback"),
        ("far", "Region not allowed"),
    ]


def test_terms_that_sum_to_the_score_are_drawn_to_scale():
    strong = candidate_lines(a_decision())[0]

    assert strong.is_sum
    assert [(term.name, term.offset, term.width) for term in strong.terms] == [("quality", 0, 50), ("cost", 50, 25)]


def test_terms_that_do_not_sum_are_only_listed():
    candidate = Candidate("one", True, Verdict.CHOSEN, score=0.1, terms={"cost": 0.5})
    line = candidate_lines(a_decision(candidates=(candidate,)))[0]

    assert not line.is_sum
    assert line.terms[0].width == 0


def test_the_headline_names_the_one_that_took_over():
    assert headline(a_decision(), "cheap").endswith("It failed, so cheap took over.")
    assert "took over" not in headline(a_decision(), "strong")


@pytest.mark.parametrize(
    ("verdicts", "because", "words"),
    [
        (["sticky_kept"], {}, "strong was kept, since it answered last time, among 2"),
        (["sticky_new"], {"by": "hash"}, "strong was given by the hash of the conversation among 2"),
        (["sticky_new"], {"by": "strategy"}, "strong was ranked first by “balanced” among 2"),
        (["explored", "sticky_new"], {"instead_of": "cheap"}, "strong was tried on purpose instead of cheap among 2"),
        (["least_busy_draw"], {}, "strong was the less busy of two drawn at random among 2"),
    ],
)
def test_the_headline_says_who_put_the_first_there(verdicts, because, words):
    trace = tuple(TraceStep("strategy", "strong", Verdict(verdict), because) for verdict in verdicts)

    assert words in headline(a_decision(trace=trace))


def test_what_a_move_loses_is_said():
    because = {"from": "far", "to": "strong", "lost_cache_tokens": 5200, "by": "hash"}
    decision = a_decision(trace=(TraceStep("strategy", "strong", Verdict.STICKY_MOVED, because),))
    (line,) = trace_lines(decision, RuleBook({}))

    assert line.words.startswith("Moved from where this conversation was answered last")
    assert line.facts == "from far · to strong · lost cache 5,200 tokens · by hash"


@pytest.mark.parametrize(
    ("outcome", "words"), [("rejected", "Refused by rule “hard code”"), ("no_candidate", "none of 3 candidates")]
)
def test_the_headline_says_when_nobody_answers(outcome, words):
    assert words in headline(a_decision(outcome=outcome))


@pytest.mark.django_db
def test_the_trace_shows_the_rule_as_it_was_and_what_the_request_had():
    document = {"policies": {"support": {"live": 13, "versions": {"12": {"rules": RULES}, "13": {"rules": []}}}}}
    ConfigRevision.objects.create(sha256="c" * 64, document=zlib.compress(canonical_bytes(document)))
    decision = a_decision(
        trace=(
            TraceStep("rule", "r1", Verdict.RULE_NOT_MATCHED, {"field": "pii", "op": "intersects"}),
            TraceStep("rule", "r2", Verdict.RULE_NOT_MATCHED, {"at": "all[1]", "field": "complexity", "op": "gte"}),
        )
    )

    first, second = trace_lines(decision, rule_book(decision))

    assert (first.subject, first.words) == ("stays home", "Did not match")
    assert first.facts == "personal data includes any of email or iban; this request: none"
    assert (second.subject, second.facts) == ("hard code", "complexity is at least 0.5; this request: 0.25")


@pytest.mark.django_db
def test_without_the_revision_rules_keep_their_ids():
    step = TraceStep("rule", "r1", Verdict.RULE_MATCHED)
    decision = a_decision(trace=(step,))

    assert trace_lines(decision, rule_book(decision))[0].subject == "r1"


def test_an_entered_policy_brings_its_own_rules():
    book = RuleBook(
        {"inner": {"r1": {"id": "r1", "name": "inner rule"}}, "support": {"r1": {"id": "r1", "name": "outer"}}}
    )
    steps = (TraceStep("policy", "inner@3", Verdict.SUB_POLICY_ENTERED), TraceStep("rule", "r1", Verdict.RULE_MATCHED))

    assert [line.subject for line in trace_lines(a_decision(trace=steps), book)] == ["inner@3", "inner rule"]
