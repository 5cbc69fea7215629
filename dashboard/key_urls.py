"""Addresses of keys, teams, end users and their budgets."""

from dashboard.sitemap import page
from dashboard.views import budgets, keys

urlpatterns = [
    page("keys/", keys.key_list, "key-list"),
    page("keys/new/", keys.key_create, "key-create"),
    page("keys/<slug:slug>/edit/", keys.key_edit, "key-edit"),
    page("keys/<slug:slug>/revoke/", keys.key_revoke, "key-revoke"),
    # Under a dash: no key has that for a slug.
    page("keys/-/teams/new/", budgets.team_create, "team-create"),
    page("keys/-/teams/<slug:slug>/", budgets.team_edit, "team-edit"),
    page("keys/-/teams/<slug:slug>/archive/", budgets.team_archive, "team-archive"),
    page("keys/-/end-users/new/", budgets.end_user_create, "end-user-create"),
    page("keys/-/end-users/<int:row_id>/", budgets.end_user_edit, "end-user-edit"),
    page("keys/-/end-users/<int:row_id>/remove/", budgets.end_user_remove, "end-user-remove"),
    page("keys/-/unpriced/", budgets.unpriced_set, "unpriced-set"),
]
