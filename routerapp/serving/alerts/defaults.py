"""The rules every installation starts with: made once, also for one that was there before alerts were. Deleted ones stay deleted."""

from __future__ import annotations

from django.db import transaction

from routerapp.models import AlertKind, AlertRule
from routerapp.serving import audit
from routerapp.serving.alerts.kinds import FULLNESS, LAG, REFUSED
from routerapp.serving.drift_found import TRAINING, WEEK
from routerapp.serving.permissions import SYSTEM

MADE = "alert_rules_made"
FIRST = frozenset({"errors", "provider-down", "budget", "journal-waits", "records-refused", "unpriced"})
# Slug, name, kind, subject, threshold, window in minutes.
RULES = (
    ("errors", "Many requests fail", AlertKind.ERROR_SHARE, "", 0.2, 15),
    ("provider-down", "A provider is down", AlertKind.PROVIDER_DOWN, "", 1.0, 5),
    ("budget", "A budget is nearly used", AlertKind.BUDGET, "", 0.8, 60),
    ("journal-waits", "The journal is not written down", AlertKind.SPOOL, LAG, 300.0, 5),
    ("records-refused", "Records were refused", AlertKind.SPOOL, REFUSED, 1.0, 5),
    ("journal-fills", "The journal is nearly full", AlertKind.SPOOL, FULLNESS, 80.0, 5),
    ("unpriced", "Requests without a known cost", AlertKind.UNPRICED, "", 1.0, 60),
    ("traffic-changed", "Requests are of another kind", AlertKind.INPUT_DRIFT, WEEK, 0.2, 1_440),
    ("unlike-training", "Prompts are unlike those trained on", AlertKind.INPUT_DRIFT, TRAINING, 0.5, 1_440),
    ("challenger-waits", "A refit waits for a decision", AlertKind.CHALLENGER, "", 1.0, 5),
    ("model-worse", "A model does worse than it did", AlertKind.SUCCESS_DRIFT, "", 0.05, 1_440),
)


@transaction.atomic
def make_default_rules() -> bool:
    """False when they were made before. Changes nothing that decides, so no configuration revision comes of it."""
    state = audit.lock_installation()
    made = _made(state.settings.get(MADE))
    missing = [rule for rule in RULES if rule[0] not in made]
    if not missing:
        return False
    for slug, name, kind, subject, threshold, window in missing:
        AlertRule.objects.get_or_create(
            slug=slug,
            defaults={
                "name": name,
                "kind": kind,
                "subject": subject,
                "threshold": threshold,
                "window_minutes": window,
            },
        )
    state.settings = {**state.settings, MADE: [rule[0] for rule in RULES]}
    state.save(update_fields=["settings"])
    audit.record(SYSTEM, "make_default_alert_rules", "installation", after={"rules": [rule[0] for rule in missing]})
    return True


def _made(found: object) -> frozenset[str]:
    """Slugs of those made before. The first release only noted that it had made its six."""
    if isinstance(found, list):
        return frozenset(map(str, found))
    return FIRST if found else frozenset()
