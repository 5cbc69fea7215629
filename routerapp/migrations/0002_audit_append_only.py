"""The audit log takes new rows only: the database itself refuses to change or delete one."""

from django.db import migrations

TABLE = "routerapp_auditevent"
WORDS = "audit events are never changed or deleted"

SQLITE_FORWARD = [
    f"""
    CREATE TRIGGER audit_event_no_{what.lower()} BEFORE {what} ON {TABLE}
    BEGIN SELECT RAISE(ABORT, '{WORDS}'); END
    """
    for what in ("UPDATE", "DELETE")
]
SQLITE_BACKWARD = ["DROP TRIGGER audit_event_no_update", "DROP TRIGGER audit_event_no_delete"]

POSTGRESQL_FORWARD = [
    f"""
    CREATE FUNCTION audit_event_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'restrict_violation'; END $$
    """,
    f"""
    CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON {TABLE}
    FOR EACH ROW EXECUTE FUNCTION audit_event_refuse()
    """,
]
POSTGRESQL_BACKWARD = [f"DROP TRIGGER audit_event_append_only ON {TABLE}", "DROP FUNCTION audit_event_refuse()"]

STATEMENTS = {
    "sqlite": (SQLITE_FORWARD, SQLITE_BACKWARD),
    "postgresql": (POSTGRESQL_FORWARD, POSTGRESQL_BACKWARD),
}


def add_triggers(apps, schema_editor):
    for statement in STATEMENTS[schema_editor.connection.vendor][0]:
        schema_editor.execute(statement)


def drop_triggers(apps, schema_editor):
    for statement in STATEMENTS[schema_editor.connection.vendor][1]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("routerapp", "0001_first_tables")]

    operations = [migrations.RunPython(add_triggers, drop_triggers)]
