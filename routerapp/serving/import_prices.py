"""Prices from the package, for the deployments somebody chose after seeing the difference: new prices from now on, nothing rewritten."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils import timezone

from routerapp.engine.problems import Problem
from routerapp.models import Deployment, Price
from routerapp.serving import audit
from routerapp.serving.changes import changing, save_valid
from routerapp.serving.edit_catalog import price_values
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import Invalid, invalid
from routerapp.store.package_prices import SAME, Comparison, compare_prices, compare_with
from routerapp.store.prices import package_source

MOST_AT_ONCE = 500


def import_prices(chosen: Mapping[str, str], *, by: Actor) -> tuple[Price, ...]:
    """chosen: deployment -> the package's provider/model, or empty for the one it is matched with. What is the same already is left alone.

    All or nothing.
    """
    if not chosen:
        raise invalid("deployments", "required", "Choose at least one deployment.")
    if len(chosen) > MOST_AT_ONCE:
        raise invalid("deployments", "too_many", f"At most {MOST_AT_ONCE} deployments at once.")
    with changing(by, "edit_price", "prices", event="import_prices") as change:
        now = timezone.now()
        matched = {one.deployment: one for one in compare_prices(now)}
        found, problems = [], []
        for slug, name in chosen.items():
            try:
                found.append(_comparison(matched, slug, name))
            except LookupError as error:
                problems.append(Problem(f"deployments.{slug[:100]}", "no_price", str(error.args[0])))
        if problems:
            raise Invalid(problems)
        added = tuple(_add(one, by) for one in found if one.state != SAME)
        change.after = {"imported": len(added), "unchanged": len(found) - len(added), "source": package_source()}
    return added


def _comparison(matched: Mapping[str, Comparison], slug: str, name: str) -> Comparison:
    if slug not in matched:
        raise LookupError(f"There is no deployment {slug[:100]}.")
    found = compare_with(slug, name, timezone.now()) if name else matched[slug]
    if found.listed is None:
        raise LookupError(found.reason)
    return found


def _add(found: Comparison, by: Actor) -> Price:
    assert found.listed is not None
    assert found.match is not None
    price = Price(
        deployment=Deployment.objects.get(slug=found.deployment),
        input_nusd_per_mtok=found.listed.input_nusd_per_mtok,
        output_nusd_per_mtok=found.listed.output_nusd_per_mtok,
        cached_input_nusd_per_mtok=found.listed.cached_input_nusd_per_mtok,
        cache_write_nusd_per_mtok=found.listed.cache_write_nusd_per_mtok,
        valid_from=timezone.now(),
        source=package_source(found.match.name),
    )
    save_valid(price)
    audit.record(by, "import_price", f"deployment:{found.deployment}", after=price_values(price))
    return price
