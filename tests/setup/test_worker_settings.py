"""How many gateway processes, and how long they may take to leave."""

from __future__ import annotations

import pytest

from routerapp.bad_setting import BadSetting
from routerapp.worker_settings import WorkerSettings, read_worker_settings


def test_one_process_and_a_minute_unless_told_otherwise():
    assert read_worker_settings({}) == WorkerSettings(workers=1, drain_seconds=60)


def test_takes_what_it_is_told():
    variables = {"SIGNALBOX_WORKERS": "64", "SIGNALBOX_DRAIN_SECONDS": "3600"}

    assert read_worker_settings(variables) == WorkerSettings(workers=64, drain_seconds=3600)


@pytest.mark.parametrize("text", ["0", "65", "-1", "2.5", "", "two", "٣", "99999999999999", " 2"])
def test_refuses_by_name_value_and_what_is_allowed(text):
    with pytest.raises(BadSetting, match=r"SIGNALBOX_WORKERS.*a whole number from 1 to 64"):
        read_worker_settings({"SIGNALBOX_WORKERS": text})
    with pytest.raises(BadSetting, match=r"SIGNALBOX_DRAIN_SECONDS.*a whole number from 1 to 3,600"):
        read_worker_settings({"SIGNALBOX_DRAIN_SECONDS": text if text != "65" else "3601"})
