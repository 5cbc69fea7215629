"""Which of two answers in the playground is better: one vote, journalled as feedback. What it teaches is worked out later, by a job."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from dashboard.fragments import is_htmx
from dashboard.roles import actor_of, allowed_to
from dashboard.views.playground import runtime_of
from routerapp.serving.feedback import MAX_LABEL, give_feedback
from routerapp.serving.identifiers import made_at_ms
from routerapp.serving.runtime import NotReady
from routerapp.serving.served import Refused
from routerapp.store.votes_given import AS_GOOD, BETTER, PERSON

VERDICTS = ("first", "second", "same")
THANKS = "Thank you. It counts from the next time scores are learned."


@allowed_to("use_playground")
@require_POST
def playground_vote(request: HttpRequest) -> HttpResponse:
    """first, second: decision ids; verdict: first, second or same."""
    try:
        _vote(request)
    except Refused as refused:
        return _told(request, refused.message, is_refused=True)
    except NotReady as problem:
        return _told(request, str(problem), is_refused=True)
    return _told(request, THANKS)


def _vote(request: HttpRequest) -> None:
    verdict = request.POST.get("verdict", "")
    first, second = request.POST.get("first", ""), request.POST.get("second", "")
    if verdict not in VERDICTS:
        raise Refused(422, "invalid_value", f"A vote says one of: {', '.join(VERDICTS)}.", param="verdict")
    if first == second or made_at_ms(first) is None or made_at_ms(second) is None:
        raise Refused(422, "invalid_value", "A vote is about two answers that both came. Run the prompt again.")
    better, other = (second, first) if verdict == "second" else (first, second)
    label = f"{AS_GOOD if verdict == 'same' else BETTER}{other}"
    source = f"{PERSON}{actor_of(request).name}"[:MAX_LABEL]
    give_feedback(runtime_of(request), {"decision_id": better, "label": label}, source)


def _told(request: HttpRequest, words: str, *, is_refused: bool = False) -> HttpResponse:
    status = 422 if is_refused else 200
    if is_htmx(request):
        context = {"words": words, "tone": "bad" if is_refused else "ok"}
        return render(request, "dashboard/playground/vote.html#told", context, status=status)
    (messages.error if is_refused else messages.success)(request, words)
    return redirect("dashboard:playground")
