"""The section of policies: the live version's document of each, published through the same checks as from the editor."""

from __future__ import annotations

from typing import Any

from routerapp.models import Policy
from routerapp.serving import publish_policy
from routerapp.serving.configuration.fields import LIST, OBJECT, TEXT, Field
from routerapp.serving.configuration.sections import ENTRIES, Entry, instant_text
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import invalid

NOTE = "Applied from a configuration document"


class Policies:
    """history is written for people; applying a document leaves it aside."""

    name, noun, prunes = "policies", "policy", ENTRIES
    _fields = {"name": Field(TEXT), "description": Field(TEXT), "document": Field(OBJECT), "history": Field(LIST)}

    def field(self, name: str) -> Field | None:
        return self._fields.get(name)

    def read(self) -> dict[str, dict[str, Any]]:
        rows = Policy.objects.filter(archived_at=None, live_version__isnull=False).select_related("live_version")
        return {
            row.slug: {"name": row.name, "description": row.description, "document": row.live_version.document}
            for row in rows.order_by("slug")
            if row.live_version is not None
        }

    def history(self, slug: str) -> list[dict[str, Any]]:
        """Every published version, oldest first."""
        versions = Policy.objects.get(slug=slug).versions.select_related("published_by").order_by("number")
        return [
            {
                "version": one.number,
                "published_at": instant_text(one.published_at),
                "published_by": one.published_by.username if one.published_by else None,
                "note": one.note,
                "rolled_back_from": one.rolled_back_from,
                "document": one.document,
            }
            for one in versions.iterator()
        ]

    def settle(self, entry: Entry) -> dict[str, Any]:
        return {name: value for name, value in entry.items() if name != "history"}

    def add(self, name: str, entry: Entry, by: Actor) -> None:
        if "document" not in entry:
            raise invalid("document", "required", "A policy that is not here yet needs its document.")
        unpublished = Policy.objects.filter(slug=name, archived_at=None).first()
        if unpublished is None:
            publish_policy.create_policy(
                name,
                entry.get("name", name),
                description=entry.get("description", ""),
                document=entry["document"],
                by=by,
            )
            draft = Policy.objects.get(slug=name).drafts.get()
            publish_policy.publish_draft(draft.pk, expected_revision=draft.revision, note=NOTE, by=by)
        else:
            self.edit(name, entry, {}, by)

    def edit(self, name: str, changed: Entry, before: Entry, by: Actor) -> None:
        if "name" in changed or "description" in changed:
            publish_policy.rename_policy(name, name=changed.get("name"), description=changed.get("description"), by=by)
        if "document" in changed:
            draft = publish_policy.create_draft(name, by=by, name=NOTE[:100])
            draft = publish_policy.save_draft(draft.pk, changed["document"], expected_revision=draft.revision, by=by)
            publish_policy.publish_draft(draft.pk, expected_revision=draft.revision, note=NOTE, by=by)

    def remove(self, name: str, fields: Entry, by: Actor) -> None:
        publish_policy.archive_policy(name, by=by)
