"""What `doctor` and the System page say of the server."""

import pytest
from django.conf import settings
from django.db import connection

from routerapp.serving.checkup import machine
from routerapp.serving.system_state import read_folder, read_versions

pytestmark = pytest.mark.django_db


def test_the_server_is_named_with_its_version_and_size() -> None:
    assert read_versions().database.startswith("PostgreSQL ")
    assert read_folder(settings.DATA_DIR).database_bytes > 1_000_000


def test_a_server_that_answers_before_it_has_written_is_worth_a_look() -> None:
    findings = []
    for setting in ("on", "off"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('synchronous_commit', %s, true)", [setting])
        findings += machine.server()

    assert [finding.status for finding in findings] == ["ok", "warn"]
    assert settings.DATABASES["default"]["PASSWORD"] not in str(findings)
