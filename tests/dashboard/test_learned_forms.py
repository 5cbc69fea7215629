"""Forms of the strategies that go by predictions: there and back without a loss, and thresholds fitted by a button."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.catalogue_options import CatalogueOptions
from dashboard.route_rows import RouteRows
from dashboard.use_forms import edit_use, use_from_document
from tests.dashboard.test_policy_forms import _saved, draft

__all__ = ["draft"]
USES: dict[str, dict[str, Any]] = {
    "learned": {
        "pool": ["all"],
        "strategy": {
            "kind": "learned",
            "default": "model:gone",
            "cost_quality": 0.4,
            "margin": 0.03,
            "max_loss": 0.1,
            "min_familiarity": 0.2,
            "cautious": True,
            "target": {"kind": "max_usd_per_1000", "value": 2.5},
            "solved": {"lambda": 12.5},
        },
        "explore": {"share": 0.05, "margin": 0.1},
    },
    "threshold": {
        "pool": ["all"],
        "strategy": {
            "kind": "threshold",
            "strong": "model:m",
            "weak": "deployment:d",
            "threshold": 0.8,
            "on": "relative",
            "target": {"kind": "max_share_dear", "value": 0.3},
            "solved": {"threshold": 0.91},
        },
    },
    "semantic": {
        "pool": ["all"],
        "strategy": {
            "kind": "semantic",
            "routes": [
                {
                    "name": "billing",
                    "targets": ["model:m", "tag:local"],
                    "examples": ["My money?", '"Quoted" it'],
                    "threshold": 0.55,
                },
                {"name": "code", "targets": ["deployment:d"], "examples": ["Two\nlines", "Why <b>this</b>?"]},
            ],
            "fallback": ["model:m"],
        },
    },
    "bandit": {"pool": ["all"], "strategy": {"kind": "bandit", "explore_below_answers": 5, "explore_share": 0.1}},
}
NO_OPTIONS = CatalogueOptions((), (), (), (), (), (), (), (), (), ())


@pytest.mark.parametrize("name", USES)
def test_a_use_comes_back_from_its_page_as_it_was(signed_in, draft, name):
    rule = {"name": "a rule", "use": USES[name]}

    assert _saved(signed_in("editor"), draft, rule) == {"id": "r1", **rule}


def test_buttons_add_and_remove_routes():
    form = use_from_document(USES["semantic"], "use", NO_OPTIONS)
    rows = form.strategy.routes["routes"]

    assert edit_use(form, "drop-row", "use.strategy.routes.0")
    assert [row.name.value for row in rows.rows] == ["code"]
    assert rows.rows[0].path == "use.strategy.routes.0"
    assert edit_use(form, "add-row", "use.strategy.routes")
    assert len(rows.rows) == 2


def test_a_value_without_a_wish_is_said():
    form = use_from_document(USES["learned"], "use", NO_OPTIONS)
    wish = form.strategy.wishes["target"]
    wish.kind.value = ""
    document = form.document()["strategy"]

    assert "target" not in document
    assert wish.kind.problems == ["Choose a wish here, or empty “Share or dollars”."]


def test_fitting_writes_thresholds_and_says_what_they_get_right():
    rows = RouteRows("use.strategy.routes", "Routes")
    rows.fill(
        [
            {
                "name": "billing",
                "targets": ["all"],
                "examples": ["I want my money back", "Refund my order, I want money"],
            },
            {"name": "code", "targets": ["all"], "examples": ["Write a Python function", "Fix this Python function"]},
        ]
    )
    rows.fit()

    assert all(0.3 <= row.document()["threshold"] <= 1 for row in rows.rows)
    assert rows.note.startswith("Of all examples, each left out once,")
    assert "of its examples" in rows.rows[0].note


def test_one_route_alone_cannot_be_fitted_and_says_so():
    rows = RouteRows("use.strategy.routes", "Routes")
    rows.add()
    rows.fit()

    assert rows.problems == ["Two routes with examples are needed to tell them apart."]
