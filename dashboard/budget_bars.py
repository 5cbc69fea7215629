"""What somebody has spent of a day or month, against its limit: a bar for the eye, and every number beside it in words."""

from __future__ import annotations

from dataclasses import dataclass

from routerapp.models.access import Allowance
from routerapp.store.caller_standing import Standing

NEAR = 0.8


@dataclass(frozen=True, slots=True)
class BudgetBar:
    """limit_nusd None: no limit, so no bar. held_nusd: of requests that run now. unpriced: requests whose cost nobody knows."""

    spent_nusd: int
    limit_nusd: int | None
    held_nusd: int
    unpriced: int

    @property
    def percent(self) -> int:
        return self._percent(self.spent_nusd)

    @property
    def held_percent(self) -> int:
        return min(100 - self.percent, self._percent(self.held_nusd))

    @property
    def tone(self) -> str:
        if not self.limit_nusd:
            return "bad" if self.limit_nusd == 0 else ""
        used = self.spent_nusd + self.held_nusd
        return "bad" if used >= self.limit_nusd else "warn" if used >= NEAR * self.limit_nusd else "ok"

    @property
    def word(self) -> str:
        """The tone in words: colour alone says nothing to some."""
        return {"bad": "used up", "warn": "nearly used up"}.get(self.tone, "") if self.limit_nusd is not None else ""

    def _percent(self, nusd: int) -> int:
        return min(100, nusd * 100 // self.limit_nusd) if self.limit_nusd else 100 * (self.limit_nusd == 0)


@dataclass(frozen=True, slots=True)
class Budgets:
    day: BudgetBar
    month: BudgetBar
    standing: Standing


def budgets_of(row: Allowance, standing: Standing) -> Budgets:
    return Budgets(
        BudgetBar(standing.day_nusd, row.daily_spend_nusd, standing.day_held_nusd or 0, 0),
        BudgetBar(standing.month_nusd, row.monthly_spend_nusd, standing.month_held_nusd or 0, standing.unpriced),
        standing,
    )
