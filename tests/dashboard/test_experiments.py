"""The experiment pages: a form that loses nothing, start and stop as versions, arms compared in words, a decision with who and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone

from routerapp.models import Draft, Experiment, ExperimentState, Policy, RoutedRequest
from routerapp.serving import experiments, publish_policy
from routerapp.serving.experiments import NewExperiment
from tests.dashboard.page_forms import read_form
from tests.factories import a_deployment, a_document, a_language_model, a_policy, a_request
from tests.serving.actors import EDITOR, PUBLISHER

pytestmark = pytest.mark.django_db
HOSTILE = "\"'><img src=x onerror=alert(1)>{{7*7}}"
RULES = [
    {
        "id": "code",
        "name": "Code to the strong",
        "when": {"field": "task", "op": "in", "value": ["code"]},
        "use": {"pool": ["tag:strong"], "strategy": {"kind": "ordered"}},
    },
    {
        "id": "spam",
        "name": "Spam",
        "when": {"field": "text", "op": "contains", "value": "spam"},
        "use": {"reject": "No."},
    },
    {
        "id": "off",
        "name": "Switched off",
        "enabled": False,
        "when": {"field": "task", "op": "in", "value": ["math"]},
        "use": {"pool": ["all"], "strategy": {"kind": "cheapest"}},
    },
]
TREATMENT = {"pool": ["all"], "strategy": {"kind": "fastest"}}


@pytest.fixture
def policy() -> Policy:
    a_deployment(slug="big", tags=["strong"], language_model=a_language_model(slug="big-model"))
    a_deployment(slug="small", language_model=a_language_model(slug="small-model"))
    return a_policy(a_document("support", rules=RULES), name="Support", is_default=True)


def a_new_experiment(policy: Policy, **changes: Any) -> Experiment:
    arms = ({"name": "control", "weight": 1}, {"name": "treatment", "weight": 1, "use": TREATMENT})
    fields = {"slug": "faster", "name": "Faster?", "policy": policy.slug, "rule_id": "default", "arms": arms}
    return experiments.create_experiment(NewExperiment(**fields | changes), by=EDITOR)[0]


def a_running_experiment(policy: Policy, **changes: Any) -> Experiment:
    made = a_new_experiment(policy, **changes)
    experiments.start_experiment(made.slug, by=PUBLISHER)
    began = timezone.now() - timedelta(days=1)
    Experiment.objects.filter(pk=made.pk).update(started_at=began, weights_since=began)
    return Experiment.objects.get(pk=made.pk)


def traffic(experiment: Experiment, arm: str, users: int, **fields: Any) -> None:
    at_ms = int(timezone.now().timestamp() * 1000) - 60_000
    for user in range(users):
        seen = {"experiment": experiment.slug, "arm": arm, "unit": f"{arm[:1]}{user}", "at_ms": at_ms, "attempts": 1}
        row = a_request(inputs=None, **seen | {"latency_ms": 1_000 + user % 7, **fields})
        assert row.origin == "live"


def url(name: str, *rest: Any) -> str:
    return reverse(f"dashboard:experiment-{name}", args=rest)


def filled(page: str, **changes: Any) -> dict[str, Any]:
    """What a browser would send of this page, with changes; dots in names are written as __."""
    return read_form(page) | {name.replace("__", "."): value for name, value in changes.items()}


def with_small_model(page: str, **changes: Any) -> dict[str, Any]:
    return filled(page, **changes) | {"arms.1.use.pool.0": "model:small-model"}


def test_an_empty_list_explains_and_offers_the_next_step(signed_in, policy):
    assert "New experiment" in signed_in("editor").get(url("list")).text
    page = signed_in("viewer").get(url("list")).text
    assert "No experiments yet" in page
    assert "New experiment" not in page


def test_without_a_published_policy_the_pages_say_what_comes_first(signed_in, db):
    client = signed_in("editor")

    assert "Publish a policy first" in client.get(url("list")).text
    assert "Publish a policy first" in client.get(url("create")).text
    assert client.post(url("create"), {"name": "x", "do": "save"}).status_code == 422


def test_the_form_says_what_the_rule_does_today_and_where_none_can_run(signed_in, policy):
    page = signed_in("editor").get(url("create") + "?policy=support&rule=code").text

    assert "in the order written of tagged strong" in page
    assert "Spam (refuses its requests)" in page
    assert "Switched off (is switched off)" in page
    assert "= 50.0 %" in page


def test_making_one_leads_to_its_page_and_changes_nothing_live(signed_in, policy):
    client = signed_in("editor")
    page = client.get(url("create") + "?policy=support&rule=code").text

    answer = client.post(url("create"), with_small_model(page, name="Cheaper Code!", do="save"))

    made = Experiment.objects.get()
    assert answer["Location"] == url("detail", "cheaper-code")
    assert (made.state, made.rule_id, made.name) == (ExperimentState.DRAFT, "code", "Cheaper Code!")
    arms = Draft.objects.get().document["rules"][0]["use"]["strategy"]["arms"]
    assert [arm["use"]["pool"] for arm in arms] == [["tag:strong"], ["model:small-model"]]
    assert Policy.objects.get().live_version.document["rules"] == RULES


def test_a_taken_name_gets_a_slug_of_its_own(signed_in, policy):
    a_new_experiment(policy, slug="cheaper")
    client = signed_in("editor")
    page = client.get(url("create") + "?policy=support&rule=code").text

    client.post(url("create"), with_small_model(page, name="Cheaper", do="save"))

    assert set(Experiment.objects.values_list("slug", flat=True)) == {"cheaper", "cheaper-2"}


def test_an_arm_may_be_a_whole_other_policy(signed_in, policy):
    a_policy(a_document("other"), name="Other")
    client = signed_in("editor")
    data = filled(client.get(url("create") + "?policy=support&rule=code").text, name="Other policy", do="save")

    answer = client.post(url("create"), data | {"arms.1.use.pool.0": "policy:other"})

    assert answer.status_code == 302
    arm = Draft.objects.get(policy=policy).document["rules"][0]["use"]["strategy"]["arms"][1]
    assert arm["use"] == {"pool": ["policy:other"]}


def test_an_arm_that_equals_the_control_must_be_meant(signed_in, policy):
    client = signed_in("editor")
    data = filled(client.get(url("create")).text, name="A/A", do="save")

    refused = client.post(url("create"), data)
    assert refused.status_code == 422
    assert "exactly what the control does" in refused.text

    assert client.post(url("create"), filled(refused.text, same="meant", do="save")).status_code == 302


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": ""}, "Name it"),
        ({"name": "x" * 101}, "100"),
        ({"hypothesis": "x" * 501}, "500"),
        ({"slug": "No Slug"}, "lower-case letters"),
        ({"slug": "new"}, "meaning of its own"),
        ({"unit": "moon"}, "One of"),
        ({"rule": "nothing"}, "not in it"),
        ({"rule": "spam"}, "nothing to compare"),
        ({"rule": "off"}, "switched off"),
        ({"policy": HOSTILE}, "not in it"),
        ({"arms__1__name": HOSTILE}, "letters, digits"),
        ({"arms__1__name": "control"}, "name of its own"),
        ({"arms__1__weight": "many"}, "is not a number"),
        ({"arms__1__weight": "-1"}, "0"),
        ({"arms__0__weight": "0", "arms__1__weight": "0"}, "above zero"),
        ({"arms__1__weight": "9" * 400}, "is not a number"),
        ({"arms__1__use__strategy__kind": "split", "arms__1__use__strategy__shown": "split"}, "arms"),
        ({"arms__1__use__strategy__kind": HOSTILE}, "no strategy"),
        ({"arms__1__use__retries": "999"}, "5"),
    ],
)
def test_what_is_wrong_is_said_and_every_input_is_kept(signed_in, policy, changes, said):
    client = signed_in("editor")
    given = {"name": "Kept name", "hypothesis": "Kept <b>hypothesis</b>\nof two lines", "unit": "tenant"}
    page = client.get(url("create") + "?policy=support&rule=code").text
    data = with_small_model(page, **given | changes, do="save")

    answer = client.post(url("create"), data)

    assert answer.status_code == 422
    assert said in answer.text
    assert "<img src=x" not in answer.text and "<b>hyp" not in answer.text
    kept = read_form(answer.text)
    for name, value in data.items():
        if name in ("do", "rule", "policy", "unit", "arms.1.use.strategy.kind") or "shown" in name:
            continue
        wanted = [value] if isinstance(value, str) else value
        assert [one.replace("\r\n", "\n") for one in kept.get(name, [])] == wanted, name
    assert not Experiment.objects.exists() and not Draft.objects.exists()


def test_buttons_add_and_remove_arms_up_to_five_without_saving(signed_in, policy):
    client = signed_in("editor")
    page = client.get(url("create")).text
    for _ in range(6):
        page = client.post(url("create"), filled(page, do="add-arm:")).text

    assert [name for name in read_form(page) if name.endswith(".weight") and name.count(".") == 2] == [
        f"arms.{number}.weight" for number in range(5)
    ]
    assert "Add an arm" not in page
    fewer = read_form(client.post(url("create"), filled(page, do="drop-arm:arms.1")).text)
    assert "treatment" not in fewer.get("arms.1.name", []) and "arms.4.weight" in fewer
    kept = read_form(client.post(url("create"), filled(page, do="drop-arm:arms.0")).text)
    assert "arms.0.weight" in kept
    assert not Experiment.objects.exists()


def test_choosing_another_rule_moves_an_untouched_copy_along_and_leaves_edits(signed_in, policy):
    client = signed_in("editor")
    page = client.get(url("create") + "?policy=support&rule=default").text

    moved = client.post(url("create"), filled(page, rule="code", do="show:rule")).text
    assert read_form(moved)["arms.1.use.pool.0"] == ["tag:strong"]

    edited = client.post(url("create"), with_small_model(page, rule="code", do="show:rule")).text
    assert read_form(edited)["arms.1.use.pool.0"] == ["model:small-model"]


def test_hostile_presses_change_nothing(signed_in, policy):
    client = signed_in("editor")
    page = client.get(url("create")).text
    for do in ("drop-arm:arms.99", "drop:arms.1.use.pool.x", f"{HOSTILE}:{HOSTILE}", "raise:arms.1.use.pool.-1", ":"):
        answer = client.post(url("create"), filled(page, do=do))
        assert answer.status_code in (200, 422)
    assert client.post(url("create"), {"arms.7.weight": "1", "arms.x": "2", "do": "add-arm:"}).status_code == 200


def test_a_draft_shows_what_stands_in_the_way_and_starts_for_a_publisher_only(signed_in, policy):
    arms = (
        {"name": "control", "weight": 9},
        {"name": "gone", "weight": 1, "use": {"pool": ["model:gone"], "strategy": {"kind": "cheapest"}}},
    )
    a_new_experiment(policy, arms=arms)
    page = signed_in("editor").get(url("detail", "faster")).text
    assert "Cannot be started yet" in page and "needs the role publisher" in page
    assert "90.0 %" in page
    assert signed_in("editor").post(url("start", "faster")).status_code == 403

    refused = signed_in("publisher").post(url("start", "faster"), {"note": "kept <note>"})

    assert refused.status_code == 422
    assert "Not started" in refused.text and "kept &lt;note&gt;" in refused.text
    assert Experiment.objects.get().state == ExperimentState.DRAFT


def test_start_stop_keep_and_decide(signed_in, policy):
    a_new_experiment(policy)
    client = signed_in("publisher")

    client.post(url("start", "faster"), {"note": "off we go"})
    running = client.get(url("detail", "faster")).text
    assert "running" in running and "Nobody was drawn yet" in running and "off we go" in running
    refused = client.post(url("stop", "faster"), {"keep": "third", "note": "kept note"})
    assert refused.status_code == 422 and "kept note" in refused.text
    client.post(url("stop", "faster"), {"keep": "treatment", "note": "enough"})
    assert Policy.objects.get().live_version.document["default"] == TREATMENT
    empty = client.post(url("decide", "faster"), {"arm": "treatment", "note": "  "})
    assert empty.status_code == 422
    client.post(url("decide", "faster"), {"arm": "treatment", "note": f"Same, but faster {HOSTILE}"})

    page = client.get(url("detail", "faster")).text
    assert "Same, but faster" in page and "<img" not in page
    assert "Version 2: started" in page and "Version 3: stopped" in page
    assert "treatment" in client.get(url("list")).text


def test_a_start_over_a_newer_version_says_so_and_changes_nothing(signed_in, policy):
    a_new_experiment(policy)
    other = publish_policy.create_draft("support", by=EDITOR)
    publish_policy.publish_draft(other.pk, expected_revision=1, note="meanwhile", by=PUBLISHER)
    client = signed_in("publisher")

    assert "was published meanwhile" in client.get(url("detail", "faster")).text
    assert client.post(url("start", "faster")).status_code == 409
    assert Experiment.objects.get().state == ExperimentState.DRAFT


def test_only_what_never_ran_can_be_discarded(signed_in, policy):
    a_new_experiment(policy)
    client = signed_in("editor")
    assert client.post(url("discard", "faster"))["Location"] == url("list")
    assert not Experiment.objects.exists() and not Draft.objects.exists()
    a_running_experiment(policy)

    answer = client.post(url("discard", "faster"))

    assert "not discarded" in str(list(get_messages(answer.wsgi_request))[-1])
    assert Experiment.objects.exists()


def test_an_experiment_whose_draft_is_gone_can_still_be_looked_at_and_discarded(signed_in, policy):
    a_new_experiment(policy)
    Draft.objects.all().delete()
    client = signed_in("publisher")

    assert "draft gone" in client.get(url("list")).text
    assert "Its draft is gone" in client.get(url("detail", "faster")).text
    assert client.post(url("start", "faster")).status_code == 422


def test_arms_are_compared_in_words_with_intervals(signed_in, policy):
    experiment = a_running_experiment(policy)
    traffic(experiment, "control", 60, cost_nusd=9_000_000)
    traffic(experiment, "treatment", 55, cost_nusd=2_000_000)
    RoutedRequest.objects.filter(arm="treatment", unit="t1").update(cost_nusd=None)
    RoutedRequest.objects.filter(arm="treatment", unit="t2").update(cost_nusd=2_500_000)

    page = signed_in("viewer").get(url("detail", "faster")).text

    assert "treatment is better in cost per request" in page
    assert "treatment costs $0.00699 less a request than control" in page
    assert "1 answer has no known price" in page
    assert "as planned" in page
    assert "may be looked at any time" in page


def test_too_few_users_claim_nothing(signed_in, policy):
    experiment = a_running_experiment(policy)
    traffic(experiment, "control", 3)

    page = signed_in("viewer").get(url("detail", "faster")).text

    assert "nothing is claimed" in page
    assert "too early to say anything about treatment" in page
    assert "better" not in page.partition("Arms compared")[2].partition("<tbody>")[2].partition("</tbody>")[0]


def test_a_skewed_draw_is_an_alarm_on_both_pages(signed_in, policy):
    experiment = a_running_experiment(policy)
    traffic(experiment, "control", 90)
    traffic(experiment, "treatment", 30)
    client = signed_in("viewer")

    assert "Do not decide on these numbers" in client.get(url("detail", "faster")).text
    assert "sample ratio off" in client.get(url("list")).text


def test_changed_shares_are_said(signed_in, policy):
    experiment = a_running_experiment(policy)
    Experiment.objects.filter(pk=experiment.pk).update(weights_since=timezone.now() - timedelta(hours=2))
    traffic(experiment, "control", 3)

    assert "Only requests since then are compared" in signed_in("viewer").get(url("detail", "faster")).text


def test_the_numbers_of_a_chart_come_as_csv(signed_in, policy):
    experiment = a_running_experiment(policy)
    traffic(experiment, "control", 40)
    client = signed_in("viewer")

    lines = client.get(url("csv", "faster", "cost_usd")).text.splitlines()

    assert lines[0].startswith("arm,value,low,high,units,difference")
    assert lines[1].startswith("control,0.0005")
    assert client.get(url("csv", "faster", "nothing")).status_code == 404


def test_rules_and_requests_lead_to_the_experiment(signed_in, policy):
    experiment = a_running_experiment(policy)
    row = a_request(experiment=experiment.slug, arm="control")
    other = a_request(experiment="not a slug/", arm="control")
    client, link = signed_in("viewer"), f'href="{url("detail", "faster")}"'

    assert link in client.get(reverse("dashboard:policy-detail", args=["support"])).text
    assert link in client.get(reverse("dashboard:version-detail", args=["support", 2])).text
    assert link in client.get(reverse("dashboard:request-detail", args=[row.id])).text
    assert client.get(reverse("dashboard:request-detail", args=[other.id])).status_code == 200


def test_a_name_that_no_address_can_hold_is_refused_at_publishing(signed_in, policy):
    draft = publish_policy.create_draft("support", by=EDITOR)
    arms = [{"name": name, "weight": 1, "use": TREATMENT} for name in ("a", "b")]
    draft.document["default"] = {"strategy": {"kind": "split", "experiment": "a/b <i>", "arms": arms}}
    publish_policy.save_draft(draft.pk, draft.document, expected_revision=1, by=EDITOR)
    client, address = signed_in("publisher"), ["support", draft.pk]

    assert client.get(reverse("dashboard:draft-detail", args=address)).status_code == 200
    answer = client.post(reverse("dashboard:draft-publish", args=address), {"note": "", "revision": "2"})

    assert answer.status_code == 422
    assert "stands in addresses" in answer.text
