"""A distinctive secret in every place where one can enter; then everything that comes out is searched for all of them.

The product is driven through success and failure, by an upstream that gives away whatever it was sent.
"""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from html import unescape

import httpx
import pyotp
import pytest
from django.urls.resolvers import RoutePattern

from dashboard.charts import CHARTS
from routerapp.api.urls import urlpatterns
from tests.openid_provider import CLIENT_ID, a_provider
from tests.otlp_collector import otlp_collector
from tests.process import planted as plants
from tests.process.echoing_upstream import WAYS, Echoing, echoing_upstream
from tests.process.planted import Caller, Planted, files_of, members_of, rows_of
from tests.process.product import PROJECT, QUICK_WORKSPACE, Product, a_product

pytestmark = pytest.mark.process
MAKE_KEY = """
import django; django.setup()
from routerapp.serving.manage_keys import create_key
from routerapp.serving.permissions import Actor
print(create_key("Management", scopes=["chat", "admin"], by=Actor("admin", "user", "admin")).full_key)
"""
MOST_PAGES = 250
EXPORTS = (
    *(f"/{what}/export/{kind}/" for what in ("audit", "requests") for kind in ("csv", "json")),
    *(f"/charts/{chart}/csv/?range=30d" for chart in CHARTS),
    "/search/?q=planted",
)
NEVER_FOLLOWED = re.compile(r"sign-out|/static/|\.csv\?.{400}")


def variables(planted: Planted, collector_url: str, issuer: str) -> dict[str, str]:
    plant = planted.plant
    return {
        "SIGNALBOX_DEMO": "0",
        "SIGNALBOX_EGRESS_ALLOW": "127.0.0.1",
        "SIGNALBOX_LOG_LEVEL": "DEBUG",
        "SIGNALBOX_LOG_FORMAT": "json",
        "SIGNALBOX_ACCESS_LOG": "1",
        "SIGNALBOX_METRICS_LABELS": "key,team",
        "SIGNALBOX_ADMIN_PASSWORD": plant("admin password", plants.PASSWORD),
        "SIGNALBOX_METRICS_TOKEN": plant("metrics token", plants.METRICS_TOKEN),
        "SIGNALBOX_BACKUP_PASSPHRASE": plant("backup passphrase", plants.PASSPHRASE),
        "SIGNALBOX_OTLP_ENDPOINT": collector_url,
        "SIGNALBOX_OTLP_HEADERS": "x-collector-key=" + plant("OTLP header", plants.OTLP_HEADER),
        "SIGNALBOX_OIDC_ISSUER": issuer,
        "SIGNALBOX_OIDC_CLIENT_ID": CLIENT_ID,
        "SIGNALBOX_OIDC_CLIENT_SECRET": plant("OIDC client secret", plants.CLIENT_SECRET),
        "SIGNALBOX_SMTP_URL": f"smtp://mailer:{plant('SMTP password', plants.SMTP_PASSWORD)}@127.0.0.1:9",
        "SIGNALBOX_MAIL_FROM": "signalbox@example.org",
        "PLANTED_VARIABLE": plant("environment", plants.OF_ENVIRONMENT),
    }


@pytest.fixture(scope="module")
def searched(tmp_path_factory) -> Iterator[Planted]:
    """The product, driven once; each test looks at another way out."""
    folder, planted = tmp_path_factory.mktemp("planted"), Planted()
    with otlp_collector() as collector, a_provider() as openid, echoing_upstream() as upstream:
        with a_product(folder, **variables(planted, collector.url, openid.issuer)) as product:
            product.prepare(QUICK_WORKSPACE)
            key = planted.plant("management key", product.run_python(MAKE_KEY).strip().splitlines()[-1])
            planted.plant("first key", product.key)
            root = (product.data_dir / "root.key").read_text().split("\n")[0]
            planted.plant("root secret", root)
            planted.plant("root secret in hexadecimal", base64.urlsafe_b64decode(root).hex())
            product.start()
            drive(planted, product, key, upstream)
            collector.wait_for(20, 20)
            commands(planted, product)
            product.stop()
            for body in collector.bodies:
                planted.came_out("OTLP spans", body)
            planted.came_out("logs", product.printed())
            for table, rows in rows_of(product.data_dir / "signalbox.sqlite3"):
                planted.came_out(f"table {table}", rows)
            for name, content in files_of(product.data_dir):
                planted.came_out(f"file {name.split('/')[0]}", content)
            planted.upstream = upstream  # type: ignore[attr-defined]
            yield planted


def drive(planted: Planted, product: Product, key: str, upstream: Echoing) -> None:
    with httpx.Client(base_url=product.url, trust_env=False, timeout=30) as client:
        client.headers["authorization"] = f"Bearer {key}"
        call = Caller(planted, client, "API")
        catalogue(planted, call, product, upstream)
        chats(planted, call, key)
        administration(planted, call)
    with httpx.Client(base_url=product.url, trust_env=False, timeout=30) as stranger:
        strangers(planted, Caller(planted, stranger, "stranger"))
    with httpx.Client(base_url=product.url, trust_env=False, timeout=30) as browser:
        pages(planted, Caller(planted, browser, "page"))
    for name, content in files_of(product.data_dir):
        planted.came_out(f"file while running {name.split('/')[0]}", content)


def catalogue(planted: Planted, call: Caller, product: Product, upstream: Echoing) -> None:
    credentials = {
        "echo": ("openai", planted.plant("provider credential", plants.CREDENTIAL)),
        "other": ("anthropic", planted.plant("second credential", plants.SECOND_CREDENTIAL)),
        "azure": ("azure", planted.plant("Azure credential", plants.AZURE_CREDENTIAL)),
        "gemini": ("gemini", planted.plant("Gemini credential", plants.GEMINI_CREDENTIAL)),
    }
    call(
        "POST", "/api/models", json={"slug": "echo-1", "name": "Echo", "context_window": 100_000, "has_streaming": True}
    )
    for slug, (kind, credential) in credentials.items():
        base_url = f"{upstream.url}/{'v1beta' if kind == 'gemini' else 'v1'}"
        body = {"slug": slug, "name": slug, "kind": kind, "base_url": base_url}
        assert call("POST", "/api/providers", json=body).status_code == 201
        call("PUT", f"/api/providers/{slug}/credential", json={"credential": credential})
        tried = planted.plant("tried credential", plants.TRIED_CREDENTIAL)
        call("PUT", f"/api/providers/{slug}/credential", json={"credential": tried, "is_tried": True})
        call("PUT", f"/api/providers/{slug}/credential", json={"credential": credential})
        made = call(
            "POST",
            "/api/deployments",
            json={
                "slug": f"{slug}-place",
                "name": slug,
                "provider": slug,
                "model": "echo-1",
                "upstream_model": "echo-1",
            },
        )
        assert made.status_code == 201, made.text
        assert call("POST", f"/api/providers/{slug}/test", json={"upstream_model": "echo-1"}).status_code == 200
        assert call("POST", f"/api/providers/{slug}/upstream-models", json={}).status_code < 500
        refused = {"options": {"api_key": credential, "headers": {"x-key": credential}}}
        assert call("PATCH", f"/api/providers/{slug}", json=refused).status_code == 422
    userinfo = planted.plant("userinfo of a URL", plants.IN_USERINFO)
    for address in (f"https://user:{userinfo}@api.example.com/v1", f"https://api.example.com/v1?key={userinfo}"):
        assert call("POST", "/api/providers", json=body | {"slug": "bad", "base_url": address}).status_code == 422
    call(
        "PUT",
        "/api/providers/echo/credential",
        json={"credential": planted.plant("bad credential", "planted-Bad-59\r\nx")},
    )
    product.wait_until_live()


def chats(planted: Planted, call: Caller, key: str) -> None:
    """Each way of telling, plain and streamed, in both dialects, with secrets in headers and query string."""
    headers = {
        "cookie": f"signalbox={planted.plant('sent cookie', plants.SENT_COOKIE)}",
        "x-api-key": planted.plant("sent x-api-key", plants.SENT_KEY),
    }
    query = planted.plant("query string", plants.IN_QUERY)
    for provider in ("echo", "other", "azure", "gemini"):
        for way in WAYS:
            body = {
                "model": f"{provider}/echo-1",
                "max_tokens": 50,
                "messages": [{"role": "user", "content": f"echo: {way}"}],
            }
            for is_streaming in (False, True):
                sent = body | {"stream": is_streaming}
                call("POST", f"/v1/chat/completions?api_key={query}", json=sent, headers=headers)
    body = {"model": "other/echo-1", "max_tokens": 50, "messages": [{"role": "user", "content": "echo: 401"}]}
    call("POST", "/v1/messages", json=body, headers=headers)
    call("POST", "/v1/messages", json=body | {"max_tokens": "none"}, headers=headers)
    for path in ("/v1/chat/completions", "/v1/messages", "/v1/embeddings", "/v1/router/route"):
        swapped = body | {"model": key, "input": "x"}
        assert call("POST", path, json=swapped, headers=headers).status_code == 400
    call("POST", "/v1/embeddings", json={"model": "azure/echo-1", "input": "echo: 401"}, headers=headers)
    call("POST", "/v1/chat/completions", content=b"{", headers=headers)
    call("GET", "/v1/models", headers=headers)
    call("POST", "/v1/router/route", json=body, headers=headers)
    assert call("GET", "/metrics", headers={"authorization": f"Bearer {plants.METRICS_TOKEN}"}).status_code == 200


def administration(planted: Planted, call: Caller) -> None:
    path = planted.plant("webhook's path", plants.WEBHOOK_PATH)
    query = planted.plant("webhook's query", plants.WEBHOOK_QUERY)
    channel = {"kind": "webhook", "name": "Hook", "address": f"http://127.0.0.1:9/services/{path}?key={query}"}
    secret = planted.plant("webhook signing secret", plants.WEBHOOK_SECRET)
    call("POST", "/api/alert-channels", json=channel | {"secret": secret})
    call("POST", "/api/alert-channels", json={"kind": "email", "name": "Mail", "address": "a@example.org"})
    for slug in ("hook", "mail"):
        assert call("POST", f"/api/alert-channels/{slug}/test", json={}).status_code == 200
    moved = {"address": f"https://x:{query}@hooks.example.com/{path}"}
    assert call("PATCH", "/api/alert-channels/hook", json=moved).status_code == 422
    call("PATCH", "/api/alert-channels/hook", json={"name": "Hooked"})
    made = call("POST", "/api/keys", json={"name": "Second", "scopes": ["chat"]}, is_shown_once=True)
    planted.plant("second key", made.json()["key"] if "key" in made.json() else made.json()["full_key"])
    invited = call("POST", "/api/invitations", json={"username": "grace", "role": "viewer"}, is_shown_once=True)
    token = invited.json()["link"].rstrip("/").rpartition("/")[2]
    planted.plant("invitation link", token)
    planted.invitation = token  # type: ignore[attr-defined]
    for path in API_READS:
        call("GET", f"/api/{path}")


# Every route of the management API that takes nothing in its path.
API_READS = [
    str(one.pattern) for one in urlpatterns if not one.pattern.converters and isinstance(one.pattern, RoutePattern)
]


def strangers(planted: Planted, call: Caller) -> None:
    """Wrong credentials in every form, at both halves of the product."""
    sent = planted.plant("sent authorization", plants.SENT_AUTHORIZATION)
    for headers in (
        {"authorization": f"Bearer {sent}"},
        {"authorization": f"Basic {sent}"},
        {"authorization": sent},
        {"x-api-key": sent},
        {"cookie": f"signalbox={sent}"},
    ):
        for path in ("/v1/models", "/api/policies", "/metrics", "/", "/nowhere/"):
            call("GET", path, headers=headers)
            # Whoever is sent to sign in comes back to the address asked for, query string and all.
            call("GET", f"{path}?key={sent}", headers=headers, is_shown_once=True)
    # Looking at an invitation is part of it; its link stands in no other answer, log or row.
    link = f"/invitation/{planted.invitation}/"  # type: ignore[attr-defined]
    call("GET", link, is_shown_once=True)
    call("GET", link[:-1] + "x/", is_shown_once=True)
    page = call("GET", "/sign-in/")
    form = {"csrfmiddlewaretoken": page.cookies.get("csrftoken", ""), "username": "admin"}
    call("POST", "/sign-in/", data=form | {"password": planted.plant("wrong password", plants.WRONG_PASSWORD)})
    departed = call("GET", "/sign-in/provider/", is_shown_once=True)
    assert departed.status_code == 302
    state = httpx.URL(departed.headers["location"]).params["state"]
    code = planted.plant("OpenID code", plants.OPENID_CODE)
    assert call("GET", f"/sign-in/provider/return/?code={code}&state={state}").status_code == 422


def pages(planted: Planted, call: Caller) -> None:
    """Signed in as an admin with a second factor: every page that can be reached, and the forms that take secrets."""
    post = forms_of(call)
    assert post("/sign-in/", username="admin", password=plants.PASSWORD).status_code == 302
    shown = call("GET", "/account/second-factor/", is_shown_once=True)
    secret = re.search(r"(?:[A-Z2-7]{4}\s){7}[A-Z2-7]{4}", shown.text)
    assert secret, shown.text[:2000]
    totp = planted.plant("TOTP secret", re.sub(r"\s", "", secret[0]))
    confirmed = post("/account/second-factor/", code=pyotp.TOTP(totp).now(), is_shown_once=True)
    codes = set(re.findall(r"^(?:.*>)?\s*([2-9a-z]{5}-[2-9a-z]{5})(?=\s|<|$)", confirmed.text, re.MULTILINE))
    assert len(codes) == 10
    for number, code in enumerate(sorted(codes)):
        planted.plant(f"recovery code {number}", code)
        planted.plant(f"recovery code {number} as it is typed", code.replace("-", ""))
    for provider in ("echo", "other", "azure", "gemini"):
        post(f"/providers/{provider}/test/")
    for path in EXPORTS:
        assert call("GET", path).status_code == 200, path
    post("/providers/echo/credential/", credential="planted-Bad-60 with spaces\n")
    post("/playground/run/", prompt="echo: 401", target="auto", stream="on")
    crawl(call)


def forms_of(call: Caller) -> Callable[..., httpx.Response]:
    def post(path: str, is_shown_once: bool = False, **fields: str) -> httpx.Response:
        token = call.client.cookies.get("csrftoken") or ""
        if not token:
            call("GET", "/sign-in/")
            token = call.client.cookies["csrftoken"]
        return call("POST", path, data=fields | {"csrfmiddlewaretoken": token}, is_shown_once=is_shown_once)

    return post


def crawl(call: Caller) -> None:
    waiting, seen = ["/"], {"/"}
    visited = 0
    while waiting and visited < MOST_PAGES:
        answer = call("GET", waiting.pop(0))
        visited += 1
        if "html" not in answer.headers.get("content-type", ""):
            continue
        for link in re.findall(r'(?:href|hx-get)="(/[^"#]*)"', answer.text):
            path = unescape(link)
            shape = re.sub(r"[0-9a-f-]{30,}|\d+", "#", path.split("?")[0]) + path.partition("?")[2][:12]
            if not NEVER_FOLLOWED.search(path) and [shape, path] and sum(1 for one in seen if one == shape) == 0:
                seen.add(shape)
                waiting.append(path)
    assert visited > 40, sorted(seen)


def commands(planted: Planted, product: Product) -> None:
    backup = product.data_dir.parent / "planted.backup"
    for words in (
        ["doctor", "--json"],
        ["doctor", "--reach"],
        ["export"],
        ["export", "--history", "--json"],
        ["verify_audit"],
        ["backup", str(backup)],
        ["route", "--prompt", "hello"],
        ["nonsense", plants.IN_QUERY[:3]],
    ):
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=PROJECT,
            env=product.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        planted.came_out(f"command {words[0]}", done.stdout + done.stderr)
    for name, content in members_of(backup):
        planted.came_out(f"backup {name}", content)


def leaks(planted: Planted, *beginnings: str) -> set[tuple[str, str]]:
    assert any(where.startswith(beginnings) for where in planted.seen), "nothing was looked at"
    return planted.found(*beginnings)


def test_the_upstream_was_sent_what_it_is_meant_to_get(searched):
    """Otherwise nothing below proves anything."""
    sent = "\n".join(searched.upstream.seen)

    for credential in (
        plants.CREDENTIAL,
        plants.SECOND_CREDENTIAL,
        plants.AZURE_CREDENTIAL,
        plants.GEMINI_CREDENTIAL,
    ):
        assert set(WAYS) <= {line.split()[0] for line in searched.upstream.seen if credential in line}, credential
    assert plants.SENT_COOKIE not in sent and plants.SENT_KEY not in sent


def test_every_secret_is_distinctive(searched):
    assert len(searched.secrets) >= 25
    assert {"TOTP secret", "invitation link", "webhook signing secret"} <= searched.secrets.keys()


def test_no_answer_of_the_gateway_or_the_api_tells(searched):
    assert leaks(searched, "API", "stranger") == set()


def test_no_page_tells(searched):
    assert {f"page GET {path.split('?')[0]}" for path in EXPORTS} <= searched.seen.keys()
    assert leaks(searched, "page") == set()


def test_no_row_tells(searched):
    assert {"table routerapp_job", "table routerapp_auditevent"} <= searched.seen.keys()
    assert leaks(searched, "table") == set()


def test_no_file_tells(searched):
    assert leaks(searched, "file") == set()


def test_no_log_line_tells(searched):
    lines = b"".join(searched.seen["logs"]).decode()

    assert '"logger": "signalbox.access"' in lines
    assert leaks(searched, "logs") == set()


def test_no_span_tells(searched):
    assert leaks(searched, "OTLP") == set()


def test_no_command_and_no_backup_tells(searched):
    assert leaks(searched, "command", "backup") == set()
