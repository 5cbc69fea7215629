import dataclasses
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.utils import timezone

from routerapp.models import AuditEvent, HealthCheck, Job
from routerapp.serving import run_job as runner
from routerapp.store import jobs
from tests.factories import a_deployment, a_language_model, a_provider

pytestmark = pytest.mark.django_db


def run(kind):
    job = jobs.enqueue(kind)
    runner.run_job(job.pk)
    job.refresh_from_db()
    return job


@pytest.mark.parametrize("kind", sorted(runner.KINDS))
def test_every_kind_runs_on_an_empty_installation(kind):
    job = run(kind)

    assert (job.state, job.progress) == ("done", 1.0), job.message


def test_an_unknown_kind_fails_by_name():
    job = run("knit")

    assert (job.state, job.message) == ("failed", "There is no job kind 'knit'.")


def test_a_job_that_breaks_is_closed_with_its_reason(monkeypatch, caplog):
    def break_down(job, now):
        raise ValueError("out of wool")

    monkeypatch.setattr(runner, "KINDS", {"knit": break_down})
    job = run("knit")

    assert (job.state, job.message) == ("failed", "ValueError: out of wool")
    assert job.finished_at is not None


def test_a_job_that_is_cancelled_while_it_runs_stops(monkeypatch):
    def knit(job, now):
        jobs.cancel(job.pk)
        jobs.report_progress(job, 1.0)
        raise AssertionError("went on knitting")

    monkeypatch.setattr(runner, "KINDS", {"knit": knit})

    assert run("knit").state == "cancelled"


def test_a_second_wake_up_does_nothing():
    job = run("retention")
    finished_at = job.finished_at
    runner.run_job(job.pk)

    assert Job.objects.get().finished_at == finished_at


def test_a_price_refresh_is_audited():
    gpt = a_language_model(vendor="openai")
    a_deployment(slug="gpt", language_model=gpt, upstream_model="gpt-4o", price={"source": "genai-prices"})

    assert run("refresh_prices").message == "1 prices changed."
    event = AuditEvent.objects.get()
    assert (event.actor, event.subject) == ("scheduler", "deployment:gpt")
    assert event.after["input_nusd_per_mtok"] == 2_500_000_000


@pytest.fixture
def upstream(settings):
    """A loopback server the operator has allowed: answers by path, remembers what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers.get("authorization")))
            status = 503 if self.path.startswith("/down") else 401 if self.path.startswith("/closed") else 200
            self.send_response(status)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings.ENVIRONMENT = dataclasses.replace(settings.ENVIRONMENT, egress_allow=("127.0.0.1",))
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def checks():
    return {check.deployment.slug: check for check in HealthCheck.objects.select_related("deployment")}


def test_health_checks_ask_each_upstream_once_with_its_credential(upstream):
    address, asked = upstream
    shared = a_provider(kind="openai", base_url=f"{address}/v1", credential="sk-1")
    a_deployment(slug="one", provider=shared)
    a_deployment(slug="two", provider=shared)
    a_deployment(slug="down", provider=a_provider(kind="openai", base_url=f"{address}/down"))
    a_deployment(slug="closed", provider=a_provider(kind="openai", base_url=f"{address}/closed", credential="sk-2"))
    a_deployment(slug="off", provider=shared, is_enabled=False)
    job = run("health_check")

    assert job.message == "2 of 4 deployments answered."
    assert sorted(asked, key=str) == [
        ("/closed/models", "Bearer sk-2"),
        ("/down/models", None),
        ("/v1/models", "Bearer sk-1"),
    ]
    found = checks()
    assert found["one"].ok
    assert found["two"].latency_ms is not None
    assert (found["down"].ok, found["down"].error_class) == (False, "upstream_unavailable")
    assert found["closed"].error_class == "credential_rejected"


def test_a_refused_address_and_a_closed_port_are_answers_too():
    a_deployment(slug="metadata", provider=a_provider(kind="openai", base_url="http://169.254.169.254/v1"))
    a_deployment(slug="nowhere", provider=a_provider(kind="openai", base_url=""))
    run("health_check")

    assert {check.error_class for check in checks().values()} == {"egress_refused"}


def test_a_credential_of_another_data_folder_is_said(upstream):
    address, asked = upstream
    provider = a_provider(kind="openai", base_url=address, credential="sk-1")
    provider.credential.ciphertext = a_provider(credential="sk-2").credential.ciphertext
    provider.credential.save()
    a_deployment(slug="one", provider=provider)
    run("health_check")

    assert asked == []
    assert checks()["one"].error_class == "credential_unreadable"


def test_simulated_deployments_follow_their_script_without_a_request():
    now_ms = int(timezone.now().timestamp() * 1000)
    outage = {
        "from_ms": now_ms - 1000,
        "to_ms": now_ms + timedelta(minutes=5) // timedelta(milliseconds=1),
        "error": "500",
    }
    a_deployment(slug="up", simulation={"ttft_ms": {"p50": 300}, "outages": []})
    a_deployment(slug="down", simulation={"outages": [outage]})
    run("health_check")

    assert (checks()["up"].ok, checks()["up"].latency_ms) == (True, 300)
    assert (checks()["down"].ok, checks()["down"].error_class) == (False, "upstream_unavailable")
