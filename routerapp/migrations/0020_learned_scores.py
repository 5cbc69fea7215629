"""What use taught of each language model, and the votes that were set aside for it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routerapp', '0019_learning_alerts'),
    ]

    operations = [
        migrations.CreateModel(
            name='SetAsideVotes',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('voter', models.CharField(blank=True, max_length=64)),
                ('language_model', models.CharField(blank=True, max_length=100)),
                ('reason', models.CharField(max_length=20)),
                ('votes', models.PositiveIntegerField()),
                ('detail', models.JSONField(blank=True, default=dict)),
                ('made_at_ms', models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='LearnedScore',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('language_model', models.CharField(max_length=100)),
                ('kind', models.CharField(choices=[('dimension', 'Dimension'), ('task', 'Task')], max_length=10)),
                ('subject', models.CharField(max_length=60)),
                ('mean', models.FloatField()),
                ('low', models.FloatField()),
                ('high', models.FloatField()),
                ('judgements', models.PositiveIntegerField()),
                ('effective', models.FloatField()),
                ('sources', models.JSONField(blank=True, default=dict)),
                ('set_aside', models.PositiveIntegerField(default=0)),
                ('prior_share', models.FloatField()),
                ('newest_ms', models.BigIntegerField(null=True)),
                ('is_used', models.BooleanField(default=False)),
                ('made_at_ms', models.BigIntegerField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('language_model', 'kind', 'subject'), name='one_learned_score')],
            },
        ),
    ]
