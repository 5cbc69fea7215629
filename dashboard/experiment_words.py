"""Words for experiments: states, units, metrics with their intervals, verdicts, the sample-ratio check. Numbers in, text out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dashboard.templatetags.numbers import count, duration, money, share
from routerapp.engine.money import NUSD_PER_USD
from routerapp.experiments.comparison import COST_USD, FEEDBACK, LATENCY_MS, SUCCESS, Lift
from routerapp.experiments.intervals import LEAST_UNITS, Interval
from routerapp.experiments.sample_ratio import ALARM_BELOW, LEAST_EXPECTED, SampleRatio
from routerapp.models import ExperimentState

UNIT_CHOICES = (
    ("unit", "A user or conversation", "The same person keeps the same arm. Right for most questions."),
    ("tenant", "A team", "All of a team (or of a key without one) get the same arm: when its people compare answers."),
    ("request", "Each request by itself", "Soonest to an answer, but a conversation changes arms on its way."),
)
UNIT_NAMES: Mapping[str, str] = {unit: name for unit, name, _ in UNIT_CHOICES}
UNIT_NOUNS: Mapping[str, tuple[str, str]] = {
    "unit": ("user", "users"),
    "tenant": ("team", "teams"),
    "request": ("request", "requests"),
}
STATE_TONES: Mapping[str, str] = {ExperimentState.RUNNING: "ok"}
VERDICT_TONES: Mapping[str, str] = {"better": "ok", "worse": "bad"}


@dataclass(frozen=True, slots=True)
class MetricWords:
    """show writes a value, size a difference without its sign. more, less: of a difference above and below zero."""

    name: str
    title: str
    unit: str
    show: Callable[[float], str]
    size: Callable[[float], str]
    more: str
    less: str


def _money(usd: float) -> str:
    return money(round(usd * NUSD_PER_USD))


def _points(part: float) -> str:
    """A difference of shares: 1.2 points."""
    return f"{100 * part:.1f} points" if abs(part) >= 0.001 or not part else f"{100 * part:.2f} points"


METRIC_WORDS: Mapping[str, MetricWords] = {
    words.name: words
    for words in (
        MetricWords(SUCCESS, "Success", "share of requests", share, _points, "succeeds {} more often", "succeeds {} less often"),
        MetricWords(COST_USD, "Cost per request", "dollars", _money, _money, "costs {} more a request", "costs {} less a request"),
        MetricWords(LATENCY_MS, "Latency", "mean, seconds", duration, duration, "takes {} longer", "takes {} less time"),
        MetricWords(FEEDBACK, "Feedback", "mean, 0 to 100 %", share, _points, "is liked {} more", "is liked {} less"),
    )
}  # fmt: skip


def units_words(unit: str, number: int) -> str:
    one, many = UNIT_NOUNS.get(unit, UNIT_NOUNS["unit"])
    return f"{number:,} {one if number == 1 else many}"


def span_words(metric: str, interval: Interval) -> str:
    """95.1 to 98.5 %; empty while there are too few units to say."""
    if interval.low is None or interval.high is None:
        return ""
    show = METRIC_WORDS[metric].show
    return _span(show(interval.low), show(interval.high))


def _span(low: str, high: str) -> str:
    """A unit that both ends have is said once."""
    number, space, unit = low.rpartition(" ")
    return f"{number if space and high.endswith(f' {unit}') else low} to {high}"


def signed(metric: str, difference: float) -> str:
    size = METRIC_WORDS[metric].size(abs(difference))
    # The joiner keeps a line from breaking behind the sign.
    return f"+{size}" if difference > 0 else f"−\u2060{size}" if difference < 0 else size


def lift_span(metric: str, interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return ""
    return _span(signed(metric, interval.low), signed(metric, interval.high))


def lift_sentence(name: str, control: str, lift: Lift) -> str:
    """One arm against the control in one metric, with what may be read at any time."""
    words, found = METRIC_WORDS[lift.metric], lift.always_valid
    if found.value is None:
        return f"{name}: nothing measured yet."
    if not found.is_known:
        return f"{name}: too early, fewer than {LEAST_UNITS} measured in an arm."
    span = lift_span(lift.metric, found)
    if lift.verdict == "undecided":
        return f"{name}: undecided against {control}; the difference lies between {span.replace(' to ', ' and ')}."
    how = (words.more if found.value > 0 else words.less).format(words.size(abs(found.value)))
    return f"{name} {how} than {control} ({span}): {lift.verdict}."


def verdict_sentence(name: str, lifts: Mapping[str, Lift]) -> str:
    """What is known of one arm in a line: better in cost and latency; worse in feedback; undecided in success."""
    known = {metric: lift for metric, lift in lifts.items() if lift.always_valid.is_known}
    told = []
    for verdict in ("better", "worse", "undecided"):
        metrics = [METRIC_WORDS[metric].title.lower() for metric, lift in known.items() if lift.verdict == verdict]
        if metrics:
            told.append(f"{verdict} in {_listed(metrics)}")
    return f"{name} is {'; '.join(told)}." if told else f"It is too early to say anything about {name}."


def chance_words(p_value: float) -> str:
    if p_value < 0.0001:
        return "less than once in 10,000"
    return f"in {share(p_value)} of cases"


def ratio_words(ratio: SampleRatio, unit: str) -> tuple[str, str]:
    """(headline, what it means) of the sample-ratio check."""
    total = units_words(unit, sum(ratio.observed))
    if ratio.p_value is None:
        return "Too early to tell", f"Each arm should expect at least {LEAST_EXPECTED:.0f}; so far there are {total}."
    chance = chance_words(ratio.p_value)
    if ratio.is_mismatch:
        return (
            "The arms are not the sizes they should be",
            f"By chance alone {total} would fall as unevenly as this {chance} (p = {ratio.p_value:.2g}; the alarm is at {ALARM_BELOW}). "
            "Something sorts them, so do not trust the comparison.",
        )
    return (
        "As planned",
        f"Nothing is wrong: by chance alone {total} would fall this unevenly, or more so, {chance} (p = {ratio.p_value:.2g}).",
    )


def number_words(number: float) -> str:
    return count(round(number))


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
