"""A template made the policy that answers `auto`, in one step: drafted, published, chosen as default."""

from __future__ import annotations

from django.db import transaction

from routerapp.models import Draft, Policy, PolicyVersion
from routerapp.serving.kept_content_default import with_kept_content
from routerapp.serving.permissions import Actor, require
from routerapp.serving.policy_templates import LOCAL_TAG, template_document
from routerapp.serving.publish_policy import create_draft, create_policy, publish_draft, save_draft, set_default_policy


def untouched_default() -> Policy | None:
    """The default policy of the first start, as long as nobody has published anything into it."""
    rows = Policy.objects.select_related("live_version").filter(is_default=True, is_sample=False, archived_at=None)
    policy = rows.first()
    live = policy.live_version if policy else None
    return policy if live is not None and live.number == 1 and live.published_by_id is None else None


@transaction.atomic
def publish_template(template: str, name: str, *, by: Actor, stays: str = LOCAL_TAG) -> PolicyVersion:
    """The next version of an untouched default, else a policy of its own with this name. Raises Invalid with what keeps it from being published."""
    require(by, "set_default_policy")
    policy = untouched_default()
    if policy is None:
        slug = _free_slug(template)
        policy = create_policy(
            slug, name, document=with_kept_content(template_document(template, slug, stays=stays)), by=by
        )
        draft = policy.drafts.get()
    else:
        draft = create_draft(policy.slug, by=by, name=name)
        document = with_kept_content(template_document(template, policy.slug, stays=stays))
        draft = save_draft(draft.pk, document, expected_revision=draft.revision, by=by)
    version = _publish(draft, name, by)
    if not Policy.objects.filter(pk=policy.pk, is_default=True).exists():
        set_default_policy(policy.slug, by=by)
    return version


def _publish(draft: Draft, name: str, by: Actor) -> PolicyVersion:
    return publish_draft(draft.pk, expected_revision=draft.revision, note=f"Template: {name}", by=by)


def _free_slug(template: str) -> str:
    """Slugs of archived policies are never used again."""
    taken = set(Policy.objects.filter(slug__startswith=template).values_list("slug", flat=True))
    if template not in taken:
        return template
    numbered = (f"{template}-{number}" for number in range(2, len(taken) + 3))
    return next(slug for slug in numbered if slug not in taken)
