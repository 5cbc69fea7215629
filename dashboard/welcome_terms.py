"""What each deployment costs and how good its model is thought to be, as one table to fill in. Amounts are US dollars per million tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Prefetch

from routerapp.engine.money import format_usd
from routerapp.models import CapabilityScore, Deployment, Price
from routerapp.serving.edit_catalog import add_price
from routerapp.serving.edit_scores import set_score
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import Invalid, WriteRefused

MOST_ROWS = 60
QUALITY = "accuracy"
ESTIMATED = "A first estimate, made when setting up."


@dataclass(slots=True)
class TermsRow:
    """Values are text as typed or stored; was_… what is in force. source says where a price comes from."""

    deployment: Deployment
    input_usd: str
    output_usd: str
    quality: str
    was_price: tuple[str, str]
    was_quality: str
    source: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def is_unpriced(self) -> bool:
        return not self.was_price[0]


def terms_rows(now: datetime, typed: Mapping[str, str] | None = None) -> list[TermsRow]:
    """Every open deployment that is nobody's sample, else all."""
    prices = Prefetch("prices", queryset=Price.objects.filter(valid_from__lte=now).order_by("valid_from"))
    rows = Deployment.objects.filter(archived_at=None).select_related("language_model", "provider")
    found = list(rows.prefetch_related(prices).order_by("is_sample", "provider__name", "slug")[:MOST_ROWS])
    own = [row for row in found if not row.is_sample]
    scores = dict(CapabilityScore.objects.filter(dimension__slug=QUALITY).values_list("language_model__slug", "value"))
    return [_row(row, scores, typed) for row in own or found]


def save_terms(rows: list[TermsRow], *, by: Actor) -> bool:
    """Writes what was changed; False when something is wrong, then nothing is written and the rows say what."""
    scored: set[str] = set()
    with transaction.atomic():
        for row in rows:
            _save_price(row, by)
            if row.deployment.language_model.slug not in scored:
                _save_quality(row, scored, by)
        is_good = not any(row.problems for row in rows)
        if not is_good:
            transaction.set_rollback(True)
    return is_good


def _row(deployment: Deployment, scores: Mapping[str, float], typed: Mapping[str, str] | None) -> TermsRow:
    price = next(iter(reversed(deployment.prices.all())), None)
    was = (format_usd(price.input_nusd_per_mtok), format_usd(price.output_nusd_per_mtok)) if price else ("", "")
    score = scores.get(deployment.language_model.slug)
    was_quality = "" if score is None else f"{score:g}"
    read = _reader(deployment.slug, typed)
    return TermsRow(
        deployment=deployment,
        input_usd=read("input", was[0]),
        output_usd=read("output", was[1]),
        quality=read("quality", was_quality),
        was_price=was,
        was_quality=was_quality,
        source=price.source if price else "",
    )


def _reader(slug: str, typed: Mapping[str, str] | None) -> Callable[[str, str], str]:
    def read(name: str, stored: str) -> str:
        if typed is None:
            return stored
        return str(typed.get(f"{slug}.{name}", stored)).strip().lstrip("$")[:40]

    return read


def _save_price(row: TermsRow, by: Actor) -> None:
    given = (row.input_usd, row.output_usd)
    if given == row.was_price or given == ("", ""):
        return
    if not all(given):
        row.problems.append("A price has both: for input and for output.")
        return
    _try(
        row,
        lambda: add_price(
            row.deployment.slug, input_usd_per_mtok=given[0], output_usd_per_mtok=given[1], source="manual", by=by
        ),
    )


def _save_quality(row: TermsRow, scored: set[str], by: Actor) -> None:
    if row.quality in ("", row.was_quality):
        return
    try:
        value = float(row.quality.replace(",", "."))
    except ValueError:
        row.problems.append(f"Quality is a number from 0 to 1, not {row.quality}.")
        return
    model = row.deployment.language_model.slug
    scored.add(model)
    _try(row, lambda: set_score(model, QUALITY, value, note=ESTIMATED, by=by))


def _try(row: TermsRow, write: Callable[[], object]) -> None:
    try:
        with transaction.atomic():
            write()
    except Invalid as refused:
        row.problems += [problem.message for problem in refused.problems]
    except WriteRefused as refused:
        row.problems.append(str(refused))
