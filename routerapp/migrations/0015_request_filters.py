"""An index for each filter of the request list, newest first; none that another one does the work of."""

from django.db import migrations, models


def drop_index_of_time(apps, schema_editor):
    """`request_newest` does what it did. Left to Django, SQLite would write the whole table anew."""
    table = apps.get_model("routerapp", "RoutedRequest")._meta.db_table
    with schema_editor.connection.cursor() as cursor:
        found = schema_editor.connection.introspection.get_constraints(cursor, table)
    for name, facts in found.items():
        if facts["index"] and facts["columns"] == ["at_ms"]:
            names = {"name": schema_editor.quote_name(name), "table": schema_editor.quote_name(table)}
            schema_editor.execute(schema_editor.sql_delete_index % names)


class Migration(migrations.Migration):

    dependencies = [
        ('routerapp', '0014_rollups_by_rule'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='routedrequest',
            name='request_rule',
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name='routedrequest',
                    name='at_ms',
                    field=models.BigIntegerField(),
                ),
            ],
            database_operations=[migrations.RunPython(drop_index_of_time, migrations.RunPython.noop)],
        ),
        migrations.AddIndex(
            model_name='routedrequest',
            index=models.Index(fields=['policy', '-at_ms'], name='request_policy'),
        ),
        migrations.AddIndex(
            model_name='routedrequest',
            index=models.Index(fields=['rule', '-at_ms'], name='request_rule'),
        ),
        migrations.AddIndex(
            model_name='routedrequest',
            index=models.Index(fields=['team', '-at_ms'], name='request_team'),
        ),
        migrations.AddIndex(
            model_name='routedrequest',
            index=models.Index(fields=['task', '-at_ms'], name='request_task'),
        ),
        migrations.AddIndex(
            model_name='routedrequest',
            index=models.Index(condition=models.Q(('origin', 'live'), _negated=True), fields=['origin', '-at_ms'], name='request_origin'),
        ),
        migrations.AddIndex(
            model_name='routedrequest',
            index=models.Index(condition=models.Q(('cache', ''), _negated=True), fields=['cache', '-at_ms'], name='request_cache'),
        ),
    ]
