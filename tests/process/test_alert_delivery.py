"""Alerts between processes: however many send, stop or die, each webhook and mailbox takes each message once."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from routerapp.serving.alerts.outbox import LEASE
from tests.mail_receiver import a_mail_receiver
from tests.patience import wait_until
from tests.process.product import PROJECT, QUICK_WORKSPACE, Product, a_product
from tests.webhook_receiver import a_receiver

pytestmark = pytest.mark.process
SENDERS = 3
# Several channels, so that senders at the same time have something to fight over; returns once the messages wait.
FIRES = """
import django; django.setup()
from django.utils import timezone
from routerapp.models import AlertRule
from routerapp.serving.alerts import channels, rules
from routerapp.serving.alerts.incidents import settle
from routerapp.serving.alerts.judge import Reading
from routerapp.serving.permissions import SYSTEM

slugs = [channels.add_channel("webhook", {{"name": f"Hook {{n}}", "address": {hook!r}}}, by=SYSTEM).slug for n in range(12)]
slugs += [channels.add_channel("email", {{"name": "Mail", "address": "ops@example.org"}}, by=SYSTEM).slug]
rule = rules.add_rule("spool", {{"name": "Waits", "subject": "lag", "threshold": 10.0, "window_minutes": 1440, "channels": slugs}}, by=SYSTEM)
settle(rule, [Reading("lag", 60.0)], timezone.now())
"""
SENDS = """
import django; django.setup()
from datetime import timedelta
from django.utils import timezone
from routerapp.serving.alerts.outbox import send_due
send_due(clock=lambda: timezone.now() + timedelta(seconds={later}))
"""
UNSENT = """
import django; django.setup()
from routerapp.models import AlertMessage
print(AlertMessage.objects.filter(sent_at=None).count())
"""


@pytest.fixture
def world(tmp_path):
    """The product, not yet started, with messages that wait; and their two receivers."""
    with a_receiver() as hook, a_mail_receiver() as mail:
        variables = {
            "SIGNALBOX_DEMO": "0",
            "SIGNALBOX_EGRESS_ALLOW": "127.0.0.1",
            "SIGNALBOX_SMTP_URL": f"smtp://127.0.0.1:{mail.port}",
            "SIGNALBOX_MAIL_FROM": "alerts@example.org",
        }
        with a_product(tmp_path, **variables) as product:
            product.prepare(QUICK_WORKSPACE)
            product.run_python(FIRES.format(hook=hook.url))
            yield product, hook, mail


def a_sender(product: Product, later: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SENDS.format(later=later)],
        cwd=PROJECT,
        env=product.environment,
        text=True,
    )


def test_racing_senders_and_a_restarted_product_deliver_each_message_once(world):
    product, hook, mail = world
    product.start()
    senders = [a_sender(product) for _ in range(SENDERS)]
    assert [sender.wait(300) for sender in senders] == [0] * SENDERS
    wait_until(lambda: int(product.run_python(UNSENT)) == 0, "no message waits", pause=0.1)
    product.stop()
    product.start()
    assert a_sender(product).wait(300) == 0

    assert hook.events() == ["opened"] * 12
    assert len({one.headers["idempotency-key"] for one in hook.received}) == 12
    assert len(mail.mails) == 1


def test_what_a_killed_sender_left_behind_is_delivered_by_the_next_one_under_the_same_keys(world):
    product, hook, mail = world
    hook.behaviour = "hang"
    killed = a_sender(product)
    wait_until(lambda: len(hook.received) >= 4, "something was sent")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    begun = {one.headers["idempotency-key"] for one in hook.received}
    hook.behaviour = "ok"
    hook.received.clear()
    assert a_sender(product, later=int(LEASE.total_seconds()) + 1).wait(300) == 0

    keys = [one.headers["idempotency-key"] for one in hook.received]
    assert len(keys) == len(set(keys)) == 12 and begun <= set(keys)
    assert len(mail.mails) == 1
    assert int(product.run_python(UNSENT)) == 0
