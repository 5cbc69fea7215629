"""A backup is the same file whichever database it was made of, and goes back into either."""

import pytest
from django.db import connection

from routerapp.models import APIKey, AuditEvent, Body, Draft, RoutedRequest, Team, User
from routerapp.serving import audit
from routerapp.store.transfer import is_used, make_tables, sqlite_file, transfer
from tests.factories import a_document, a_draft, a_key, a_policy, a_request, a_user, an_attempt
from tests.serving.actors import ADMIN

pytestmark = pytest.mark.django_db(transaction=True)


def contents(using: str) -> dict[str, list[tuple]]:
    """Every row of tables with every kind of column."""
    tables = (RoutedRequest, Body, APIKey, Draft, Team, User, AuditEvent)
    found = {table.__name__: sorted(table.objects.using(using).values_list()) for table in tables}
    found["Body"] = [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in found["Body"]]
    return found


@pytest.fixture
def _rows():
    a_user(username="ada")
    a_key(name="Ключ", scopes=["chat"])
    policy = a_policy()
    a_draft(policy, a_document(policy.slug))
    an_attempt(a_request(chat={"messages": [{"content": "naïve 💥"}]}, cost_nusd=2**62))
    audit.record(ADMIN, "try", "it", after={"a": [1, 2.5, None, "ü"]})


@pytest.mark.usefixtures("_rows")
def test_into_a_file_and_back_nothing_changes(tmp_path) -> None:
    before = contents("default")
    with sqlite_file(tmp_path / "copy.sqlite3") as copy:
        make_tables(copy)
        there = transfer("default", copy)
        assert contents(copy) == before
        with connection.cursor() as cursor:
            tables = ", ".join(connection.introspection.django_table_names(only_existing=True))
            cursor.execute(f"TRUNCATE {tables} CASCADE")
        assert not is_used("default")
        assert transfer(copy, "default") == there

    assert contents("default") == before
    assert audit.check_chain().is_whole
    # Numbers that the database gives itself go on after those that came.
    a_user(username="grace")
    audit.record(ADMIN, "try", "it")
    assert not list(tmp_path.glob("*-journal"))


@pytest.mark.usefixtures("_rows")
def test_a_database_with_rows_is_used() -> None:
    assert is_used("default")
