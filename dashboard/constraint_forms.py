"""Constraints as a form: the same inputs in a rule, in a policy and on an API key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard.catalogue_options import CatalogueOptions
from dashboard.form_inputs import Input
from dashboard.nested_fields import Fields


@dataclass(slots=True)
class ConstraintForm:
    """limits: numbers. lists: names to choose from. kept: what this form cannot show and hands back unchanged."""

    path: str
    limits: list[Input]
    lists: list[Input]
    kept: dict[str, Any] = field(default_factory=dict)

    def inputs(self) -> Iterator[Input]:
        yield from self.limits
        yield from self.lists

    @property
    def is_given(self) -> bool:
        return bool(self.kept) or any(one.is_given for one in self.inputs())

    @property
    def has_problems(self) -> bool:
        return any(one.problems for one in self.inputs())

    def read(self, fields: Fields) -> None:
        for one in self.inputs():
            one.read(fields, one.path.rpartition(".")[2])
            one.keep_chosen()

    def fill(self, document: Any) -> None:
        given: Mapping[str, Any] = document if isinstance(document, Mapping) else {}
        by_name = {one.path.rpartition(".")[2]: one for one in self.inputs()}
        for name, value in given.items():
            is_nested = isinstance(value, list | tuple) and any(not isinstance(one, str) for one in value)
            if name in by_name and not is_nested:
                by_name[name].fill(value)
            else:
                self.kept[name] = value

    def document(self) -> dict[str, Any]:
        found = {one.path.rpartition(".")[2]: one.document() for one in self.inputs() if one.is_given}
        return {**{name: value for name, value in self.kept.items() if name not in found}, **found}


def constraint_form(path: str, options: CatalogueOptions) -> ConstraintForm:
    """An empty form under path."""
    limits = [
        Input(f"{path}.max_cost_usd", "Highest cost of a request", "usd", unit="USD", placeholder="no limit"),
        Input(f"{path}.max_ttft_ms", "Slowest first token", "number", unit="ms", placeholder="no limit"),
        Input(f"{path}.min_quality", "Lowest quality", "number", unit="0 to 1", placeholder="no limit"),
        Input(f"{path}.max_input_usd_per_mtok", "Highest input price", "usd", unit="USD / M", placeholder="no limit"),
        Input(f"{path}.max_output_usd_per_mtok", "Highest output price", "usd", unit="USD / M", placeholder="no limit"),
    ]
    lists = [
        Input(f"{path}.regions", "Only in these regions", "many", choices=options.regions),
        Input(f"{path}.residency", "Only with one of these residency labels", "many", choices=options.residency),
        Input(f"{path}.providers", "Only these providers", "many", choices=options.providers),
        Input(f"{path}.models", "Only these models", "many", choices=options.models),
        Input(f"{path}.deployments", "Only these deployments", "many", choices=options.deployments),
        Input(f"{path}.exclude", "Never these", "many", choices=_excludable(options)),
    ]
    return ConstraintForm(path, limits, lists)


def _excludable(options: CatalogueOptions) -> tuple[tuple[str, str], ...]:
    groups = [choices for label, choices in options.references if label not in ("Everything", "Policies")]
    return tuple(choice for choices in groups for choice in choices)
