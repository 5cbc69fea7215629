"""Addresses of policies, their drafts, rules and versions."""

from django.urls import URLPattern

from dashboard.sitemap import page
from dashboard.views import condition_matches, documents, policies, policy_editor, versions

DRAFT = "policies/<slug:slug>/drafts/<int:draft_id>/"
RULE = DRAFT + "rules/<slug:rule_id>/"

urlpatterns: list[URLPattern] = [
    page("policies/", policies.policy_list, "policy-list"),
    page("policies/new/", policies.policy_create, "policy-create"),
    page("policies/<slug:slug>/", policies.policy_detail, "policy-detail"),
    page("policies/<slug:slug>/default/", policies.policy_set_default, "policy-set-default"),
    page("policies/<slug:slug>/versions/<int:number>/", versions.version_detail, "version-detail"),
    page("policies/<slug:slug>/versions/<int:number>/roll-back/", versions.version_roll_back, "version-roll-back"),
    page("policies/<slug:slug>/drafts/new/", policies.draft_create, "draft-create"),
    page(DRAFT, policy_editor.draft_detail, "draft-detail"),
    page(DRAFT + "document/", documents.draft_document, "draft-document"),
    page(DRAFT + "changes/", versions.draft_changes, "draft-changes"),
    page(DRAFT + "publish/", versions.draft_publish, "draft-publish"),
    page(DRAFT + "rebase/", versions.draft_rebase, "draft-rebase"),
    page(DRAFT + "discard/", policy_editor.draft_discard, "draft-discard"),
    page(DRAFT + "settings/", policy_editor.settings_edit, "settings-edit"),
    page(DRAFT + "default/", policy_editor.default_edit, "default-edit"),
    page(DRAFT + "matches/", condition_matches.condition_matches, "condition-matches"),
    page(DRAFT + "rules/new/", policy_editor.rule_create, "rule-create"),
    page(RULE, policy_editor.rule_edit, "rule-edit"),
    page(RULE + "move/", policy_editor.rule_move, "rule-move"),
    page(RULE + "toggle/", policy_editor.rule_toggle, "rule-toggle"),
    page(RULE + "remove/", policy_editor.rule_remove, "rule-remove"),
]
