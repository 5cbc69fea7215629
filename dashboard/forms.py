"""Forms of the overview and request pages, and the theme. Filters are GET forms: what they hold is the page's address."""

from typing import Any

from django import forms
from django.http import HttpRequest, QueryDict

from dashboard import ranges
from routerapp.engine.money import BadMoney, parse_usd
from routerapp.engine.task_words import TASKS
from routerapp.models import APIKey, LanguageModel, Origin, Policy, Status, TaskClass
from routerapp.store.requests import DEAREST, NEWEST, RequestFilters

ANY = ("", "Any")
LIVE_AND_SAMPLE = ("live+sample", "Live and sample data")
RANGES = [*((name, ranges.LABELS[name]) for name in ranges.SPANS_MS), ("custom", "Custom")]


class ThemeForm(forms.Form):
    theme = forms.ChoiceField(choices=[("system", "System"), ("light", "Light"), ("dark", "Dark")])


class RangeForm(forms.Form):
    """cleaned_data["time_range"] is a TimeRange, or None when no range was asked for and none is the default."""

    default_range: str | None = None

    range = forms.ChoiceField(choices=[("", "All time"), *RANGES], required=False, label="Time")
    start = forms.DateTimeField(
        required=False, label="From (UTC)", widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )
    end = forms.DateTimeField(
        required=False, label="To (UTC)", widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        name = data.get("range") or ("custom" if data.get("start") or data.get("end") else self.default_range)
        data["time_range"] = None
        if name == "custom":
            try:
                data["time_range"] = ranges.custom(data.get("start"), data.get("end"), ranges.now_ms())
            except ValueError as error:
                self.add_error("start", str(error))
        elif name:
            data["time_range"] = ranges.span(name, ranges.now_ms())
        return data


class OverviewForm(RangeForm):
    """origin: empty is live, with the sample data while there is any."""

    default_range = "24h"
    ORIGINS = [("live", "Live"), ("sample", "Sample data"), ("playground", "Playground")]
    ORIGINS += [("calibrate", "Calibration"), ("all", "Everything")]

    range = forms.ChoiceField(choices=RANGES, required=False)
    origin = forms.ChoiceField(choices=ORIGINS, required=False, label="Traffic")

    def origins(self, has_sample_data: bool) -> tuple[str, ...]:
        chosen = self.cleaned_data.get("origin")
        if chosen == "all":
            return tuple(Origin.values)
        if chosen:
            return (chosen,)
        return (Origin.LIVE, Origin.SAMPLE) if has_sample_data else (Origin.LIVE,)


class RequestFilterForm(RangeForm):
    """Every filter of the request list; filters() is what the store takes."""

    id = forms.CharField(required=False, max_length=36, label="Request id", strip=True)
    status = forms.ChoiceField(choices=[ANY, *Status.choices], required=False)
    model = forms.ChoiceField(required=False)
    policy = forms.ChoiceField(required=False)
    rule = forms.CharField(required=False, max_length=40, label="Rule id")
    key = forms.ChoiceField(required=False, label="API key")
    task = forms.ChoiceField(required=False)
    origin = forms.ChoiceField(choices=[ANY, *Origin.choices, LIVE_AND_SAMPLE], required=False, label="Traffic")
    cache = forms.ChoiceField(
        choices=[ANY, ("hit", "Answered from it"), ("miss", "Asked, not there")], required=False, label="Exact cache"
    )
    min_cost = forms.CharField(required=False, max_length=30, label="Costs at least ($)")
    sort = forms.ChoiceField(choices=[(NEWEST, "Newest"), (DEAREST, "Dearest")], required=False)

    FIRST = ("id", "status", "model", "policy", "range")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, slugs in (("model", LanguageModel), ("policy", Policy), ("key", APIKey)):
            self._offer(name, {slug: slug for slug in slugs.objects.order_by("slug").values_list("slug", flat=True)})
        own = TaskClass.objects.exclude(slug__in=TASKS).order_by("slug").values_list("slug", flat=True)
        self._offer("task", {task: task.capitalize() for task in TASKS} | {task: task for task in own})
        self.fields["id"].widget.attrs |= {"placeholder": "0193…", "data-first-filter": "", "autocomplete": "off"}
        self.fields["min_cost"].widget.attrs |= {"placeholder": "0.02", "inputmode": "decimal"}

    def _offer(self, name: str, known: dict[str, str]) -> None:
        """Archived or unknown names stay askable: traffic keeps names as recorded."""
        asked = str(self.data.get(name) or "")
        is_new = asked and asked not in known and asked.isprintable()
        words = {**known, asked: asked} if is_new else known
        offer(self, name, [ANY, *words.items()])

    def clean_id(self) -> str:
        text = self.cleaned_data["id"].lower()
        if set(text) - set("0123456789abcdef-"):
            raise forms.ValidationError("An id has digits, the letters a to f and dashes.")
        return text

    def clean_min_cost(self) -> int | None:
        text = self.cleaned_data["min_cost"].strip().lstrip("$")
        if not text:
            return None
        try:
            return parse_usd(text)
        except BadMoney as error:
            raise forms.ValidationError(str(error)) from error

    def filters(self) -> RequestFilters:
        data, time_range = self.cleaned_data, self.cleaned_data["time_range"]
        return RequestFilters(
            models=_one(data["model"]),
            policy=data["policy"],
            rule=data["rule"],
            key=data["key"],
            cache=data["cache"],
            statuses=_one(data["status"]),
            tasks=_one(data["task"]),
            origins=tuple(filter(None, data["origin"].split("+"))),
            min_cost_nusd=data["min_cost"],
            from_ms=time_range.from_ms if time_range else None,
            to_ms=time_range.to_ms if time_range and not time_range.is_open else None,
            id_text=data["id"],
        )

    def first_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.FIRST]

    def more_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name not in (*self.FIRST, "sort")]

    def has_more_set(self) -> bool:
        return any(self.data.get(field.name) for field in self.more_fields())


def _one(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def posted(request: HttpRequest) -> QueryDict | None:
    """What binds a form: a POST binds it even when it is empty."""
    return request.POST if request.method == "POST" else None


def offer(form: forms.Form, name: str, choices: Any) -> None:
    """Give a choice field what can be chosen at this moment."""
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = choices
