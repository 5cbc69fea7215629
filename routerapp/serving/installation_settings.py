"""What an installation may be set to, each with its default, its check and a sentence; the one place that changes them.

They live in InstallationState.settings by name. How people sign in has its own file (sign_in_settings.py); what is not in the table
is the product's own bookkeeping and nobody's to set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from routerapp.engine.allowances import UNPRICED_CHOICES
from routerapp.engine.extras import KEEP_CONTENT, MAX_CONTENT_DAYS
from routerapp.engine.problems import Problem
from routerapp.engine.section import is_number
from routerapp.engine.task import TaskClassifier
from routerapp.engine.task_words import TASKS
from routerapp.models import AuditEvent, Dimension, InstallationState
from routerapp.serving import audit
from routerapp.serving.admission import ALONE_CHOICES
from routerapp.serving.changes import changing
from routerapp.serving.feedback import MAX_LABEL
from routerapp.serving.kept_content_default import OFF, SETTING
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import Invalid
from routerapp.serving.runtime import MAX_SNAPSHOT_AGE_SECONDS, METADATA_STORED
from routerapp.store.config_document import TASK_DIMENSIONS
from routerapp.store.retention import RetentionDays

MOST_DAYS = 36_500
# Alerts look back a day by the minute, charts two weeks by the hour; what ran a moment ago is wanted on the System page.
LEAST_DAYS: Mapping[str, int] = MappingProxyType(
    {
        "bodies": 0,
        "inputs": 0,
        "requests": 1,
        "jobs": 1,
        "health_checks": 1,
        "alerts": 1,
        "minute_sums": 2,
        "hour_sums": 15,
    }
)
MOST_NAMES = 50
MOST_WORDS = 2_000
MOST_EVENTS = 500
LEAST_AGE_SECONDS, MOST_AGE_SECONDS = 10, 7 * 86_400
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}\Z")
# A header may carry what authenticates the caller; conditions on it would write it down.
_NEVER_STORED = ("authorization", "cookie", "api-key", "token", "secret")


@dataclass(frozen=True, slots=True)
class Setting:
    """check gives the value as it is stored, or raises ValueError with a sentence for the person who wrote it. allowed: that sentence."""

    name: str
    about: str
    default: Any
    check: Callable[[Any], Any]
    allowed: str = ""


@dataclass(frozen=True, slots=True)
class SettingValue:
    """is_set: somebody chose it here; otherwise it is the default."""

    setting: Setting
    value: Any
    is_set: bool


def read_settings() -> tuple[SettingValue, ...]:
    stored = InstallationState.objects.filter(id=1).values_list("settings", flat=True).first() or {}
    return tuple(
        SettingValue(setting, stored.get(setting.name, setting.default), setting.name in stored)
        for setting in SETTINGS.values()
    )


@dataclass(frozen=True, slots=True)
class LastChange:
    name: str
    actor: str
    at: datetime


def last_changes() -> dict[str, LastChange]:
    """Who changed each setting last, by name; from the newest events of the audit log."""
    events = AuditEvent.objects.filter(action="edit_settings", subject="installation").order_by("-id")
    found: dict[str, LastChange] = {}
    for actor, at, after in events.values_list("actor", "at", "after")[:MOST_EVENTS]:
        for name in after or ():
            found.setdefault(name, LastChange(name, actor, at))
    return found


def set_values() -> dict[str, Any]:
    """Those somebody chose, by name."""
    return {one.setting.name: one.value for one in read_settings() if one.is_set}


def change_settings(changes: Mapping[str, Any], *, by: Actor) -> dict[str, Any]:
    """name -> value; None goes back to the default. Returns what is set afterwards. Raises Invalid with every problem."""
    with changing(by, "edit_settings", "installation") as change:
        checked = _checked(changes)
        state = audit.lock_installation()
        checked = {name: value for name, value in checked.items() if value != state.settings.get(name)}
        change.before = {name: state.settings.get(name) for name in checked}
        kept = {name: value for name, value in state.settings.items() if name not in checked}
        state.settings = {**kept, **{name: value for name, value in checked.items() if value is not None}}
        state.save(update_fields=["settings"])
        change.after = checked
    return {name: value for name, value in state.settings.items() if name in SETTINGS}


def _checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    problems, checked = [], {}
    for name, value in changes.items():
        setting = SETTINGS.get(name)
        if setting is None:
            known = ", ".join(SETTINGS)
            problems.append(Problem(name, "unknown_field", f"{name} cannot be set. Settings are: {known}."))
            continue
        try:
            checked[name] = None if value is None else setting.check(value)
        except ValueError as error:
            problems.append(Problem(name, "invalid", str(error)))
    if problems:
        raise Invalid(problems)
    return checked


def whole(low: int, high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"A whole number from {low:,} to {high:,}.")
        return value

    return check


def one_of(*words: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"One of: {', '.join(words)}.")
        return value

    return check


def _retention(value: Any) -> dict[str, int]:
    """What is left out has its default."""
    if not isinstance(value, Mapping) or not set(value) <= set(LEAST_DAYS):
        raise ValueError(f"Days for some of: {', '.join(LEAST_DAYS)}.")
    checked = {}
    for name, days in value.items():
        try:
            checked[name] = whole(LEAST_DAYS[name], MOST_DAYS)(days)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return checked


def _kept_content(value: Any) -> dict[str, Any]:
    known = {"keep": one_of(*KEEP_CONTENT), "days": whole(1, MAX_CONTENT_DAYS)}
    if not isinstance(value, Mapping) or "keep" not in value or not set(value) <= set(known):
        raise ValueError("keep, which is off or redacted, and days.")
    return {name: check(value[name]) for name, check in known.items() if name in value}


def _names(value: Any) -> list[str]:
    if not isinstance(value, list | tuple) or len(value) > MOST_NAMES:
        raise ValueError(f"A list of at most {MOST_NAMES} names.")
    for name in value:
        if not isinstance(name, str) or not _NAME.match(name):
            raise ValueError("A name has up to 60 letters, digits and . _ -, and starts with a letter or digit.")
    return list(dict.fromkeys(value))


def _headers(value: Any) -> list[str]:
    names = [name.lower() for name in _names(value)]
    for name in names:
        if any(part in name for part in _NEVER_STORED):
            raise ValueError(f"{name} may carry a secret and is never kept.")
    return names


def _task_words(value: Any) -> dict[str, list[str]]:
    if not isinstance(value, Mapping) or not set(value) <= set(TASKS):
        raise ValueError(f"Lists of words for some of: {', '.join(TASKS)}.")
    for words in value.values():
        is_list = isinstance(words, list | tuple) and len(words) <= MOST_WORDS
        if not is_list or not all(isinstance(word, str) and 0 < len(word.strip()) <= 100 for word in words):
            raise ValueError(f"Each task has a list of at most {MOST_WORDS:,} words of up to 100 characters.")
    found = {task: [word.strip() for word in words] for task, words in value.items()}
    try:
        TaskClassifier({task: tuple(words) for task, words in found.items()})
    except ValueError as error:
        raise ValueError("A word is plain text, or text^weight with a number such as 1.5.") from error
    return found


def _task_dimensions(value: Any) -> dict[str, str]:
    known = set(Dimension.objects.values_list("slug", flat=True))
    if not isinstance(value, Mapping) or not set(value) <= set(TASKS):
        raise ValueError(f"A dimension for some of: {', '.join(TASKS)}.")
    for slug in value.values():
        if not isinstance(slug, str) or slug not in known:
            raise ValueError(f"There is no dimension {str(slug)[:60]!r}.")
    return dict(value)


def _label_values(value: Any) -> dict[str, float]:
    """Small and capital letters are the same."""
    if not isinstance(value, Mapping) or len(value) > MOST_NAMES:
        raise ValueError(f"A number for each of at most {MOST_NAMES} labels.")
    for label, number in value.items():
        if not isinstance(label, str) or not 0 < len(label.strip()) <= MAX_LABEL or ":" in label:
            raise ValueError(
                f"A label has 1 to {MAX_LABEL} characters and no colon, unlike {str(label)[:MAX_LABEL]!r}."
            )
        if not is_number(number) or not 0 <= number <= 1:
            raise ValueError(f"{label}: a number from 0 (bad) to 1 (good).")
    return {label.strip().lower(): float(number) for label, number in value.items()}


SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        setting.name: setting
        for setting in (
            Setting(
                "retention_days",
                "How many days what is recorded is kept. The audit log is kept for ever.",
                asdict(RetentionDays()),
                _retention,
                f"Whole days up to {MOST_DAYS:,}, by name.",
            ),
            Setting(
                SETTING,
                "What policies made from now on keep of prompts and answers, unless their document says otherwise.",
                dict(OFF),
                _kept_content,
                f"keep: off or redacted; days: 1 to {MAX_CONTENT_DAYS}.",
            ),
            Setting(
                "when_spool_is_full",
                "Refuse requests with 503 while the disk is full, or serve them unrecorded.",
                "refuse",
                one_of("refuse", "serve"),
                "refuse or serve.",
            ),
            Setting(
                "max_snapshot_age_seconds",
                "How long a worker serves while the database cannot be asked.",
                MAX_SNAPSHOT_AGE_SECONDS,
                whole(LEAST_AGE_SECONDS, MOST_AGE_SECONDS),
                f"{LEAST_AGE_SECONDS} seconds to {MOST_AGE_SECONDS:,} (seven days).",
            ),
            Setting(
                "exact_limits_alone",
                "Refuse requests under an exact limit with 503 while the shared books cannot be asked, or serve them by this process's share.",
                ALONE_CHOICES[0],
                one_of(*ALONE_CHOICES),
                f"{' or '.join(ALONE_CHOICES)}.",
            ),
            Setting(
                "unpriced_under_budget",
                "Whether a model without a price may be used where a budget binds: nobody can count what it costs.",
                UNPRICED_CHOICES[0],
                one_of(*UNPRICED_CHOICES),
                f"{' or '.join(UNPRICED_CHOICES)}.",
            ),
            Setting(
                "metadata_allow",
                "Names of metadata that are recorded.",
                list(METADATA_STORED),
                _names,
                f"Up to {MOST_NAMES} names of letters, digits and . _ -",
            ),
            Setting(
                "header_allow",
                "Names of request headers that are recorded. Those that may carry a secret never are.",
                [],
                _headers,
                f"Up to {MOST_NAMES} names of letters, digits and . _ -",
            ),
            Setting(
                "task_words",
                "Words that point to a task, instead of the built-in ones.",
                {},
                _task_words,
                f"Lists of up to {MOST_WORDS:,} words, by task.",
            ),
            Setting(
                "task_dimensions",
                "Which capability stands for quality in a task.",
                dict(TASK_DIMENSIONS),
                _task_dimensions,
                "Slugs of dimensions, by task.",
            ),
            Setting(
                "label_values",
                "What labels say of an answer, from 0 (bad) to 1 (good). Other labels teach nothing.",
                {},
                _label_values,
                f"Numbers from 0 to 1 for up to {MOST_NAMES} labels.",
            ),
        )
    }
)
