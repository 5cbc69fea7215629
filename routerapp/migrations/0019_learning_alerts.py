"""Alert rules may watch what was learned: kinds of requests that change, models that do worse, a challenger that waits."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routerapp', '0018_learned_routing'),
    ]

    operations = [
        migrations.AlterField(
            model_name='alertrule',
            name='kind',
            field=models.CharField(choices=[('budget', 'Budget nearly spent'), ('error_share', 'Share of failed requests'), ('provider_down', 'Provider down'), ('spool', 'Journal filling up'), ('unpriced', 'Unpriced traffic'), ('input_drift', 'Other kinds of requests'), ('success_drift', 'A model does worse'), ('challenger', 'A challenger waits')], max_length=20),
        ),
    ]
