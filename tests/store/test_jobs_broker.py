import json
import os
import stat
from queue import Empty

import pytest

from routerapp.store import broker


@pytest.fixture
def application(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    broker.celery_application.cache_clear()
    yield broker.celery_application()
    broker.celery_application.cache_clear()


def test_a_wake_up_is_a_file_in_the_data_folder_that_carries_only_the_id(application, tmp_path):
    assert broker.send_wake_up("run_job", 42, "long")

    (message,) = (tmp_path / "broker" / "messages").iterdir()
    content = json.loads(message.read_text())
    assert message.name.endswith(".long.msg")
    assert content["headers"]["task"] == "routerapp.tasks.run_job"
    assert content["headers"]["argsrepr"] == "[42]"
    assert content["content-type"] == "application/json"
    assert stat.S_IMODE(os.stat(tmp_path / "broker" / "messages").st_mode) == 0o700


def test_messages_are_taken_once_in_order_and_rubbish_is_dropped(application, tmp_path, caplog):
    folder = tmp_path / "broker" / "messages"
    for job_id in (1, 2):
        broker.send_wake_up("run_job", job_id, "quick")
    broker.send_wake_up("run_job", 3, "long")
    (folder / "0_torn.quick.msg").write_bytes(b"")
    (folder / ".9_unfinished.quick.msg").write_bytes(b"{")

    with application.connection_for_read() as connection, connection.channel() as channel:
        taken = [channel._get("quick")["headers"]["argsrepr"] for _ in range(2)]
        with pytest.raises(Empty):
            channel._get("quick")
    assert taken == ["[1]", "[2]"]
    assert "was dropped" in caplog.text
    assert len(list(folder.glob("[!.]*.msg"))) == 1


def test_each_message_reaches_its_own_queue_only(application, tmp_path):
    with application.connection_for_read() as connection, connection.channel() as channel:
        for queue in application.conf.task_queues:
            queue(channel).declare()
    for name in ("quick", "long", "quick"):
        broker.send_wake_up("run_job", 1, name)

    names = [path.name.partition(".")[2] for path in (tmp_path / "broker" / "messages").iterdir()]
    assert sorted(names) == ["long.msg", "quick.msg", "quick.msg"]


def test_a_broker_that_refuses_costs_a_warning_not_the_caller(application, tmp_path, caplog):
    (tmp_path / "broker" / "messages").rmdir()

    assert not broker.send_wake_up("run_job", 42, "quick")
    assert "will be sent again" in caplog.text


def test_everything_the_worker_needs_stays_in_the_data_folder(application, tmp_path):
    options = application.conf.broker_transport_options
    paths = [options["data_folder_in"], options["data_folder_out"], options["control_folder"]]

    assert all(path.startswith(str(tmp_path)) for path in [*paths, application.conf.beat_schedule_filename])
    assert application.conf.result_backend is None
    assert application.conf.accept_content == ["json"]
    assert application.conf.worker_hijack_root_logger is False
