"""Whose limits bind one request: its API key, the key's team, the end user it names."""

from __future__ import annotations

from collections.abc import Mapping

from routerapp.engine.types import AllowanceFacts, CallerFacts

Subject = tuple[str, AllowanceFacts]
KEY_PREFIX, TEAM_PREFIX, USER_PREFIX = "key:", "team:", "user:"
# The row of users that holds for every user without a row of its own, for each one separately.
EVERY_USER = "*"
# What becomes of unpriced deployments where a spend limit binds: refused, or let through uncounted.
UNPRICED_CHOICES = ("refuse", "allow")
_NO_ALLOWANCE = AllowanceFacts()


def subjects_of_caller(caller: CallerFacts, teams: Mapping[str, AllowanceFacts]) -> tuple[Subject, ...]:
    """The key and its team, as far as they have limits."""
    own = AllowanceFacts(
        requests_per_minute=caller.requests_per_minute,
        tokens_per_minute=caller.tokens_per_minute,
        max_parallel=caller.max_parallel,
        daily_spend_nusd=caller.daily_spend_nusd,
        monthly_spend_nusd=caller.monthly_spend_nusd,
        is_exact=caller.is_exact,
    )
    both = ((KEY_PREFIX + caller.slug, own), (TEAM_PREFIX + caller.team, teams.get(caller.team, _NO_ALLOWANCE)))
    return tuple(subject for subject in both if subject[1] != _NO_ALLOWANCE)


def subjects_of_user(user: str, users: Mapping[str, AllowanceFacts]) -> tuple[Subject, ...]:
    """user: the keyed hash. A row of its own stands instead of everybody's, also where it has no limits."""
    allowance = users.get(user) or users.get(EVERY_USER, _NO_ALLOWANCE)
    return () if allowance == _NO_ALLOWANCE else ((USER_PREFIX + user, allowance),)


def subject_names(key: str, team: str, user: str) -> tuple[str, ...]:
    """Everybody one request's cost is booked to, limited or not."""
    names: tuple[str, ...] = (KEY_PREFIX + key,) if key else ()
    if team:
        names += (TEAM_PREFIX + team,)
    return (*names, USER_PREFIX + user) if user else names


def counts_usage(subjects: tuple[Subject, ...]) -> bool:
    """Whether it matters to any of them what a request uses, and not only that it is made."""
    return any(
        one.daily_spend_nusd is not None or one.monthly_spend_nusd is not None or one.tokens_per_minute is not None
        for _, one in subjects
    )
