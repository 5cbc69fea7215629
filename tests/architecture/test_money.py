"""Money is integers of nano-dollars: no decimal or float columns, no float arithmetic in SQL or on names that hold money."""

from __future__ import annotations

import ast
import re

from django.apps import apps
from django.db import models

from tests.architecture.tree import files, name_of


def test_every_money_column_is_a_big_integer():
    wrong = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config("routerapp").get_models()
        for field in model._meta.get_fields()
        if "nusd" in field.name and not isinstance(field, models.BigIntegerField)
    ]

    assert wrong == []


def test_no_column_is_a_decimal():
    wrong = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config("routerapp").get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.DecimalField)
    ]

    assert wrong == []


def test_no_column_that_names_money_hides_its_unit():
    wrong = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config("routerapp").get_models()
        for field in model._meta.get_fields()
        if re.search(r"cost|spend|saved|usd", field.name) and "nusd" not in field.name
    ]

    assert wrong == []


def test_no_sql_divides_or_averages_money():
    pattern = re.compile(
        r"(?i)(avg|total|round|cast)\s*\(\s*[a-z_.]*nusd|[a-z_]*nusd\s*(?:/|\*\s*\d+\.)|nusd\s+as\s+(?:real|float)"
    )
    wrong = []
    for path in files(".py", below="routerapp/"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "SELECT" in node.value.upper():
                if pattern.search(node.value):
                    wrong.append(f"{name_of(path)}:{node.lineno}")

    assert wrong == []


def test_pure_and_recording_code_never_makes_floats_of_money():
    """Dividing money by anything but money, and float() on it, belong at the edges (engine.money, presenters), not where money is kept."""
    wrong = []
    for path in (*files(".py", below="routerapp/store/"), *files(".py", below="routerapp/serving/")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.BinOp)
                and isinstance(node.op, ast.Div)
                and _names_money(node.left)
                and not _names_money(node.right)
            ):
                wrong.append(f"{name_of(path)}:{node.lineno}")
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", "") == "float"
                and any(map(_names_money, node.args))
            ):
                wrong.append(f"{name_of(path)}:{node.lineno}")

    assert wrong == []


def _names_money(node: ast.AST) -> bool:
    name = getattr(node, "attr", None) or getattr(node, "id", "")
    return isinstance(name, str) and name.endswith("_nusd")
