"""The wizard's policy: five templates in words, what each lacks here, what it would do with prompts; published and made the default in one press."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from dashboard.playground_chat import as_chat, request_body
from dashboard.roles import actor_of, allowed_to
from dashboard.rule_cards import default_card, rule_cards
from dashboard.sample_prompts import sample_prompts
from dashboard.template_words import TEMPLATE_WORDS, TemplateWords
from dashboard.use_words import describe_constraints
from dashboard.views.playground import runtime_of
from dashboard.welcome_steps import step_page
from routerapp.engine.config import Config
from routerapp.engine.types import Decision
from routerapp.serving.policy_checks import current_config
from routerapp.serving.policy_templates import LOCAL_TAG, OFFERED, template_document
from routerapp.serving.preview_document import newest_requests, preview_prompts, preview_recorded
from routerapp.serving.publish_template import publish_template, untouched_default
from routerapp.serving.refusals import WriteRefused
from routerapp.serving.runtime import NotReady, Runtime
from routerapp.serving.template_gaps import Gap, template_gaps

MOST_PROMPTS = 6
MOST_RECORDED = 4
# Beside one prompt of each of the first tasks, one with personal data: it is what one template is about.
WITH_PERSONAL_DATA = "Write to jana.novak@example.org that her invoice over 1,240 euros was paid, and thank her."


@dataclass(frozen=True, slots=True)
class Choice:
    name: str
    words: TemplateWords
    gaps: tuple[Gap, ...]
    is_chosen: bool

    @property
    def is_blocked(self) -> bool:
        return any(gap.is_blocking for gap in self.gaps)


@dataclass(frozen=True, slots=True)
class Line:
    """One prompt or recorded request, and where it would go. rule is empty for the default."""

    label: str
    text: str
    decision: Decision
    request_id: str = ""
    went_to: str = ""

    @property
    def deployment(self) -> str:
        return self.decision.plan[0].deployment if self.decision.plan else ""

    @property
    def rule(self) -> str:
        return "" if self.decision.rule in ("", "default") else self.decision.rule_name

    @property
    def cost_nusd(self) -> int | None:
        found = (one for one in self.decision.candidates if one.deployment == self.deployment)
        return next((one.estimate.cost_nusd for one in found), None)


@allowed_to("set_default_policy")
def policy(request: HttpRequest) -> HttpResponse:
    """GET shows the template named in the address; POST publishes it."""
    config = current_config()
    places = _places(config)
    given = request.POST if request.method == "POST" else request.GET
    stays = given.get("stays", "")
    stays = stays if stays in dict(places) else (places[0][0] if places else LOCAL_TAG)
    chosen = given.get("template", "")
    chosen = chosen if chosen in OFFERED else OFFERED[0]
    choices = [_choice(name, config, stays, name == chosen) for name in OFFERED]
    current = next(one for one in choices if one.is_chosen)
    if request.method == "POST" and not current.is_blocked and _publish(request, current, stays):
        return redirect("dashboard:welcome-key")
    document = template_document(chosen, "preview", stays=stays)
    context: dict[str, Any] = {
        "choices": choices,
        "chosen": current,
        "places": places,
        "stays": stays,
        "cards": rule_cards(document, {}),
        "default": default_card(document, {}),
        "constraints": describe_constraints(document["constraints"]),
        "replaces": untouched_default(),
        **_preview(request, document, config),
    }
    return step_page(request, "policy", context, status=422 if request.method == "POST" else 200)


def _choice(name: str, config: Config, stays: str, is_chosen: bool) -> Choice:
    gaps = template_gaps(name, template_document(name, "preview", stays=stays), config)
    return Choice(name, TEMPLATE_WORDS[name], gaps, is_chosen)


def _publish(request: HttpRequest, chosen: Choice, stays: str) -> bool:
    name = chosen.words.name
    try:
        version = publish_template(chosen.name, name, by=actor_of(request), stays=stays)
    except WriteRefused as refused:
        messages.error(request, str(refused))
        return False
    messages.success(request, f"“{name}” is live as version {version.number} of {version.policy.slug}.")
    return True


def _places(config: Config) -> list[tuple[str, str]]:
    """Where personal data could stay: tags and regions that some deployment has; the tag `local` first."""
    tags = sorted(
        {tag for one in config.deployments.values() for tag in one.tags}, key=lambda tag: (tag != "local", tag)
    )
    regions = sorted({one.region for one in config.deployments.values() if one.region})
    return [
        *((f"tag:{tag}", f"deployments tagged {tag}") for tag in tags),
        *((f"region:{region}", f"the region {region}") for region in regions),
    ]


def _preview(request: HttpRequest, document: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """Nothing without a running router or without anything to choose from."""
    try:
        runtime = runtime_of(request)
    except NotReady as problem:
        return {"no_preview": str(problem)}
    if not config.deployments:
        return {"no_preview": "There is no model yet that could answer."}
    rows = preview_recorded(runtime, document, config, newest_requests(MOST_RECORDED))
    recorded = [
        Line(f"{one.row.task}, {one.row.key}", "", one.decision, one.row.id, one.row.deployment) for one in rows
    ]
    return {"prompts": _prompts(runtime, document, config), "recorded": recorded}


def _prompts(runtime: Runtime, document: Mapping[str, Any], config: Config) -> list[Line]:
    texts = [(one.label, one.text) for one in sample_prompts()[: MOST_PROMPTS - 1]]
    texts.append(("personal data", WITH_PERSONAL_DATA))
    chats = [as_chat(request_body({"prompt": text}, "auto")) for _, text in texts]
    decisions = preview_prompts(runtime, document, config, chats)
    return [Line(label, text, decision) for (label, text), decision in zip(texts, decisions, strict=True)]
