"""SIGNALBOX_OIDC_…: all that is needed, or a refusal that names the variable."""

from __future__ import annotations

import pytest

from routerapp.bad_setting import BadSetting
from routerapp.oidc_settings import read_oidc

GOOD = {"SIGNALBOX_OIDC_ISSUER": "https://id.example/realm", "SIGNALBOX_OIDC_CLIENT_ID": "signalbox"}


def test_nothing_set_is_no_provider():
    assert read_oidc({}) is None
    assert read_oidc({"SIGNALBOX_OIDC_ISSUER": " "}) is None


def test_everything_is_read_and_the_secret_stays_out_of_sight():
    found = read_oidc(
        GOOD
        | {
            "SIGNALBOX_OIDC_CLIENT_SECRET": "hunter2hunter2",
            "SIGNALBOX_OIDC_LABEL": "Corp",
            "SIGNALBOX_OIDC_DEFAULT_ROLE": "editor",
            "SIGNALBOX_OIDC_ROLE_CLAIM": "groups",
            "SIGNALBOX_OIDC_ROLE_MAP": "cn=admins,ou=x=admin".replace(",", ";") + ", eng = editor",
            "SIGNALBOX_OIDC_ALLOWED_DOMAINS": "Corp.example, other.example",
            "SIGNALBOX_OIDC_AUTO_CREATE": "1",
        }
    )

    assert found is not None
    assert dict(found.role_map) == {"cn=admins;ou=x": "admin", "eng": "editor"}
    assert (found.allowed_domains, found.auto_create) == (("corp.example", "other.example"), True)
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ISSUER", "http://id.example"),
        ("ISSUER", "id.example"),
        ("ISSUER", "https://user:password@id.example"),
        ("ISSUER", "https://id.example?x=1"),
        ("ISSUER", "https://[id.example"),
        ("ISSUER", ""),
        ("CLIENT_ID", ""),
        ("LABEL", "x" * 41),
        ("DEFAULT_ROLE", "owner"),
        ("ROLE_CLAIM", "groups"),
        ("ROLE_MAP", "eng=editor"),
        ("ALLOWED_DOMAINS", "@corp.example"),
        ("ALLOWED_DOMAINS", "*"),
        ("AUTO_CREATE", "yes"),
    ],
)
def test_what_cannot_be_is_refused_by_name(name, value):
    with pytest.raises(BadSetting, match="SIGNALBOX_OIDC_"):
        read_oidc(GOOD | {"SIGNALBOX_OIDC_LABEL": "Corp", f"SIGNALBOX_OIDC_{name}": value})


@pytest.mark.parametrize("role_map", ["eng", "=editor", "eng=owner"])
def test_a_role_map_that_cannot_be_is_refused(role_map):
    with pytest.raises(BadSetting, match="ROLE_MAP"):
        read_oidc(GOOD | {"SIGNALBOX_OIDC_ROLE_CLAIM": "groups", "SIGNALBOX_OIDC_ROLE_MAP": role_map})
