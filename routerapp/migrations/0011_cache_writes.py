from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("routerapp", "0010_counting_arms"),
    ]

    operations = [
        migrations.AddField(
            model_name="attemptrow",
            name="cache_write_nusd_per_mtok",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="attemptrow",
            name="cache_write_tokens",
            field=models.IntegerField(null=True),
        ),
        migrations.AddField(
            model_name="price",
            name="cache_write_nusd_per_mtok",
            field=models.BigIntegerField(blank=True, null=True),
        ),
    ]
