"""A cascade's checks survive the way from the document to lines of text and back; what cannot be read stays for the engine to name."""

import pytest

from dashboard.catalogue_options import CatalogueOptions
from dashboard.check_lines import CheckLines
from dashboard.strategy_forms import strategy_form
from routerapp.engine.policy import parse_policy
from routerapp.engine.problems import PolicyError

CHECKS = [
    {"check": "complete"},
    {"check": "not_refused"},
    {"check": "schema"},
    {"check": "schema", "value": {"type": "object", "required": ["a b"]}},
    {"check": "min_characters", "value": 40},
    {"check": "matches", "value": "(?i)an answer: \\d+"},
    {"check": "not_matches", "value": "to come"},
    {"check": "log_probability", "value": -0.7},
    {"check": "agrees", "value": {"samples": 3, "least": 0.6}},
    {"check": "judge", "value": {"by": "deployment:judge", "least": 0.7}},
]


def test_every_check_comes_back_as_it_was() -> None:
    lines = CheckLines("accept_if", "Accept if", "area")
    lines.fill(CHECKS)

    assert lines.document() == CHECKS
    assert "judge deployment:judge 0.7" in lines.value.splitlines()


def test_the_form_of_a_cascade_writes_a_document_the_engine_takes() -> None:
    form = strategy_form("strategy", "cascade", CatalogueOptions(*((),) * 10))
    form.fill({"kind": "cascade", "accept_if": CHECKS, "order": "written", "most_steps": 2})

    document = form.document()

    assert document == {"kind": "cascade", "accept_if": CHECKS, "order": "written", "most_steps": 2}
    parse_policy({"schema": 1, "policy": "p", "default": {"pool": ["all"], "strategy": document}})


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("min_characters many", "accept_if[0].value"),
        ("schema {no json", "accept_if[0].value"),
        ("matches (unclosed", "accept_if[0].value"),
        ("looks_nice", "accept_if[0].check"),
        ("judge somebody", "accept_if[0].value.by"),
        ("judge", "accept_if[0].value"),
        ("agrees 99", "accept_if[0].value.samples"),
        ("complete please", "accept_if[0].value"),
    ],
)
def test_what_is_wrong_on_a_line_is_said_at_its_place(line: str, place: str) -> None:
    lines = CheckLines("accept_if", "Accept if", "area", value=line)
    strategy = {"kind": "cascade", "accept_if": lines.document()}

    with pytest.raises(PolicyError) as refused:
        parse_policy({"schema": 1, "policy": "p", "default": {"pool": ["all"], "strategy": strategy}})

    assert f"default.strategy.{place}" in [problem.path for problem in refused.value.problems]
