"""The playground: a prompt routed in thought, or sent. Route calls nobody; Run goes the way live traffic goes, marked as playground."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import orjson
from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_POST

from dashboard.answer_events import answer_lines, error_line, line, plain_lines
from dashboard.code_samples import curl_sample, javascript_sample, python_sample
from dashboard.fragments import render_page
from dashboard.playground_chat import as_chat, caller_for, pinned_to, request_body, subject_of
from dashboard.playground_columns import Column, failed_column, routed_column
from dashboard.playground_forms import PlaygroundForm, target_choices
from dashboard.recorded_prompt import RecordedPrompt, load_recorded_prompt
from dashboard.roles import allowed_to, can
from dashboard.sample_prompts import sample_prompts
from routerapp.engine.chat import Chat
from routerapp.engine.types import CallerFacts
from routerapp.models import Origin
from routerapp.serving.refusals import WriteRefused
from routerapp.serving.route_chat import SEED_BITS
from routerapp.serving.runtime import NotReady, Runtime
from routerapp.serving.serve_chat import serve_chat
from routerapp.serving.served import Refused, Served
from routerapp.serving.simulate import simulate

NO_RUNTIME = "The router is not running in this process, so nothing can be routed here. Start Signalbox with make run."
IN_URL = ("target", "compare", "temperature", "max_tokens", "json_mode", "stream", "prompt", "system")


@allowed_to("read")
def playground(request: HttpRequest) -> HttpResponse:
    recorded = _recorded(request)
    initial: dict[str, Any] = {"target": "auto", "stream": True}
    initial |= {name: request.GET[name] for name in IN_URL if name in request.GET}
    sample = request.GET.get("example", "")
    for one in sample_prompts():
        if sample == str(one.number):
            initial["prompt"] = one.text
    if recorded is not None:
        initial |= recorded.initial
    form = PlaygroundForm(initial=initial)
    return render_page(request, "dashboard/playground/page.html", _context(request, form) | {"recorded": recorded})


@allowed_to("use_playground")
@require_POST
def playground_route(request: HttpRequest) -> HttpResponse:
    """The decision for each target side by side. Nothing is sent to any provider."""
    form = PlaygroundForm(request.POST)
    columns: list[Column] = []
    if form.is_valid():
        columns = [_column(request, form.cleaned_data, target) for target in form.targets()]
    context = _context(request, form) | {"columns": columns}
    return render_page(
        request, "dashboard/playground/page.html", context, fragments={"results"}, status=200 if columns else 422
    )


async def playground_run(request: HttpRequest) -> HttpResponseBase:
    """As lines of JSON for the page's script (Accept: application/x-ndjson); as a page with the whole answer otherwise."""
    stopped = await sync_to_async(_admit)(request)
    if stopped is not None:
        return stopped
    form = await sync_to_async(_bound_form)(request)
    wants_lines = "application/x-ndjson" in request.headers.get("Accept", "")
    if form.errors:
        if wants_lines:
            words = " ".join(str(error) for errors in form.errors.values() for error in errors)
            return _lines(_once(line("error", code="invalid", message=words, status=422)), 422)
        return await sync_to_async(_page)(request, form, [], 422)
    targets = form.targets()
    if wants_lines:
        wanted = targets[1] if request.POST.get("column") == "2" and len(targets) > 1 else targets[0]
        return _lines(_run(request, form.cleaned_data, wanted))
    columns = [await _answered(request, form.cleaned_data, target) for target in targets]
    return await sync_to_async(_page)(request, form, columns, 200)


playground_run.required_role = playground_route.required_role  # type: ignore[attr-defined]


async def _run(request: HttpRequest, given: Mapping[str, Any], target: str) -> AsyncIterator[bytes]:
    try:
        runtime = runtime_of(request)
        started = runtime.clock.monotonic()
        caller = await sync_to_async(caller_for)(request)
        chat = await sync_to_async(_chat_for)(
            runtime, given, target, caller, bool(given["stream"]), seed_of(request.POST.get("seed", ""))
        )
        served = await serve_chat(runtime, chat, caller, origin=Origin.PLAYGROUND.value)
        lines = answer_lines(served, _chosen(served), lambda: round((runtime.clock.monotonic() - started) * 1_000))
        async with aclosing(lines):
            async for one in lines:
                yield one
    except Refused as refused:
        yield error_line(refused)
    except NotReady:
        yield line("error", code="not_ready", message=NO_RUNTIME, status=503)
    except WriteRefused as refused:
        yield line("error", code=refused.code, message=str(refused), status=422)


async def _answered(request: HttpRequest, given: Mapping[str, Any], target: str) -> Column:
    """The whole answer at once, for browsers without JavaScript."""
    column = await sync_to_async(_column)(request, given, target)
    try:
        runtime = runtime_of(request)
        started = runtime.clock.monotonic()
        caller = await sync_to_async(caller_for)(request)
        chat = await sync_to_async(_chat_for)(runtime, given, target, caller, False, column.seed)
        served = await serve_chat(runtime, chat, caller, origin=Origin.PLAYGROUND.value)
        elapsed = round((runtime.clock.monotonic() - started) * 1_000)
        events = [orjson.loads(one) for one in plain_lines(served.body or b"", elapsed)]
        column.answer = {"events": events, "decision": served.decision_id, **_chosen(served)}
        column.answer["text"] = "".join(one["text"] for one in events if one["kind"] == "text")
    except Refused as refused:
        column.problem = refused.message
    except (NotReady, WriteRefused) as problem:
        column.problem = str(problem) or NO_RUNTIME
    return column


def _chat_for(
    runtime: Runtime,
    given: Mapping[str, Any],
    target: str,
    caller: CallerFacts,
    is_streaming: bool,
    seed: int | None,
) -> Chat:
    """Drafts and versions out of reach serve nobody: their decision is made first and its deployment called by name.

    seed: of the decision already shown, so that a choice by chance falls the same way again.
    """
    chat = as_chat(request_body(given, target), is_streaming)
    if not _is_out_of_reach(runtime, target):
        return chat
    decision = simulate(runtime, chat, on=target, caller=caller, seed=seed).decision
    pinned = pinned_to(chat, decision, runtime)
    if pinned is None:
        words = decision.reject_message or "This draft routes the prompt nowhere: no candidate is eligible."
        raise Refused(403 if decision.reject_message else 503, decision.outcome, words, source="policy")
    return pinned


def seed_of(text: str) -> int | None:
    """A decision's seed as a page sent it back; None where it is none."""
    is_number = text.isascii() and text.isdigit() and len(text) <= 20
    return int(text) % 2**SEED_BITS if is_number else None


def _is_out_of_reach(runtime: Runtime, target: str) -> bool:
    kind, _, name = target.partition(":")
    if kind != "version":
        return kind == "draft"
    slug, _, number = name.rpartition("@")
    versions = runtime.snapshot.config.policies.get(slug)
    return versions is None or not number.isdigit() or int(number) not in versions.versions


def _column(request: HttpRequest, given: Mapping[str, Any], target: str) -> Column:
    body = request_body(given, target)
    samples = {
        "curl": curl_sample(request, body),
        "Python": python_sample(request, body),
        "JavaScript": javascript_sample(request, body),
    }
    label = _label(target)
    try:
        simulation = simulate(runtime_of(request), as_chat(body), on=subject_of(target), caller=caller_for(request))
    except Refused as refused:
        return failed_column(target, label, refused.message, samples)
    except (NotReady, WriteRefused) as problem:
        return failed_column(target, label, str(problem) or NO_RUNTIME, samples)
    return routed_column(target, label, simulation, samples)


def _label(target: str) -> str:
    for _, choices in target_choices():
        for value, words in choices:
            if value == target:
                return words
    return target


def runtime_of(request: HttpRequest) -> Runtime:
    """The worker's own, by scope. Under WSGI there is none."""
    runtime: Runtime | None = getattr(request, "scope", {}).get("runtime")
    if runtime is None or not runtime.has_snapshot:
        raise NotReady(NO_RUNTIME)
    return runtime


def _chosen(served: Served) -> dict[str, str]:
    headers, plan = served.headers, served.decision.plan
    return {
        "deployment": plan[0].deployment if plan else "",
        "model": headers.get("x-router-model", ""),
        "provider": headers.get("x-router-provider", ""),
        "rule": headers.get("x-router-rule", ""),
        "reason": headers.get("x-router-reason", ""),
    }


def _bound_form(request: HttpRequest) -> PlaygroundForm:
    form = PlaygroundForm(request.POST)
    form.is_valid()
    return form


@allowed_to("use_playground")
@require_POST
def _admitted(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)


def _admit(request: HttpRequest) -> HttpResponseBase | None:
    """None lets the request in; role and method are judged where every other view's are."""
    response = _admitted(request)
    return None if response.status_code == 204 and "HX-Redirect" not in response.headers else response


def _page(request: HttpRequest, form: PlaygroundForm, columns: list[Column], status: int) -> HttpResponse:
    context = _context(request, form) | {"columns": columns}
    return render_page(request, "dashboard/playground/page.html", context, status=status)


def _context(request: HttpRequest, form: PlaygroundForm) -> dict[str, Any]:
    return {"form": form, "samples": sample_prompts(), "may_run": can(request, "use_playground"), "columns": []}


def _recorded(request: HttpRequest) -> RecordedPrompt | None:
    request_id = request.GET.get("request", "")
    return load_recorded_prompt(request_id) if request_id else None


def _lines(lines: AsyncIterator[bytes], status: int = 200) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type="application/x-ndjson; charset=utf-8", status=status)
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def _once(one: bytes) -> AsyncIterator[bytes]:
    yield one
