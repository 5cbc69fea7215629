"""On PostgreSQL the tables of requests are partitioned by the range of the request's id, which begins with its millisecond.

So the id alone stays the primary key, a request written twice meets itself, and forgetting a month or a day is dropping a table. Rows
of no known period are kept in a default partition. Partitions themselves are made by store/partitions.py. On SQLite nothing changes.
"""

from contextlib import contextmanager

from django.db import migrations

# Model, and the columns that hold the id of a request; the table is partitioned by its primary key. Compared by byte, as SQLite does.
PARTITIONED = (
    ("RoutedRequest", ("id",)),
    ("AttemptRow", ("id", "request_id")),
    ("DecisionInputs", ("request_id",)),
    ("DecisionTrace", ("request_id",)),
    ("Body", ("request_id",)),
)


def partition(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for name, columns in PARTITIONED:
        model = apps.get_model("routerapp", name)
        table, key = model._meta.db_table, model._meta.pk.column
        with _compared_by_byte(schema_editor, model, columns), _made_with(schema_editor, f' PARTITION BY RANGE ("{key}")'):
            _make_anew(schema_editor, model)
        schema_editor.execute(f"CREATE TABLE {table}_other PARTITION OF {table} DEFAULT")
        _put_back(schema_editor, table)
    schema_editor.execute('ALTER TABLE feedback ALTER COLUMN request_id TYPE varchar(36) COLLATE "C"')


def unite(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for name, _ in PARTITIONED:
        model = apps.get_model("routerapp", name)
        _make_anew(schema_editor, model)
        _put_back(schema_editor, model._meta.db_table)
    schema_editor.execute('ALTER TABLE feedback ALTER COLUMN request_id TYPE varchar(36) COLLATE "default"')


def _make_anew(schema_editor, model):
    """The table cannot be turned into a partitioned one: its rows wait aside meanwhile."""
    table = model._meta.db_table
    schema_editor.execute(f"CREATE TEMPORARY TABLE {table}_aside ON COMMIT DROP AS SELECT * FROM {table}")
    schema_editor.delete_model(model)
    schema_editor.create_model(model)


def _put_back(schema_editor, table):
    schema_editor.execute(f"INSERT INTO {table} SELECT * FROM {table}_aside")


@contextmanager
def _compared_by_byte(schema_editor, model, columns):
    """Hexadecimal digits and dashes in any other collation would not sort by time; nor need it an index of its own for LIKE."""
    fields = [model._meta.get_field(column) for column in columns]
    make_like_index = schema_editor._create_like_index_sql
    schema_editor._create_like_index_sql = lambda model, field: None if field in fields else make_like_index(model, field)
    for field in fields:
        field.db_collation = "C"
    yield
    for field in fields:
        field.db_collation = None
    del schema_editor._create_like_index_sql


@contextmanager
def _made_with(schema_editor, clause):
    schema_editor.sql_create_table += clause
    yield
    del schema_editor.sql_create_table


class Migration(migrations.Migration):
    dependencies = [("routerapp", "0012_exact_limits")]

    operations = [migrations.RunPython(partition, unite)]
