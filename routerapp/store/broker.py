"""The Celery application as configuration: a broker made of files in the data folder, no result backend, JSON only.

Made on first use, so that a process that never sends a job never imports Celery. What the tasks do is not known here.
"""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

log = logging.getLogger(__name__)
QUICK, LONG = "quick", "long"
QUEUES = (QUICK, LONG)
SCHEME = "folder"
TASK_MODULE = "routerapp.tasks"


@lru_cache(maxsize=1)
def celery_application() -> Any:
    """One per process. A worker consumes both queues unless told otherwise."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "routerapp.settings")
    from celery import Celery
    from kombu import Exchange, Queue
    from kombu.transport import TRANSPORT_ALIASES

    TRANSPORT_ALIASES[SCHEME] = f"{__package__}.broker_folder:Transport"
    application = Celery("signalbox", set_as_current=False, include=[TASK_MODULE])
    application.conf.update(broker_configuration(settings.DATA_DIR / "broker"))
    application.conf.task_queues = [Queue(name, Exchange(name), routing_key=name) for name in QUEUES]
    return application


def send_wake_up(task: str, job_id: int, queue: str) -> bool:
    """Hands the id of a job row to the worker; False when the broker's folder refuses, which loses nothing but time."""
    from kombu.exceptions import ChannelError, KombuError

    try:
        celery_application().send_task(f"{TASK_MODULE}.{task}", args=[job_id], queue=queue)
    except (OSError, ChannelError, KombuError):
        log.warning("The wake-up of job %s could not be sent; it will be sent again.", job_id, exc_info=True)
        return False
    return True


def broker_configuration(folder: Path) -> dict[str, Any]:
    """Celery's settings; makes the folders, readable by the owner only."""
    messages, control = folder / "messages", folder / "control"
    for path in (folder, messages, control):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        "broker_url": f"{SCHEME}://localhost//",
        "broker_transport_options": {
            "data_folder_in": str(messages),
            "data_folder_out": str(messages),
            "control_folder": str(control),
            "polling_interval": 0.5,
        },
        "broker_connection_retry_on_startup": True,
        "beat_schedule_filename": str(folder / "schedule"),
        "result_backend": None,
        "task_ignore_result": True,
        "task_default_queue": QUICK,
        "task_serializer": "json",
        "accept_content": ["json"],
        "timezone": "UTC",
        "enable_utc": True,
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_redirect_stdouts": False,
    }
