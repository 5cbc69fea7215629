"""The vocabulary, the parser and docs/policy-format.md say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from routerapp.engine.constraints import KEYS
from routerapp.engine.readings import add_clock, read_inputs
from routerapp.engine.strategies.registry import AVAILABLE_KINDS, RANKING_STRATEGIES
from routerapp.engine.uses import KEYS as USE_KEYS
from routerapp.engine.vocabulary import (
    FIELDS,
    OPERATORS,
    STRATEGIES,
    STRATEGY_BY_KIND,
    Field,
    Operator,
    Strategy,
    field_of,
)
from tests.engine.situations import inputs_of, policy_of

DOCUMENTATION = (Path(__file__).parents[2] / "docs" / "policy-format.md").read_text()


def field_row(field: Field) -> str:
    name = f"{field.name}.<name>" if field.is_family else field.name
    choices = f" One of: {', '.join(field.choices)}." if field.choices else ""
    unit = f" ({field.unit})" if field.unit else ""
    return f"| `{name}` | {field.kind} | {field.help}{unit}.{choices} | {', '.join(field.operators)} |"


def operator_row(operator: Operator) -> str:
    return f"| `{operator.name}` | {operator.value} | {operator.help} |"


def strategy_row(strategy: Strategy) -> str:
    parameters = "; ".join(f"`{one.name}`: {one.help}" for one in strategy.parameters) or "none"
    return f"| `{strategy.kind}` | {strategy.help} | {parameters} | {strategy.probability} |"


@pytest.mark.parametrize(
    "row",
    [*map(field_row, FIELDS), *map(operator_row, OPERATORS), *map(strategy_row, STRATEGIES)],
    ids=lambda row: row[2:30],
)
def test_the_documentation_has_the_row(row: str) -> None:
    assert row in DOCUMENTATION


@pytest.mark.parametrize("key", [*KEYS, *USE_KEYS])
def test_the_documentation_names_the_key(key: str) -> None:
    assert f"`{key}`" in DOCUMENTATION


def test_every_strategy_of_the_table_can_be_parsed_with_its_own_keys() -> None:
    assert tuple(STRATEGY_BY_KIND) == AVAILABLE_KINDS
    for kind, strategy in RANKING_STRATEGIES.items():
        assert strategy.keys == tuple(one.name for one in STRATEGY_BY_KIND[kind].parameters), kind


def test_every_field_that_is_no_content_can_be_read() -> None:
    readings = read_inputs(inputs_of())
    add_clock(readings, 0, policy_of().timezone)

    assert set(readings) == {field.name for field in FIELDS if not field.is_content}


def test_operators_are_known_and_families_need_a_name() -> None:
    known = {operator.name for operator in OPERATORS}

    assert all(set(field.operators) <= known for field in FIELDS)
    assert field_of("metadata") is None
    assert field_of("metadata.team").name == "metadata"
    assert field_of("task.x") is None
