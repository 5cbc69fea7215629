"""Where mail goes out: both variables or neither, and never a password in what is said."""

from __future__ import annotations

import pytest

from routerapp.bad_setting import BadSetting
from routerapp.smtp_settings import SmtpSettings, read_smtp

FROM = "Signalbox <alerts@example.org>"


def read(url="", sender=FROM):
    return read_smtp({"SIGNALBOX_SMTP_URL": url, "SIGNALBOX_MAIL_FROM": sender})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.org", ("mail.example.org", 587, False, "", "")),
        ("smtp://mail.example.org:25", ("mail.example.org", 25, False, "", "")),
        ("smtps://me:p%40ss@mail.example.org", ("mail.example.org", 465, True, "me", "p@ss")),
    ],
)
def test_a_url_says_where_and_how(url, expected):
    host, port, is_tls, username, password = expected

    assert read(url) == SmtpSettings(host, port, is_tls, FROM, username, password)


def test_without_either_there_is_no_mail():
    assert read_smtp({}) is None


@pytest.mark.parametrize(
    ("url", "sender", "variable"),
    [
        ("smtp://mail.example.org", "", "SIGNALBOX_MAIL_FROM"),
        ("", FROM, "SIGNALBOX_SMTP_URL"),
        ("smtp://mail.example.org", "nobody", "SIGNALBOX_MAIL_FROM"),
        ("smtp://mail.example.org", "a@b.example\nBcc: c@d.example", "SIGNALBOX_MAIL_FROM"),
        ("http://mail.example.org", FROM, "SIGNALBOX_SMTP_URL"),
        ("smtp://", FROM, "SIGNALBOX_SMTP_URL"),
        ("smtp://me:hunter2@mail.example.org:port", FROM, "SIGNALBOX_SMTP_URL"),
        ("smtp://me:hunter2@mail.example.org/path", FROM, "SIGNALBOX_SMTP_URL"),
        ("smtp://me@mail.example.org", FROM, "SIGNALBOX_SMTP_URL"),
    ],
)
def test_what_cannot_be_used_is_named_without_the_password(url, sender, variable):
    with pytest.raises(BadSetting) as refused:
        read(url, sender)

    assert variable in str(refused.value) and "hunter2" not in str(refused.value)


def test_the_password_is_not_in_its_text():
    assert "hunter2" not in repr(read("smtps://me:hunter2@mail.example.org"))
