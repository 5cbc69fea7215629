"""The policy pages: list, timeline, the editor's buttons, publishing with reasons, rolling back, roles."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from routerapp.models import Draft, Policy
from tests.dashboard.page_forms import read_buttons, read_form
from tests.factories import a_deployment, a_document, a_draft, a_policy, a_version

HOSTILE = "<script>alert(1)</script>"
RULES = [
    {
        "id": "r1",
        "name": "pii-stays-local",
        "when": {"field": "pii", "op": "intersects", "value": ["email"]},
        "use": {"pool": ["tag:local"], "strategy": {"kind": "ordered"}},
    },
    {
        "id": "r2",
        "name": HOSTILE,
        "when": {"field": "text", "op": "contains", "value": HOSTILE},
        "use": {"reject": HOSTILE},
    },
]


@pytest.fixture
def draft(db) -> Draft:
    a_deployment(tags=["local"])
    return a_draft(a_policy(a_document("support", rules=RULES), name="Support"))


def _url(name: str, draft: Draft, *rest) -> str:
    return reverse(f"dashboard:{name}", args=[draft.policy.slug, draft.pk, *rest])


def _rule_ids(draft: Draft) -> list[str]:
    return [rule["id"] for rule in Draft.objects.get(pk=draft.pk).document["rules"]]


def test_the_list_says_what_is_live_and_how_many_rules(viewer, draft):
    page = viewer.get(reverse("dashboard:policy-list")).content.decode()

    assert "Support" in page
    assert "version 1" in page
    assert "1 draft" in page
    assert "New policy" not in page


def test_an_empty_list_tells_the_next_step(signed_in, db):
    assert "Make the first policy" in signed_in("editor").get(reverse("dashboard:policy-list")).content.decode()


def test_hostile_names_are_inert_on_every_policy_page(signed_in, draft):
    client = signed_in("publisher")
    a_version(draft.policy, a_document("support", rules=RULES[:1]))
    pages = [
        reverse("dashboard:policy-detail", args=["support"]),
        reverse("dashboard:version-detail", args=["support", 1]),
        reverse("dashboard:version-roll-back", args=["support", 1]),
        _url("draft-detail", draft),
        _url("draft-document", draft),
        _url("draft-changes", draft),
        _url("rule-edit", draft, "r2"),
        _url("rule-create", draft),
    ]
    for page in pages:
        response = client.get(page)
        assert response.status_code == 200
        assert HOSTILE not in response.content.decode()


def test_a_new_policy_comes_with_a_draft(signed_in, db):
    given = {"name": "Legal", "slug": "legal", "template": "blank"}
    response = signed_in("editor").post(reverse("dashboard:policy-create"), given)

    draft = Policy.objects.get(slug="legal").drafts.get()
    assert response.url == _url("draft-detail", draft)


def test_a_taken_slug_is_said_at_its_field_and_nothing_typed_is_lost(signed_in, draft):
    given = {"name": "Another", "slug": "support", "template": "balanced", "description": "mine"}
    response = signed_in("editor").post(reverse("dashboard:policy-create"), given)

    assert response.status_code == 422
    assert "support" in response.context["form"].errors["slug"][0]
    assert 'value="mine"' in response.content.decode()


@pytest.mark.parametrize(
    ("name", "given", "after"),
    [
        ("rule-move", {"direction": "up"}, ["r2", "r1"]),
        ("rule-move", {"direction": "down"}, ["r1", "r2"]),
        ("rule-remove", {}, ["r1"]),
    ],
)
def test_a_press_on_a_card_is_saved_at_once(signed_in, draft, name, given, after):
    response = signed_in("editor").post(_url(name, draft, "r2"), {**given, "revision": 1})

    assert response.status_code == 302
    assert _rule_ids(draft) == after


def test_a_press_by_htmx_answers_with_the_editor_and_a_message(signed_in, draft):
    headers = {"HX-Request": "true", "HX-Target": "div#editor", "HX-Request-Type": "partial"}
    response = signed_in("editor").post(_url("rule-toggle", draft, "r1"), {"revision": 1}, headers=headers)
    page = response.content.decode()

    assert "<html" not in page
    assert "1 change" in page
    assert "Rule switched." in page
    assert 'name="revision" value="2"' in page


def test_the_move_buttons_say_their_direction_to_htmx_too(signed_in, draft):
    """htmx 4 does not send the name and value of a button it listens on."""
    page = signed_in("editor").get(_url("draft-detail", draft)).content.decode()

    for direction in ("up", "down"):
        assert page.count(f'name="direction" value="{direction}"') == page.count(f'{{"direction": "{direction}"}}') == 2


def test_a_stale_press_shows_both_versions(signed_in, draft):
    client = signed_in("editor")
    client.post(_url("rule-toggle", draft, "r1"), {"revision": 1})

    response = client.post(_url("rule-remove", draft, "r1"), {"revision": 1})

    assert response.status_code == 409
    page = response.content.decode()
    assert "Somebody saved this draft before you" in page
    assert "removed" in page
    assert _rule_ids(draft) == ["r1", "r2"]


def test_the_rule_form_adds_a_rule_where_it_is_told(signed_in, draft):
    client = signed_in("editor")
    fields = read_form(client.get(_url("rule-create", draft)).content.decode())
    fields |= {"name": ["code"], "when.0.value": ["code", "math"], "place": ["0"], "do": ["save"]}

    client.post(_url("rule-create", draft), fields)

    first = Draft.objects.get(pk=draft.pk).document["rules"][0]
    assert first["name"] == "code"
    assert first["when"] == {"all": [{"field": "task", "op": "in", "value": ["code", "math"]}]}


def test_without_javascript_each_button_keeps_what_was_typed_and_saves_nothing(signed_in, draft):
    client = signed_in("editor")
    url = _url("rule-create", draft)
    fields = read_form(client.get(url).content.decode()) | {"name": ["half a rule"]}
    for button in ("group:when", "condition:when.1", "remove:when.0", "pick:use.fallbacks", "wrap:when.0"):
        page = client.post(url, {**fields, "use.fallbacks.add": ["all"], "do": [button]}).content.decode()
        fields = read_form(page)
        assert fields["name"] == ["half a rule"]
    assert fields["use.fallbacks.0"] == ["all"]
    assert fields["when.0.kind"] == ["all"]
    assert len(Draft.objects.get(pk=draft.pk).document["rules"]) == 2


def test_every_button_of_a_rich_form_can_be_pressed(signed_in, draft):
    client = signed_in("editor")
    url = _url("rule-create", draft)
    fields = read_form(client.get(url).content.decode())
    for kind in ("split", "contextual", "weighted", "capability", "balanced"):
        page = client.post(
            url, {**fields, "use.strategy.kind": [kind], "do": ["show:use.strategy.kind"]}
        ).content.decode()
        shown = read_form(page)
        for name, value in read_buttons(page):
            if name == "do" and value != "save":
                assert client.post(url, {**shown, "do": [value]}).status_code == 200, value


def test_a_wrong_pattern_comes_back_at_its_field_with_everything_typed(signed_in, draft):
    client = signed_in("editor")
    url = _url("rule-edit", draft, "r2")
    fields = read_form(client.get(url).content.decode())
    fields |= {"when.op": ["matches"], "when.value": ["(?i)(("], "use.reject": ["<b>no</b>"], "do": ["save"]}

    response = client.post(url, fields)
    page = response.content.decode()

    assert response.status_code == 422
    assert "RE2 refuses this pattern" in page
    assert read_form(page)["when.value"] == ["(?i)(("]
    assert read_form(page)["use.reject"] == ["<b>no</b>"]


def test_the_default_and_the_settings_have_forms(signed_in, draft):
    client = signed_in("editor")
    fields = read_form(client.get(_url("default-edit", draft)).content.decode())
    client.post(
        _url("default-edit", draft),
        {**fields, "use.strategy.kind": ["ordered"], "use.strategy.shown": ["ordered"], "do": ["save"]},
    )
    settings = {"revision": 2, "name": "Night shift", "timezone": "Europe/Berlin", "constraints.max_cost_usd": "0.02"}
    response = client.post(_url("settings-edit", draft), settings)

    draft.refresh_from_db()
    assert response.status_code == 302
    assert draft.name == "Night shift"
    assert draft.document["default"]["strategy"] == {"kind": "ordered"}
    assert draft.document["constraints"] == {"max_cost_usd": 0.02}


def test_a_wrong_time_zone_and_a_wrong_limit_are_said_at_their_fields(signed_in, draft):
    given = {"revision": 1, "name": "Draft", "timezone": "Mars/Base", "constraints.max_cost_usd": "cheap"}
    response = signed_in("editor").post(_url("settings-edit", draft), given)
    form = response.context["form"]

    assert response.status_code == 422
    assert form.timezone.problems
    assert form.constraints.limits[0].problems
    assert "Mars/Base" in response.content.decode()


def test_publishing_makes_the_next_version_with_its_note(signed_in, draft):
    client = signed_in("publisher")
    client.post(_url("rule-toggle", draft, "r1"), {"revision": 1})
    response = client.post(_url("draft-publish", draft), {"revision": 2, "note": "Off for tonight"})

    version = Policy.objects.get(slug="support").live_version
    assert response.url == reverse("dashboard:policy-detail", args=["support"])
    assert (version.number, version.note) == (2, "Off for tonight")


def test_a_refused_publish_names_the_place_and_the_reason(signed_in, draft):
    draft.document = a_document("support", rules=[{**RULES[0], "use": {"pool": ["model:nobody"]}}])
    draft.save()
    response = signed_in("publisher").post(_url("draft-publish", draft), {"revision": 1})
    page = response.content.decode()

    assert response.status_code == 422
    assert "Rule 1 “pii-stays-local”" in page
    assert "nobody" in page
    assert _url("rule-edit", draft, "r1") in page
    assert Policy.objects.get(slug="support").live_version.number == 1


def test_a_draft_behind_the_live_version_must_be_rebased_first(signed_in, draft):
    a_version(draft.policy, a_document("support", rules=RULES[:1]))
    client = signed_in("publisher")

    response = client.post(_url("draft-publish", draft), {"revision": 1})
    assert response.status_code == 409
    client.post(_url("draft-rebase", draft), {"revision": 1})
    client.post(_url("draft-publish", draft), {"revision": 2})

    assert Policy.objects.get(slug="support").live_version.number == 3


def test_rolling_back_asks_first_and_makes_a_new_version(signed_in, draft):
    a_version(draft.policy, a_document("support", rules=RULES[:1]))
    client = signed_in("publisher")
    url = reverse("dashboard:version-roll-back", args=["support", 1])

    assert "Roll back to version 1?" in client.get(url).content.decode()
    client.post(url, {"live": 2, "note": "too eager"})

    live = Policy.objects.get(slug="support").live_version
    assert (live.number, live.rolled_back_from) == (3, 1)


def test_a_roll_back_meant_for_another_live_version_is_409(signed_in, draft):
    a_version(draft.policy, a_document("support", rules=RULES[:1]))

    response = signed_in("publisher").post(reverse("dashboard:version-roll-back", args=["support", 1]), {"live": 1})

    assert response.status_code == 409


def test_several_named_drafts_live_side_by_side(signed_in, draft):
    client = signed_in("editor")
    client.post(reverse("dashboard:draft-create", args=["support"]), {"name": "Cheaper"})
    client.post(reverse("dashboard:draft-create", args=["support"]), {"version": "1"})

    assert list(draft.policy.drafts.order_by("pk").values_list("name", flat=True)) == ["Draft", "Cheaper", "Draft 3"]


def test_discarding_takes_the_draft_away(signed_in, draft):
    response = signed_in("editor").post(_url("draft-discard", draft), follow=True)

    assert not Draft.objects.filter(pk=draft.pk).exists()
    assert [str(one) for one in get_messages(response.wsgi_request)] or "discarded" in response.content.decode()


@pytest.mark.parametrize(
    ("role", "name", "rest", "expected"),
    [
        ("viewer", "rule-toggle", ["r1"], 403),
        ("viewer", "rule-create", [], 403),
        ("editor", "draft-publish", [], 403),
        ("editor", "rule-toggle", ["r1"], 302),
        ("publisher", "draft-publish", [], 422),
    ],
)
def test_roles_decide_who_may_post(signed_in, draft, role, name, rest, expected):
    draft.document = a_document("support", rules=[{**RULES[0], "use": {"pool": ["model:nobody"]}}])
    draft.save()

    assert signed_in(role).post(_url(name, draft, *rest), {"revision": 1}).status_code == expected


def test_a_viewer_sees_no_controls(viewer, draft):
    page = viewer.get(_url("draft-detail", draft)).content.decode()

    assert "Add a rule" not in page
    assert "hx-post" not in page
