"""Sections of alerts: channels and rules. A webhook's address and what it signs with may be secrets, so neither is in a document."""

from __future__ import annotations

from typing import Any

from routerapp.models import AlertChannel, AlertChannelKind, AlertRule, EndUserAllowance
from routerapp.serving.alerts import channels, rules
from routerapp.serving.alerts.kinds import END_USER
from routerapp.serving.configuration.fields import FLAG, LIST, NUMBER, TEXT, WHOLE, Field
from routerapp.serving.configuration.sections import ENTRIES, NOTHING, Entry
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import invalid


class AlertChannels:
    """Mail channels as a whole. Webhooks by their receiver's host: a document can rename and switch them, never make one."""

    name, noun, prunes = "alert_channels", "alert channel", NOTHING
    _fields = {
        "kind": Field(TEXT, is_fixed=True),
        "name": Field(TEXT),
        "is_enabled": Field(FLAG),
        "address": Field(TEXT),
        "receiver": Field(TEXT, is_fixed=True),
    }

    def field(self, name: str) -> Field | None:
        return self._fields.get(name)

    def read(self) -> dict[str, dict[str, Any]]:
        return {row.slug: _channel(row) for row in AlertChannel.objects.order_by("slug")}

    def settle(self, entry: Entry) -> dict[str, Any]:
        if entry.get("kind") == AlertChannelKind.WEBHOOK and "address" in entry:
            raise invalid("address", "unknown_field", "A webhook's address is in no document: enter it under Alerts.")
        return dict(entry)

    def add(self, name: str, entry: Entry, by: Actor) -> str | None:
        if entry.get("kind") == AlertChannelKind.WEBHOOK:
            return f"alert channel {name}: is not here. Make it under Alerts: a webhook's address is in no document."
        fields = {field: entry[field] for field in channels.FIELDS if field in entry}
        channels.add_channel(entry.get("kind", ""), {"name": name, **fields}, by=by, slug=name)
        return None

    def edit(self, name: str, changed: Entry, before: Entry, by: Actor) -> None:
        if "address" in changed and before["kind"] == AlertChannelKind.WEBHOOK:
            raise invalid("address", "unknown_field", "A webhook's address is in no document: enter it under Alerts.")
        channels.edit_channel(name, changed, by=by)

    def remove(self, name: str, fields: Entry, by: Actor) -> None:
        raise invalid("", "not_removable", "A channel is taken away by hand.")


class AlertRules:
    """An end user is named by hash, as in the section of end users. What is not here to be watched or told is left to people."""

    name, noun, prunes = "alert_rules", "alert rule", ENTRIES
    _fields = {
        "kind": Field(TEXT, is_fixed=True),
        "name": Field(TEXT),
        "subject": Field(TEXT),
        "threshold": Field(NUMBER),
        "window_minutes": Field(WHOLE),
        "least_requests": Field(WHOLE),
        "is_enabled": Field(FLAG),
        "channels": Field(LIST),
    }

    def field(self, name: str) -> Field | None:
        return self._fields.get(name)

    def read(self) -> dict[str, dict[str, Any]]:
        hashes = dict(EndUserAllowance.objects.values_list("pk", "user_hash"))
        rows = AlertRule.objects.prefetch_related("channels").order_by("slug")
        return {row.slug: _rule(row, hashes) for row in rows}

    def settle(self, entry: Entry) -> dict[str, Any]:
        told = entry.get("channels")
        if told is None or not all(isinstance(one, str) for one in told):
            return dict(entry)
        return {**entry, "channels": sorted(set(told))}

    def add(self, name: str, entry: Entry, by: Actor) -> str | None:
        fields, note = _here(name, entry)
        if "subject" in entry and "subject" not in fields:
            return note
        kind = fields.pop("kind", "")
        rules.add_rule(kind, {"name": name, **fields}, by=by, slug=name)
        return note

    def edit(self, name: str, changed: Entry, before: Entry, by: Actor) -> str | None:
        fields, note = _here(name, changed)
        if fields:
            rules.edit_rule(name, fields, by=by)
        return note

    def remove(self, name: str, fields: Entry, by: Actor) -> None:
        rules.remove_rule(name, by=by)


def _channel(row: AlertChannel) -> dict[str, Any]:
    shown = channels.shown_address(row)
    where = {"receiver": shown} if row.kind == AlertChannelKind.WEBHOOK else {"address": shown}
    return {"kind": row.kind, "name": row.name, "is_enabled": row.is_enabled, **where}


def _rule(row: AlertRule, hashes: dict[int, str]) -> dict[str, Any]:
    prefix, _, name = row.subject.partition(":")
    subject = row.subject
    if prefix == END_USER and name.isdigit():
        subject = f"{END_USER}:{hashes.get(int(name), name)}"
    return {
        "kind": row.kind,
        "name": row.name,
        "subject": subject,
        "threshold": row.threshold,
        "window_minutes": row.window_minutes,
        "least_requests": row.least_requests,
        "is_enabled": row.is_enabled,
        "channels": sorted(channel.slug for channel in row.channels.all()),
    }


def _here(name: str, entry: Entry) -> tuple[dict[str, Any], str | None]:
    """The fields as this installation has them, without what it does not have, and a sentence about that."""
    fields, notes = dict(entry), []
    prefix, _, hashed = str(entry.get("subject", "")).partition(":")
    if prefix == END_USER:
        row = EndUserAllowance.objects.filter(user_hash=hashed).first()
        if row is None:
            del fields["subject"]
            notes.append(f"end user {hashed[:12]} has no limits here")
        else:
            fields["subject"] = f"{END_USER}:{row.pk}"
    told = entry.get("channels") or []
    if all(isinstance(one, str) for one in told):
        known = set(AlertChannel.objects.filter(slug__in=told).values_list("slug", flat=True))
        if missing := [one for one in told if one not in known]:
            fields["channels"] = [one for one in told if one in known]
            notes.append(f"channel {', '.join(missing)} is not here")
    return fields, f"alert rule {name}: {' and '.join(notes)}. See to it by hand." if notes else None
