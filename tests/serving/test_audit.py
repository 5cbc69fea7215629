import threading

import pytest
from django.db import DatabaseError, connection, transaction

from routerapp.models import AuditEvent
from routerapp.serving import audit
from tests.serving.actors import ADMIN


@pytest.mark.django_db
def test_each_event_stands_on_the_one_before() -> None:
    first = audit.record(ADMIN, "edit_provider", "provider:acme", before={"name": "A"}, after={"name": "B"})
    second = audit.record(ADMIN, "edit_provider", "provider:acme", reason="why not")

    assert first.previous_hash == audit.FIRST_HASH
    assert second.previous_hash == first.hash
    assert audit.verify_chain() is None


@pytest.mark.django_db
def test_an_event_reads_back_as_it_was_hashed() -> None:
    audit.record(ADMIN, "x", "y", after={"share": 0.1, "n": 2**53, "text": "naïve \0 ☃", "list": (1, None, True)})

    assert AuditEvent.objects.get().after == {"share": 0.1, "n": 2**53, "text": "naïve  ☃", "list": [1, None, True]}
    assert audit.verify_chain() is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement", ["UPDATE routerapp_auditevent SET actor = 'eve'", "DELETE FROM routerapp_auditevent"]
)
def test_the_database_itself_refuses_to_change_or_delete(statement: str) -> None:
    audit.record(ADMIN, "x", "y")

    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEvent.objects.get().actor == "admin"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE routerapp_auditevent SET actor = 'eve' WHERE id = %s", 0),
        ("UPDATE routerapp_auditevent SET after = '{\"a\": 2}' WHERE id = %s", 0),
        ("DELETE FROM routerapp_auditevent WHERE id = %s", 1),
    ],
)
def test_tampering_past_the_triggers_shows_where(statement: str, broken: int) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("drops SQLite's triggers")
    ids = [audit.record(ADMIN, "x", f"subject {n}", after={"a": n}).pk for n in range(4)]
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER audit_event_no_update")
        cursor.execute("DROP TRIGGER audit_event_no_delete")
        cursor.execute(statement, [ids[1]])

    assert audit.verify_chain() == ids[1 + broken]


@pytest.mark.django_db
def test_secrets_are_masked_at_any_depth() -> None:
    event = audit.record(
        ADMIN, "x", "y", before={"password": "hunter2"}, after={"a": [{"api_key": "sb_live_x"}], "Credential": "z"}
    )

    assert event.before == {"password": "(hidden)"}
    assert event.after == {"a": [{"api_key": "(hidden)"}], "Credential": "(hidden)"}


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_make_one_chain() -> None:
    def write() -> None:
        try:
            for n in range(5):
                audit.record(ADMIN, "x", f"subject {n}")
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert AuditEvent.objects.count() == 20
    assert audit.verify_chain() is None
