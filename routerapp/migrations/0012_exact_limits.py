from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("routerapp", "0011_cache_writes"),
    ]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="is_exact",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="enduserallowance",
            name="is_exact",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="team",
            name="is_exact",
            field=models.BooleanField(default=False),
        ),
    ]
