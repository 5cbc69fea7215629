"""Every page as an admin, over rows whose every text is an attack: it answers, sends the policy, and holds nothing the policy is there to stop."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from django.test import Client
from django.urls import resolve, reverse

from dashboard.urls import urlpatterns
from routerapp.providers.presets import presets
from tests.dashboard.hostile import MARKUP, a_hostile_workspace

pytestmark = pytest.mark.django_db
ADDRESSES = ("href", "src", "action", "formaction", "hx-get", "hx-post", "hx-delete", "poster", "data")
FOLLOWED = ("href", "hx-get")
# Filters, ranges and pages of one address differ in rows, not in kind.
MOST_PER_VIEW = 8
# Reached by POST only, or by a script: other tests post to them.
NOT_LINKED = {
    "request-replay",
    "sign-in",
    "sign-out",
    "theme",
    "sample-data-remove",
    "playground-route",
    "playground-run",
    "playground-vote",
    "playground-why-not",
    "learn-now",
    "policy-set-default",
    "draft-create",
    "draft-publish",
    "draft-rebase",
    "draft-discard",
    "condition-matches",
    "rule-move",
    "rule-toggle",
    "rule-remove",
    "experiment-start",
    "experiment-stop",
    "experiment-decide",
    "experiment-discard",
    "benchmark-delete",
    "calibration-start",
    "calibration-stop",
    "calibration-estimate",
    "calibration-finish",
    "calibration-delete",
    "predictor-promote",
    "predictor-retire",
    "predictor-roll-back",
    "refit-schedule",
    "refit-now",
    "task-class-create",
    "task-class-edit",
    "task-class-remove",
    "task-head-fit",
    "task-head-shipped",
    "task-head-promote",
    "task-head-roll-back",
    "task-head-off",
    "predictor-evaluate",
    "predictor-compare",
    "evaluation-draft",
    "evaluation-job-stop",
    "deployment-toggle",
    "deployment-operate",
    "provider-test",
    "provider-toggle",
    "repricing-apply",
    "repricing-cancel",
    # Not for simulated providers; shown once there is such a job.
    "provider-credential",
    "repricing-job",
    "unpriced-set",
    "welcome-close",
    "welcome-start-empty",
    "welcome-simulated",
    "welcome-terms",
    "alert-retry",
    "alert-channel-secret",
    "alert-channel-test",
    "settings-change",
    "audit-check",
    "job-cancel",
    "job-retry",
    # Steps of signing in, and what only somebody with a second factor or an OpenID provider is offered.
    "sign-in-code",
    "sign-in-provider",
    "sign-in-provider-return",
    "invitation",
    "second-factor-picture",
    "second-factor-off",
    "recovery-codes",
    "sign-out-others",
    "identity-link",
    "identity-unlink",
}


class Elements(HTMLParser):
    """What a page asks a browser to load, follow or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.faults: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.links += [given[name] for name in FOLLOWED if name in given and tag != "link"]
        self.faults += [f"<{tag} {name}>" for name in given if name.startswith(("on", "hx-on")) or name == "style"]
        foreign = [name for name in ADDRESSES if not _is_ours(given.get(name, ""))]
        self.faults += [
            f"<{tag} {name}={given[name]}>" for name in foreign if tag != "a" or not _is_vendors(given[name])
        ]
        is_data = given.get("type") == "application/json"
        if tag == "style" or (tag == "script" and not is_data and "src" not in given):
            self.faults.append(f"inline <{tag}>")


def _is_vendors(address: str) -> bool:
    """Where a vendor makes keys and explains its API: constants of ours, never anybody's text."""
    return any(address in (preset.key_url, preset.docs_url) for preset in presets().values())


def _is_ours(address: str) -> bool:
    parts = urlsplit(address.strip())
    return (not parts.scheme and not parts.netloc) or address.startswith("data:image/")


def crawl(client: Client) -> Iterator[tuple[str, str, object]]:
    """(view, address, answer) of all that can be reached by links, each view a few times."""
    todo, known = [reverse("dashboard:overview")], {reverse("dashboard:overview")}
    visits: Counter[str] = Counter()
    while todo:
        address = todo.pop(0)
        view = resolve(urlsplit(address).path).url_name
        visits[view] += 1
        if visits[view] > MOST_PER_VIEW:
            continue
        response = client.get(address)
        yield view, address, response
        if not response["Content-Type"].startswith("text/html"):
            continue
        for link in Elements(response.text).links:
            following = urljoin(address, link).partition("#")[0]
            if following not in known and not following.startswith(("/static/", "/api/")) and _is_ours(link):
                known.add(following)
                todo.append(following)


def test_every_page_answers_under_the_policy_and_shows_hostile_texts_as_text(signed_in, tmp_path):
    a_hostile_workspace(tmp_path)
    problems, seen, shown = [], set(), 0

    for view, address, response in crawl(signed_in("admin")):
        seen.add(view)
        policy = response.get("Content-Security-Policy", "")
        if response.status_code != 200:
            problems.append(f"{address}: {response.status_code}")
        if "default-src 'none'" not in policy or "unsafe" in policy:
            problems.append(f"{address}: policy {policy!r}")
        if response["Content-Type"].startswith("text/html"):
            text = response.text
            problems += [f"{address}: {fault}" for fault in Elements(text).faults]
            problems += [f"{address}: markup as markup"] * ("<img src=x" in text or "<script>alert" in text)
            shown += "&lt;img src=x onerror=alert(1)&gt;" in text
            problems += [f"{address}: template evaluated"] * bool(re.search(r"alert\(2\)[^{]{0,20}49", text))

    assert problems == []
    assert shown > 10, MARKUP
    assert {pattern.name for pattern in urlpatterns} - seen == NOT_LINKED


@pytest.mark.parametrize(
    "directive", ["script-src", "style-src", "default-src", "object-src", "base-uri", "form-action"]
)
def test_the_policy_allows_nothing_inline_and_nobody_else(client, directive):
    policy = dict(
        part.strip().partition(" ")[::2] for part in client.get("/sign-in/")["Content-Security-Policy"].split(";")
    )

    allowed = policy[directive].split()

    assert not [source for source in allowed if "unsafe" in source or "*" in source or ":" in source]


@pytest.mark.parametrize(
    "path", ["/no-such-page/", "/api/no-such-thing", "/api/docs/", "/sign-in/?next=//evil.example"]
)
def test_errors_and_documents_carry_the_policy_too(client, path):
    response = client.get(path)

    assert "default-src 'none'" in response["Content-Security-Policy"]
    if response["Content-Type"].startswith("text/html"):
        assert Elements(response.text).faults == []
    assert "evil.example" not in response.text
