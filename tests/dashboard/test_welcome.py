"""The first-run wizard: offered to an admin until left, its state read off what exists, every step good without JavaScript."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client
from django.urls import reverse

from routerapp.demo.starter import add_simulated_models
from routerapp.models import (
    APIKey,
    CapabilityScore,
    Credential,
    Deployment,
    Dimension,
    InstallationState,
    Policy,
    Price,
    Provider,
)
from routerapp.serving.installation import DIMENSIONS, make_plain_default
from routerapp.serving.permissions import SYSTEM
from routerapp.serving.policy_templates import OFFERED
from tests.factories import a_deployment, a_language_model, a_policy, a_provider, a_request, a_user
from tests.runtimes import a_runtime

PASSWORD = "correct horse battery"
OVERVIEW, WELCOME = reverse("dashboard:overview"), reverse("dashboard:welcome")
pytestmark = pytest.mark.django_db


def address(step: str, *args: str) -> str:
    return reverse(f"dashboard:welcome-{step}", args=args)


@pytest.fixture
def begun():
    """An installation after its first start without the demo."""
    settings = {"first_started_at": "2026-01-01T00:00:00+00:00"}
    InstallationState.objects.update_or_create(id=1, defaults={"settings": settings})
    for position, (slug, name, description) in enumerate(DIMENSIONS):
        Dimension.objects.create(slug=slug, name=name, description=description, position=position)
    make_plain_default()


@pytest.fixture
def admin(begun, signed_in):
    return signed_in("admin")


def sign_in(role: str = "admin", following: str = "", **fields) -> str:
    user = a_user(role, **fields)
    response = Client().post(
        reverse("dashboard:sign-in"), {"username": user.username, "password": PASSWORD, "next": following}
    )
    return str(response["Location"])


def test_an_admin_is_led_to_it_and_others_are_not(begun):
    assert sign_in("admin") == WELCOME
    assert {sign_in(role) for role in ("viewer", "editor", "publisher")} == {OVERVIEW}


def test_who_asked_for_a_page_gets_that_page(begun):
    assert sign_in(following="/models/") == "/models/"


def test_after_the_first_request_nobody_is_led_to_it(begun):
    a_request(origin="live")

    assert sign_in() == OVERVIEW


def test_it_can_be_left_for_good(admin):
    assert "Finish setting up" in admin.get(OVERVIEW).text

    response = admin.post(address("close"))

    assert response["Location"] == OVERVIEW
    assert "Finish setting up" not in admin.get(OVERVIEW).text
    assert sign_in() == OVERVIEW
    assert admin.get(WELCOME).status_code == 200


def test_a_made_up_password_is_changed_first(begun):
    user, client = a_user("admin", must_change_password=True), Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    assert client.get(WELCOME)["Location"] == address("password")
    assert "Skip this step" not in client.get(address("password")).text
    given = {"current": PASSWORD, "password": "a better battery", "again": "a better battery"}
    refused = client.post(address("password"), {**given, "current": "wrong"})
    assert refused.status_code == 422
    response = client.post(address("password"), given)

    assert (response.status_code, response["Location"]) == (302, WELCOME)


def test_its_state_is_what_exists(admin):
    def done() -> list[bool]:
        return [step.is_done for step in admin.get(address("provider")).context["steps"]]

    assert done() == [True, False, False, False, False, False]
    add_simulated_models(by=SYSTEM)
    assert done() == [True, True, True, False, False, False]
    admin.post(address("policy"), {"template": "balanced"})
    admin.post(address("key"), {"name": "Kiosk"})
    a_request(origin="live")
    assert done() == [True] * 6


def test_a_provider_is_kept_with_its_credential_which_no_page_shows(admin):
    given = {"name": "OpenAI", "base_url": "https://api.openai.com/v1", "credential": "sk-planted-0123456789"}

    response = admin.post(address("connect", "openai"), given)

    assert response["Location"] == address("check", "openai")
    assert Credential.objects.get().last_four == "6789"
    for page in (response["Location"], address("provider"), address("models")):
        assert "sk-planted" not in admin.get(page).text


@pytest.mark.parametrize(
    ("preset", "given", "words"),
    [
        ("openai", {"name": "OpenAI", "base_url": "https://api.openai.com/v1"}, "This field is required"),
        ("openai", {"name": "X", "base_url": "http://169.254.169.254/v1", "credential": "sk-1"}, "169.254.169.254"),
        (
            "azure",
            {"name": "A", "base_url": "https://YOUR-RESOURCE.openai.azure.com", "credential": "k"},
            "in capitals",
        ),
        ("custom", {"name": "", "base_url": ""}, "This field is required"),
        ("custom", {"name": "C", "base_url": "https://x.example/v1", "credential": "two\nlines"}, "one line"),
    ],
)
def test_a_bad_provider_is_refused_at_its_field_and_nothing_is_kept(admin, preset, given, words):
    response = admin.post(address("connect", preset), given)

    assert response.status_code == 422
    assert words in response.text
    assert not Provider.objects.exists()


def test_an_unknown_preset_is_not_found(admin):
    assert admin.get(address("connect", "nonesuch")).status_code == 404


def test_simulated_models_are_added_once(admin):
    for _ in range(2):
        assert admin.post(address("simulated"))["Location"] == address("models")

    assert Deployment.objects.count() == 3


def test_typed_models_become_deployments_and_unpriced_ones_are_said_to_be(admin):
    a_provider(slug="mine", name="Mine", kind="openai", base_url="https://mine.example/v1")

    response = admin.post(address("models"), {"more": "tiny-1\n\n tiny-2 ", "context_window": "8192"})
    text = admin.get(response["Location"]).text

    assert set(Deployment.objects.values_list("upstream_model", flat=True)) == {"tiny-1", "tiny-2"}
    assert "2 models have no price" in text


def test_nothing_chosen_is_said(admin):
    a_provider(slug="mine", kind="openai", base_url="https://mine.example/v1")

    response = admin.post(address("models"), {"more": ""})

    assert response.status_code == 422
    assert "Choose at least one model" in response.text


def test_models_on_ones_own_machine_are_tagged_local(admin, settings):
    a_provider(slug="ollama", kind="openai", preset="ollama", base_url="http://127.0.0.1:11434/v1")

    admin.post(address("models"), {"more": "llama", "context_window": "8192"})

    assert Deployment.objects.get().tags == ["local"]


def test_prices_and_quality_are_saved_together_or_not_at_all(admin):
    one = a_deployment(slug="one", price=None, language_model=a_language_model(slug="m1"))
    a_deployment(slug="two", price=None, language_model=a_language_model(slug="m2"))
    good = {"one.input": "0.15", "one.output": "$0.60", "one.quality": "0.7"}

    refused = admin.post(address("terms"), {**good, "two.input": "free", "two.output": "1", "two.quality": "9"})
    assert refused.status_code == 422
    assert 'value="free"' in refused.text
    assert (Price.objects.count(), CapabilityScore.objects.count()) == (0, 0)
    half = admin.post(address("terms"), {"one.input": "0.15"})
    assert "both: for input and for output" in half.text
    accepted = admin.post(address("terms"), good)

    assert accepted["Location"] == address("policy")
    assert Price.objects.get(deployment=one).output_nusd_per_mtok == 600_000_000
    assert CapabilityScore.objects.get().value == 0.7


def test_what_was_not_changed_makes_no_new_price(admin):
    a_deployment(slug="one")
    before = Price.objects.count()

    admin.post(address("terms"), {"one.input": "1.00", "one.output": "2.00", "one.quality": ""})

    assert Price.objects.count() == before


@pytest.mark.parametrize("template", OFFERED)
def test_every_template_is_shown_in_words(admin, template):
    add_simulated_models(by=SYSTEM)

    response = admin.get(address("policy"), {"template": template})

    assert response.context["chosen"].name == template
    assert not response.context["chosen"].is_blocked


def test_a_template_that_lacks_something_says_so_and_is_not_published(admin):
    a_deployment()

    response = admin.post(address("policy"), {"template": "personal-data-stays"})

    assert response.status_code == 422
    assert "tag" in response.text
    assert Policy.objects.get(slug="default").versions.count() == 1


def test_publishing_makes_it_the_default(admin):
    add_simulated_models(by=SYSTEM)

    response = admin.post(address("policy"), {"template": "by-task"})

    assert response["Location"] == address("key")
    default = Policy.objects.get(is_default=True)
    assert default.live_version.document["rules"][0]["id"] == "hard-work"


@pytest.mark.parametrize("given", [{"template": "x" * 9_000}, {"template": "\x00"}, {"stays": "tag:nowhere"}, {}])
def test_an_unknown_template_or_place_shows_the_first(admin, given):
    assert admin.get(address("policy"), given).context["chosen"].name == OFFERED[0]


def test_the_key_is_shown_once_with_code_for_both_clients(admin):
    response = admin.post(address("key"), {"name": "Kiosk"})
    full_key = response.context["full_key"]

    assert response["Cache-Control"].count("no-store")
    assert response.text.count(full_key) == 4
    assert "from anthropic import Anthropic" in response.text
    assert full_key not in admin.get(address("key")).text
    assert APIKey.objects.get(name="Kiosk").scopes == ["chat"]


def test_a_nameless_key_is_refused(admin):
    assert admin.post(address("key"), {"name": ""}).status_code == 422


def test_it_waits_for_the_first_request_and_then_shows_it(admin):
    fragment = {"HX-Request": "true", "HX-Target": "section#waiting"}
    waiting = admin.get(address("request"), headers=fragment).text
    assert "Waiting for the first request" in waiting
    assert "<h1" not in waiting

    row = a_request(origin="live", language_model="locomotive")
    shown = admin.get(address("request"), headers=fragment).text

    assert "locomotive" in shown
    assert reverse("dashboard:request-detail", args=[row.id]) in shown
    assert "hx-get" not in shown


def test_with_the_sample_workspace_it_offers_to_keep_or_to_remove_it(admin):
    a_policy(slug="company", is_sample=True)
    InstallationState.objects.update(sample_data=True)
    assert "Keep the sample data" in admin.get(WELCOME).text

    response = admin.post(address("start-empty"))

    assert response["Location"] == address("provider")
    assert not InstallationState.objects.get().sample_data
    assert "Keep the sample data" not in admin.get(WELCOME).text


@pytest.mark.parametrize("role", ["viewer", "editor", "publisher"])
def test_it_is_for_admins(begun, signed_in, role):
    client = signed_in(role)
    for step in ("provider", "models", "key", "request"):
        assert client.get(address(step)).status_code == 403
    assert client.post(address("close")).status_code == 403


class AdminClient(AsyncClient):
    """Hands the runtime on in the scope, as asgi.py does."""

    def __init__(self, runtime) -> None:
        super().__init__()
        self._runtime = runtime
        self.force_login(a_user("admin"), backend="django.contrib.auth.backends.ModelBackend")

    def _base_scope(self, **request):
        return {**super()._base_scope(**request), "runtime": self._runtime}


@pytest.mark.django_db(transaction=True)
async def test_the_preview_decides_with_the_models_there_are_now(tmp_path):
    await sync_to_async(_a_strong_and_a_cheap_one)()
    client = await sync_to_async(AdminClient)(a_runtime(tmp_path))

    response = await client.get(address("policy") + "?template=by-task")

    chosen = {line.label: line.deployment for line in response.context["prompts"]}
    assert (chosen["code"], chosen["personal data"]) == ("strong", "cheap")


def _a_strong_and_a_cheap_one() -> None:
    strong = a_language_model(scores={"accuracy": 0.9})
    a_deployment(slug="strong", language_model=strong, price={"input_nusd_per_mtok": 9 * 10**9})
    a_deployment(slug="cheap", language_model=a_language_model(scores={"accuracy": 0.5}))
