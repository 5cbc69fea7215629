"""A bad setting names the variable and what is allowed, and repeats no secret."""

from __future__ import annotations

import pytest

from routerapp.bad_setting import BadSetting
from routerapp.observability_settings import read_observability

ENDPOINT = {"SIGNALBOX_OTLP_ENDPOINT": "http://collector:4318"}


def test_everything_is_quiet_by_default():
    read = read_observability({})

    assert (read.log_format, read.log_level, read.has_access_log, read.metrics_labels, read.otlp) == (
        "text",
        "WARNING",
        False,
        (),
        None,
    )


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("https://collector/", "https://collector/v1/traces"),
        ("https://collector/otlp/v1/traces", "https://collector/otlp/v1/traces"),
        ("http://[fd12::1]:4318", "http://[fd12::1]:4318/v1/traces"),
    ],
)
def test_an_endpoint_gets_the_path_for_traces_unless_it_has_one(endpoint, url):
    otlp = read_observability({"SIGNALBOX_OTLP_ENDPOINT": endpoint}).otlp

    assert otlp is not None and otlp.url == url


def test_headers_and_token_are_kept_out_of_repr():
    read = read_observability(
        ENDPOINT | {"SIGNALBOX_OTLP_HEADERS": "X-Key=planted,b=c=d", "SIGNALBOX_METRICS_TOKEN": "planted-token"}
    )

    assert read.otlp is not None and read.otlp.headers == {"x-key": "planted", "b": "c=d"}
    assert "planted" not in repr(read)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIGNALBOX_LOG_FORMAT", "xml"),
        ("SIGNALBOX_LOG_LEVEL", "loud"),
        ("SIGNALBOX_ACCESS_LOG", "yes"),
        ("SIGNALBOX_METRICS_LABELS", "user"),
        ("SIGNALBOX_METRICS_LABELS", "key,model"),
        ("SIGNALBOX_METRICS_TOKEN", "planted"),
        ("SIGNALBOX_METRICS_TOKEN", "planted\r\nx: y"),
        ("SIGNALBOX_OTLP_ENDPOINT", "collector:4318"),
        ("SIGNALBOX_OTLP_ENDPOINT", "grpc://collector:4317"),
        ("SIGNALBOX_OTLP_ENDPOINT", "http://user:planted@collector"),
        ("SIGNALBOX_OTLP_ENDPOINT", "http://collector/?token=planted"),
        ("SIGNALBOX_OTLP_ENDPOINT", "http://collector:99999"),
        ("SIGNALBOX_OTLP_ENDPOINT", "http://[::1"),
        ("SIGNALBOX_OTLP_HEADERS", "planted"),
        ("SIGNALBOX_OTLP_HEADERS", "a=planted\r\nb: c"),
        ("SIGNALBOX_OTLP_HEADERS", "na me=planted"),
        ("SIGNALBOX_OTLP_SAMPLE", "2"),
        ("SIGNALBOX_OTLP_SAMPLE", "nan"),
        ("SIGNALBOX_OTLP_SAMPLE", "often"),
        ("SIGNALBOX_OTLP_PROPAGATE", "true"),
    ],
)
def test_refuses_by_name_and_says_what_is_allowed(name, value):
    with pytest.raises(BadSetting) as refusal:
        read_observability(ENDPOINT | {name: value})

    assert name in str(refusal.value)
    assert "Allowed:" in str(refusal.value)
    assert "planted" not in str(refusal.value)


@pytest.mark.parametrize("name", ["SIGNALBOX_OTLP_HEADERS", "SIGNALBOX_OTLP_SAMPLE", "SIGNALBOX_OTLP_PROPAGATE"])
def test_what_belongs_to_an_endpoint_needs_one(name):
    with pytest.raises(BadSetting, match="SIGNALBOX_OTLP_ENDPOINT"):
        read_observability({name: "1"})
