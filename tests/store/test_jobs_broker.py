import json
import os
import stat

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
