"""Default deny: every page names what it is for, and each role gets exactly what the table of actions says."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.urls import get_resolver, reverse
from django.urls.converters import IntConverter

from dashboard.roles import EVERYONE
from dashboard.sitemap import page
from dashboard.urls import urlpatterns
from routerapp.models import InstallationState


def test_a_view_without_an_action_cannot_be_put_on_the_sitemap():
    with pytest.raises(TypeError, match="names no action"):
        page("x/", lambda request: HttpResponse(), "x")


OPEN = {"sign-in", "sign-out", "theme", "sign-in-code", "sign-in-provider", "sign-in-provider-return", "invitation"}


def test_only_signing_in_out_and_the_theme_are_open_to_everyone():
    open_pages = {pattern.name for pattern in urlpatterns if pattern.callback.required_role == EVERYONE}

    assert open_pages == OPEN


@pytest.mark.django_db
def test_a_stranger_is_sent_to_sign_in_from_every_other_page(client):
    for pattern in urlpatterns:
        if pattern.callback.required_role == EVERYONE:
            continue
        arguments = {
            name: 1 if isinstance(part, IntConverter) else "x" for name, part in pattern.pattern.converters.items()
        }
        path = reverse(f"dashboard:{pattern.name}", kwargs=arguments)
        response = client.get(path)

        assert (response.status_code, response["Location"].split("?")[0]) == (302, reverse("dashboard:sign-in")), path


@pytest.mark.django_db
@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("editor", 403), ("publisher", 403), ("admin", 302)])
def test_only_an_admin_removes_the_sample_data(signed_in, role, status):
    InstallationState.objects.update_or_create(id=1, defaults={"sample_data": True})

    response = signed_in(role).post(reverse("dashboard:sample-data-remove"))

    assert response.status_code == status
    assert InstallationState.objects.get().sample_data is (status == 403)


@pytest.mark.django_db
def test_a_refusal_is_a_page_that_says_which_role_it_takes(viewer):
    response = viewer.post(reverse("dashboard:sample-data-remove"))

    assert "needs the role admin" in response.text


@pytest.mark.django_db
def test_an_unknown_address_is_a_page_with_a_way_back(viewer):
    response = viewer.get("/no/such/page/")

    assert response.status_code == 404
    assert "Go to the overview" in response.text


def test_the_sitemap_has_no_two_pages_of_one_name():
    names = [pattern.name for pattern in urlpatterns]

    assert len(names) == len(set(names))
    assert get_resolver().resolve("/").view_name == "dashboard:overview"
