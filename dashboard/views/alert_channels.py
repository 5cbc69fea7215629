"""Channels of alerts: made, changed, tried, given another secret, taken away."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from dashboard.alert_forms import ChannelForm, SecretForm
from dashboard.alert_lines import channel_line
from dashboard.forms import posted
from dashboard.fragments import render_page
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to
from routerapp.models import AlertChannel, AlertChannelKind
from routerapp.serving.alerts import channels
from routerapp.serving.refusals import WriteRefused

FORM = "dashboard/alerts/channel.html"
WORDS = dict(AlertChannelKind.choices)


@allowed_to("edit_alerts")
@sensitive_post_parameters("secret", "address")
def alert_channel_create(request: HttpRequest, kind: str) -> HttpResponse:
    if kind not in WORDS:
        raise Http404("There is no such kind of channel.")
    form = ChannelForm(kind, posted(request))
    if request.method == "POST" and form.is_valid():
        secret = form.cleaned_data.get("secret", "")
        try:
            row = channels.add_channel(kind, form.data_of_channel(), secret, by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(
                request, f"Channel “{row.name}” is made. Send a test message, then choose it in your rules."
            )
            return redirect("dashboard:alert-channel", slug=row.slug)
    context = {
        "title": f"New channel: {WORDS[AlertChannelKind(kind)].lower()}",
        "submit": "Make the channel",
        "lacks_mail": kind == AlertChannelKind.EMAIL and settings.ENVIRONMENT.smtp is None,
    }
    return _page(request, form, context)


@allowed_to("edit_alerts")
@sensitive_post_parameters("secret", "address")
def alert_channel(request: HttpRequest, slug: str) -> HttpResponse:
    row = get_object_or_404(AlertChannel, slug=slug)
    line = channel_line(row)
    form = ChannelForm.of(row, line.address, posted(request))
    if request.method == "POST" and form.is_valid():
        was_signed = bool(row.ciphertext)
        try:
            saved = channels.edit_channel(slug, form.data_of_channel(), by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, f"Channel “{saved.name}” is saved.")
            if was_signed and not saved.ciphertext:
                messages.warning(
                    request, "The address is on another host now, so its secret was dropped. Enter one below."
                )
            return redirect("dashboard:alert-channel", slug=slug)
    return _page(request, form, _context_of(row))


@allowed_to("edit_alerts")
@require_POST
@sensitive_post_parameters("secret")
def alert_channel_secret(request: HttpRequest, slug: str) -> HttpResponse:
    row = get_object_or_404(AlertChannel, slug=slug)
    form = SecretForm(request.POST)
    if form.is_valid():
        try:
            channels.set_secret(slug, form.cleaned_data["secret"], by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            is_signed = bool(form.cleaned_data["secret"])
            words = (
                "From now on messages are signed with the new secret."
                if is_signed
                else "Messages are not signed any more."
            )
            messages.success(request, words)
            return redirect("dashboard:alert-channel", slug=slug)
    plain = ChannelForm.of(row, channels.shown_address(row))
    return _page(request, plain, _context_of(row) | {"secret_form": form}, status=422)


@allowed_to("edit_alerts")
@require_POST
def alert_channel_test(request: HttpRequest, slug: str) -> HttpResponse:
    """Takes as long as the other side, ten seconds at most."""
    get_object_or_404(AlertChannel, slug=slug)
    found = channels.send_test_message(slug, by=actor_of(request))
    (messages.success if found.is_taken else messages.error)(request, found.words)
    return redirect("dashboard:alert-channel", slug=slug)


@allowed_to("edit_alerts")
def alert_channel_remove(request: HttpRequest, slug: str) -> HttpResponse:
    """GET asks, POST does it."""
    row = get_object_or_404(AlertChannel, slug=slug)
    if request.method != "POST":
        context = {
            "title": f"Delete channel “{row.name}”?",
            "words": "Rules that tell it stay and tell their other channels. The record of what was sent over it goes.",
            "submit": "Delete the channel",
        }
        return render_page(request, "dashboard/alerts/confirm.html", context)
    channels.remove_channel(slug, by=actor_of(request))
    messages.success(request, f"Channel “{row.name}” is deleted.")
    return redirect("dashboard:alert-list")


def _context_of(row: AlertChannel) -> dict[str, Any]:
    return {
        "title": f"Channel “{row.name}”",
        "submit": "Save",
        "channel": row,
        "line": channel_line(row),
        "secret_form": SecretForm() if row.kind == AlertChannelKind.WEBHOOK else None,
        "lacks_mail": row.kind == AlertChannelKind.EMAIL and settings.ENVIRONMENT.smtp is None,
    }


def _page(request: HttpRequest, form: ChannelForm, context: dict[str, Any], status: int = 0) -> HttpResponse:
    return render_page(request, FORM, context | {"form": form}, status=status or (422 if form.is_bound else 200))
