"""Drafts, publishing, rolling back: the only writers of policies and their versions.

A published version never changes. A save or a publish against an older revision is refused as Stale, also under concurrency.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import F, Max
from django.utils import timezone

from routerapp.engine.canonical import content_address
from routerapp.models import Alias, APIKey, Draft, Policy, PolicyVersion
from routerapp.serving.changes import Change, changing, find, save_valid, user_of
from routerapp.serving.kept_content_default import with_kept_content
from routerapp.serving.permissions import Actor, require
from routerapp.serving.policy_checks import checked_document, current_config, live_policies, publish_problems
from routerapp.serving.policy_projection import project
from routerapp.serving.policy_templates import template_document
from routerapp.serving.refusals import Invalid, Missing, Stale, invalid
from routerapp.serving.slugs import checked_slug


def create_policy(
    slug: str,
    name: str,
    *,
    by: Actor,
    document: Mapping[str, Any] | None = None,
    template: str = "blank",
    description: str = "",
) -> Policy:
    """A policy with one draft, from a document or a named template. It serves nobody until it is published."""
    with changing(by, "create_policy", f"policy:{slug}") as change:
        checked_slug(slug, Policy.objects.all(), "policy")
        content = checked_document(_given_or_made(document, template, slug), slug)
        policy = Policy(slug=slug, name=name, description=description)
        save_valid(policy)
        Draft.objects.create(policy=policy, document=content, base_version=0, updated_by=user_of(by))
        change.after = {"name": name, "description": description, "sha256": content_address(content)}
    return policy


def _given_or_made(document: Mapping[str, Any] | None, template: str, slug: str) -> Mapping[str, Any]:
    return with_kept_content(template_document(template, slug)) if document is None else document


def rename_policy(slug: str, *, by: Actor, name: str | None = None, description: str | None = None) -> Policy:
    with changing(by, "edit_draft", f"policy:{slug}", event="rename_policy") as change:
        policy = _open_policy(slug)
        change.before = {"name": policy.name, "description": policy.description}
        policy.name = policy.name if name is None else name
        policy.description = policy.description if description is None else description
        save_valid(policy)
        change.after = {"name": policy.name, "description": policy.description}
    return policy


def create_draft(policy_slug: str, *, by: Actor, from_version: int | None = None, name: str = "Draft") -> Draft:
    """A draft that starts as a copy of a version, the live one unless said otherwise; its base is always the live one."""
    with changing(by, "edit_draft", f"policy:{policy_slug}", event="create_draft") as change:
        policy = _open_policy(policy_slug)
        source = policy.live_version if from_version is None else _version(policy, from_version)
        document = template_document("blank", policy_slug) if source is None else source.document
        draft = Draft(
            policy=policy, name=name, document=document, base_version=_live_number(policy), updated_by=user_of(by)
        )
        save_valid(draft)
        change.after = {"draft": draft.pk, "name": name, "copy_of": source.number if source else None}
    return draft


def save_draft(
    draft_id: int, document: Mapping[str, Any], *, expected_revision: int, by: Actor, name: str | None = None
) -> Draft:
    """Replace the document, when nobody saved since expected_revision (else Stale) and the engine can read it (else Invalid)."""
    with changing(by, "edit_draft", f"draft:{draft_id}", event="save_draft") as change:
        draft = _draft(draft_id)
        content = checked_document(document, draft.policy.slug)
        before = {"revision": draft.revision, "sha256": content_address(draft.document)}
        draft.document, draft.updated_by, draft.updated_at = content, user_of(by), timezone.now()
        draft.name = draft.name if name is None else name
        _compare_and_set(draft, expected_revision, "document", "updated_by", "updated_at", "name")
        change.subject = f"policy:{draft.policy.slug}"
        change.before = {"draft": draft_id, **before}
        change.after = {"draft": draft_id, "revision": draft.revision, "sha256": content_address(content)}
    return draft


def rebase_draft(draft_id: int, *, expected_revision: int, by: Actor) -> Draft:
    """Say: I have seen what was published meanwhile, and this draft shall replace it. Only the base changes."""
    with changing(by, "edit_draft", f"draft:{draft_id}", event="rebase_draft") as change:
        draft = _draft(draft_id)
        change.subject, change.before = f"policy:{draft.policy.slug}", {"base_version": draft.base_version}
        draft.base_version = _live_number(draft.policy)
        _compare_and_set(draft, expected_revision, "base_version")
        change.after = {"base_version": draft.base_version}
    return draft


def discard_draft(draft_id: int, *, by: Actor, expected_revision: int | None = None) -> None:
    with changing(by, "edit_draft", f"draft:{draft_id}", event="discard_draft") as change:
        draft = _draft(draft_id)
        _refuse_stale(draft, expected_revision)
        change.subject = f"policy:{draft.policy.slug}"
        change.before = {"draft": draft_id, "revision": draft.revision, "sha256": content_address(draft.document)}
        draft.delete()


def check_draft(draft_id: int, *, by: Actor) -> tuple[Any, ...]:
    """What publishing would refuse right now, without publishing."""
    require(by, "read")
    return publish_problems(_draft(draft_id).document)


def publish_draft(draft_id: int, *, expected_revision: int, note: str, by: Actor) -> PolicyVersion:
    """Make the draft the live version. Of two at once one wins; the other, or one with an outdated base, is Stale."""
    with changing(by, "publish_policy", f"draft:{draft_id}", reason=note) as change:
        draft = _draft(draft_id)
        _refuse_stale(draft, expected_revision)
        live = _live_number(draft.policy)
        if draft.base_version != live:
            raise Stale(
                draft.revision,
                f"Version {live} was published after this draft began at version {draft.base_version}. "
                "Compare them, then rebase the draft.",
            )
        version = _make_live(draft.policy, checked_document(draft.document, draft.policy.slug), note, by, change)
        draft.delete()
    return version


def roll_back(
    policy_slug: str, number: int, *, note: str = "", by: Actor, expected_live: int | None = None
) -> PolicyVersion:
    """Publish an old version's document again, as a new version. rolled_back_from is the number it was taken from."""
    with changing(by, "roll_back_policy", f"policy:{policy_slug}", reason=note) as change:
        policy = _open_policy(policy_slug)
        live = _live_number(policy)
        if expected_live is not None and expected_live != live:
            raise Stale(live, f"Version {live} is live now, not {expected_live}.")
        if number == live:
            raise invalid("version", "already_live", f"Version {number} is live already.")
        return _make_live(policy, _version(policy, number).document, note, by, change, rolled_back_from=number)


def archive_policy(slug: str, *, by: Actor) -> None:
    """Out of use for good; versions stay readable. Refused while anything still leads to it."""
    with changing(by, "archive_policy", f"policy:{slug}") as change:
        policy = _open_policy(slug)
        users = _users_of(policy)
        if users:
            raise invalid("", "in_use", f"{slug} is still used by: {', '.join(users)}.")
        policy.archived_at = timezone.now()
        policy.save(update_fields=["archived_at"])
        change.before, change.after = {"archived": False}, {"archived": True}


def set_default_policy(slug: str, *, by: Actor) -> Policy:
    """The policy that answers `auto` for keys without one of their own."""
    with changing(by, "set_default_policy", f"policy:{slug}") as change:
        policy = _open_policy(slug)
        if policy.live_version is None:
            raise invalid("policy", "not_published", f"{slug} has no published version yet.")
        change.before = {"default": Policy.objects.filter(is_default=True).values_list("slug", flat=True).first()}
        Policy.objects.filter(is_default=True).update(is_default=False)
        policy.is_default = True
        policy.save(update_fields=["is_default"])
        change.after = {"default": slug}
    return policy


def write_version(
    policy: Policy, document: Mapping[str, Any], note: str, by: Actor, *, rolled_back_from: int | None = None
) -> PolicyVersion:
    """The version, its rules and experiments, made live; inside the caller's transaction and after the caller's checks."""
    last = policy.versions.aggregate(last=Max("number"))["last"] or 0
    version = PolicyVersion.objects.create(
        policy=policy,
        number=last + 1,
        document=document,
        sha256=content_address(document),
        note=note[:500],
        published_by=user_of(by),
        rolled_back_from=rolled_back_from,
    )
    policy.live_version = version
    policy.save(update_fields=["live_version"])
    project(version)
    return version


def _make_live(
    policy: Policy,
    document: Mapping[str, Any],
    note: str,
    by: Actor,
    change: Change,
    rolled_back_from: int | None = None,
) -> PolicyVersion:
    problems = publish_problems(document)
    if problems:
        raise Invalid(problems)
    change.subject, change.before = f"policy:{policy.slug}", {"version": _live_number(policy) or None}
    version = write_version(policy, document, note, by, rolled_back_from=rolled_back_from)
    change.after = {"version": version.number, "sha256": version.sha256, "rolled_back_from": rolled_back_from}
    return version


def _compare_and_set(draft: Draft, expected_revision: int, *fields: str) -> None:
    """Write these fields only over the revision the caller saw."""
    try:
        draft.clean_fields(exclude=["policy", "document", "updated_by"])
    except Exception as error:
        raise invalid("name", "invalid", str(error)) from error
    values = {name: getattr(draft, name) for name in fields}
    rows = Draft.objects.filter(pk=draft.pk, revision=expected_revision)
    if not rows.update(**values, revision=F("revision") + 1):
        raise Stale(draft.revision)
    draft.revision = expected_revision + 1


def _refuse_stale(draft: Draft, expected_revision: int | None) -> None:
    if expected_revision is not None and draft.revision != expected_revision:
        raise Stale(draft.revision)


def _draft(draft_id: int) -> Draft:
    draft = Draft.objects.select_related("policy", "policy__live_version").filter(pk=draft_id).first()
    if draft is None:
        raise Stale(None, f"Draft {draft_id} is gone: it was published or discarded.")
    if draft.policy.archived_at is not None:
        raise invalid("policy", "archived", f"{draft.policy.slug} is archived.")
    return draft


def _open_policy(slug: str) -> Policy:
    rows = Policy.objects.select_related("live_version").filter(archived_at=None)
    return find(rows, "policy", slug=slug)


def _version(policy: Policy, number: int) -> PolicyVersion:
    version = policy.versions.filter(number=number).first()
    if version is None:
        raise Missing(f"version of {policy.slug}", number)
    return version


def _live_number(policy: Policy) -> int:
    return policy.live_version.number if policy.live_version else 0


def _users_of(policy: Policy) -> list[str]:
    """Everything that still leads a request to this policy, in words."""
    reference = f"policy:{policy.slug}"
    users = ["the installation's default"] if policy.is_default else []
    users += [f"key {slug}" for slug in policy_keys(policy)]
    users += [f"alias {name}" for name in Alias.objects.filter(target=reference).values_list("name", flat=True)]
    live = live_policies(current_config())
    users += [
        f"policy {slug}" for slug, other in live.items() if slug != policy.slug and _mentions(other.document, reference)
    ]
    return users


def policy_keys(policy: Policy) -> list[str]:
    rows = APIKey.objects.filter(default_policy=policy, revoked_at=None)
    return list(rows.values_list("slug", flat=True))


def _mentions(document: Any, reference: str) -> bool:
    """Whether the reference stands anywhere in the document as a whole string."""
    if isinstance(document, Mapping):
        return any(_mentions(inner, reference) for inner in document.values())
    if isinstance(document, list | tuple):
        return any(_mentions(inner, reference) for inner in document)
    return bool(document == reference)
