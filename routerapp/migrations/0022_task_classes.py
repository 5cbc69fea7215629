"""Examples and thresholds a team gives its task classes, and versions of the task head fitted with them."""


import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routerapp', '0021_calibrations'),
    ]

    operations = [
        migrations.CreateModel(
            name='TaskClass',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(max_length=20, unique=True)),
                ('words', models.CharField(blank=True, max_length=200)),
                ('examples', models.JSONField(blank=True, default=list)),
                ('threshold', models.FloatField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='TaskHeadVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField(unique=True)),
                ('sha256', models.CharField(max_length=64, unique=True)),
                ('state', models.CharField(choices=[('candidate', 'Candidate'), ('live', 'Live'), ('retired', 'Retired')], default='candidate', max_length=10)),
                ('artefact', models.BinaryField()),
                ('card', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('promoted_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'live')), fields=('state',), name='one_live_task_head')],
            },
        ),
    ]
