"""The System page: what runs and what waits, jobs with their buttons, settings with their origin and never a secret."""

from __future__ import annotations

import os
import subprocess
from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard.system_lines import size
from routerapp.models import AuditEvent, Job, JobState, WorkerReport
from routerapp.serving.shown_settings import shown_settings
from routerapp.serving.system_state import read_system_state
from routerapp.store.workers import report_worker

pytestmark = pytest.mark.django_db
PAGES = ("/system/", "/system/jobs/", "/system/settings/")
LIVE = {"HX-Request": "true", "HX-Target": "div#live", "HX-Request-Type": "partial"}


@pytest.fixture
def admin(signed_in):
    return signed_in("admin")


def a_worker(**state):
    report_worker("0001-abc", "9f3c" * 16, 7, {"in_flight": 3, "is_draining": False, "spool_bytes": 2048} | state)


@pytest.mark.parametrize("role", ["viewer", "editor", "publisher"])
def test_only_admins_see_it(signed_in, role):
    client = signed_in(role)

    assert {client.get(path).status_code for path in PAGES} == {403}
    assert "/system/" not in client.get("/").text


def test_without_any_process_it_says_what_is_missing(admin):
    text = admin.get("/system/").text

    assert "Gateway, Drainer, Job worker do not report" in text
    assert "0 alive" in text


def test_shows_each_process_with_heartbeat_configuration_and_breakers(admin):
    a_worker(deployments={"small": {"breaker": "open"}, "large": {"breaker": "closed"}})
    report_worker("drainer", "", 0, {"role": "drainer", "pid": 41, "committed": 12})
    report_worker("jobs", "", 0, {"role": "jobs", "pid": 42})
    text = admin.get("/system/").text

    assert "3 alive" in text and "small: open" in text and "large" not in text
    assert "12 entries written" in text and "process 42" in text
    assert "do not report" not in text


def test_a_silent_process_and_an_old_configuration_show(admin):
    a_worker()
    read_system_state()
    WorkerReport.objects.create(worker="old", reported_at=timezone.now() - timedelta(minutes=2), state={})
    lines = {line.worker.name: line for line in admin.get("/system/").context["processes"]}

    assert (lines["old"].state, lines["old"].tone) == ("silent", "bad")
    assert lines["0001-abc"].state == "alive"


def test_processes_that_share_say_how_and_one_that_goes_on_alone_why(admin):
    together = {
        "place": "valkey:6379",
        "is_alone": False,
        "problem": "",
        "processes": 2,
        "exchange_us": 900,
        "waits": 7,
    }
    a_worker(shared=together)
    alone = together | {"is_alone": True, "problem": "no answer within 100 ms <b>"}
    report_worker("0002-def", "", 7, {"in_flight": 0, "shared": alone})
    text = admin.get("/system/").text

    assert "Shared limits and live state" in text and "valkey:6379" in text
    assert "goes on alone" in text and "no answer within 100 ms &lt;b&gt;" in text
    a_worker()
    WorkerReport.objects.filter(worker="0002-def").delete()
    assert "Shared limits" not in admin.get("/system/").text


def test_what_a_worker_says_of_itself_is_only_text(admin):
    a_worker(deployments={"<img src=x onerror=alert(1)>": {"breaker": "<script>"}}, in_flight=None, spool_bytes=None)
    text = admin.get("/system/").text

    assert "<img src=x" not in text and "<script>" not in text.partition("<main")[2]


def test_the_live_part_alone_is_small_and_leaves_versions_out(admin, django_assert_max_num_queries):
    with django_assert_max_num_queries(20):
        response = admin.get("/system/", headers=LIVE)

    assert "<html" not in response.text
    assert 'id="live"' in response.text and "Django" not in response.text


def test_jobs_are_listed_filtered_and_paged(admin):
    for number in range(35):
        Job.objects.create(kind="retention", state=JobState.DONE if number else JobState.FAILED, message=f"m{number}")
    first = admin.get("/system/jobs/")
    second = admin.get(first.context["next_url"])
    failed = admin.get("/system/jobs/?state=failed")

    assert (len(first.context["lines"]), len(second.context["lines"])) == (30, 5)
    assert [line.job.message for line in failed.context["lines"]] == ["m0"]
    assert "No job matches" in admin.get("/system/jobs/?kind=refresh_prices").text
    assert "No jobs yet" in _without_jobs(admin)


def _without_jobs(admin) -> str:
    Job.objects.all().delete()
    return str(admin.get("/system/jobs/").text)


@pytest.mark.parametrize("query", ["state=nonsense", "kind=nonsense", "cursor=x", "cursor=" + "9" * 40])
def test_a_filter_that_cannot_be_is_422(admin, query):
    assert admin.get(f"/system/jobs/?{query}").status_code == 422


def test_a_waiting_job_is_cancelled_and_one_that_ended_runs_again(admin):
    job = Job.objects.create(kind="retention", unique_key="retention")
    admin.post(f"/system/jobs/{job.pk}/cancel/")
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    admin.post(f"/system/jobs/{job.pk}/retry/")

    assert Job.objects.filter(kind="retention", state=JobState.QUEUED, unique_key="retention").count() == 1
    assert list(AuditEvent.objects.values_list("action", flat=True)[:2]) == ["retry_job", "cancel_job"]


def test_what_cannot_be_done_to_a_job_is_a_message_not_a_fault(admin):
    done = Job.objects.create(kind="retention", state=JobState.DONE)
    running = Job.objects.create(kind="retention", state=JobState.RUNNING)

    assert "has ended already" in admin.post(f"/system/jobs/{done.pk}/cancel/", follow=True).text
    assert "has not ended yet" in admin.post(f"/system/jobs/{running.pk}/retry/", follow=True).text
    assert "There is no job 999" in admin.post("/system/jobs/999/cancel/", follow=True).text
    assert admin.get(f"/system/jobs/{done.pk}/cancel/").status_code == 405


@pytest.mark.parametrize("role", ["viewer", "editor", "publisher"])
def test_only_admins_touch_jobs(signed_in, role):
    job = Job.objects.create(kind="retention")

    assert signed_in(role).post(f"/system/jobs/{job.pk}/cancel/").status_code == 403
    job.refresh_from_db()
    assert job.state == JobState.QUEUED


def test_settings_tell_their_origin_and_of_a_secret_only_that_it_is_set():
    variables = {
        "SIGNALBOX_PORT": "8123",
        "SIGNALBOX_ADMIN_PASSWORD": "planted-password",
        "SIGNALBOX_METRICS_TOKEN": "planted-token",
        "SIGNALBOX_OIDC_CLIENT_SECRET": "planted-client",
        "SIGNALBOX_BACKUP_PASSPHRASE": "planted-passphrase",
        "SIGNALBOX_DATABASE_URL": "postgres://u:planted@db/x",
    }
    shown = {one.name: one for one in shown_settings(variables)}

    assert (shown["SIGNALBOX_PORT"].value, shown["SIGNALBOX_PORT"].origin) == ("8123", "environment")
    assert (shown["SIGNALBOX_HOST"].value, shown["SIGNALBOX_HOST"].origin) == ("127.0.0.1", "default")
    assert {shown[name].value for name in variables if name != "SIGNALBOX_PORT"} == {"set"}
    assert "planted" not in repr(shown)


def test_the_settings_page_shows_what_was_chosen_here(admin):
    from routerapp.serving.installation_settings import change_settings
    from tests.serving.actors import ADMIN

    change_settings({"when_spool_is_full": "serve"}, by=ADMIN)
    rows = {one.name: one for group in admin.get("/system/settings/").context["groups"] for one in group["rows"]}

    assert (rows["when_spool_is_full"].value, rows["when_spool_is_full"].origin) == ("serve", "installation")
    assert rows["retention_days"].origin == "default"
    assert rows["sign_in.idle_hours"].origin == "default"


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 bytes"), (1023, "1,023 bytes"), (1024, "1.0 KiB"), (5 * 1024**3, "5.0 GiB")]
)
def test_sizes_read_well(number, words):
    assert size(number) == words


def several(*states):
    for slot, state in enumerate(states):
        said = {
            "slot": slot,
            "workers": len(states),
            "node": "host:8000",
            "pid": os.getpid(),
            "started_ms": 1_795_000_000_000,
        }
        report_worker(f"000{slot}-abc", "9f3c" * 16, 7, {"in_flight": slot} | said | state)


def test_several_gateway_processes_are_told_apart_and_said_to_keep_their_own_state(admin, monkeypatch):
    several({}, {})
    text = admin.get("/system/").text

    assert "Gateway 0" in text and "Gateway 1" in text and f"process {os.getpid()}, since " in text
    assert "Each gateway process keeps its own count" in text and "SIGNALBOX_VALKEY_URL" in text
    monkeypatch.setenv("SIGNALBOX_VALKEY_URL", "valkey://localhost/0")
    assert "Each gateway process keeps its own count" not in admin.get("/system/").text


def test_one_that_leaves_is_said_to_and_does_not_count_as_several(admin):
    several({}, {"is_draining": True})
    text = admin.get("/system/").text

    assert "leaving" in text
    assert "Each gateway process keeps its own count" not in text


def test_whoever_takes_the_place_of_a_killed_process_takes_its_row_away(admin):
    gone = subprocess.Popen(["true"])
    gone.wait()
    several({"pid": gone.pid}, {}, {"pid": gone.pid, "node": "other:8000"})
    said = {"slot": 0, "node": "host:8000", "pid": os.getpid()}
    report_worker("0009-new", "", 0, said)
    report_worker("0010-beside-one-that-lives", "", 0, said | {"slot": 1})

    names = set(WorkerReport.objects.values_list("worker", flat=True))
    assert names == {"0001-abc", "0002-abc", "0009-new", "0010-beside-one-that-lives"}


def test_a_predictor_that_cannot_be_used_is_said_once(admin):
    problem = "The predictor aaaaaaaaaaaa is not in the database."
    a_worker(predictor={"sha256": "a" * 64, "problem": problem})
    report_worker("0002-abc", "9f3c" * 16, 7, {"predictor": {"sha256": "a" * 64, "problem": problem}})
    report_worker("0003-abc", "9f3c" * 16, 7, {"predictor": "<b>hostile"})

    text = admin.get("/system/").text
    assert text.count(problem) == 1
    assert "Policies that go by predictions take their default" in text
