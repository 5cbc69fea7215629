"""Benchmarks people import, versions of predictors learned from them, reports of how well they route."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routerapp', '0017_totals'),
    ]

    operations = [
        migrations.CreateModel(
            name='BenchmarkData',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(max_length=60, unique=True)),
                ('name', models.CharField(max_length=100)),
                ('state', models.CharField(choices=[('importing', 'Importing'), ('ready', 'Ready'), ('failed', 'Failed')], default='importing', max_length=10)),
                ('problem', models.CharField(blank=True, max_length=1000)),
                ('file_name', models.CharField(max_length=200)),
                ('sha256', models.CharField(max_length=64)),
                ('file_bytes', models.BigIntegerField()),
                ('upload', models.BinaryField(null=True)),
                ('content', models.BinaryField(null=True)),
                ('rows', models.BigIntegerField(default=0)),
                ('prompts', models.BigIntegerField(default=0)),
                ('model_names', models.JSONField(blank=True, default=list)),
                ('datasets', models.JSONField(blank=True, default=dict)),
                ('singles', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='EvaluationReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject', models.CharField(blank=True, max_length=80)),
                ('predictor', models.CharField(blank=True, db_index=True, max_length=64)),
                ('benchmarks', models.JSONField(blank=True, default=list)),
                ('pool', models.JSONField(blank=True, default=list)),
                ('report', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='PredictorVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.SlugField(max_length=60)),
                ('version', models.PositiveIntegerField()),
                ('sha256', models.CharField(max_length=64, unique=True)),
                ('state', models.CharField(choices=[('candidate', 'Candidate'), ('live', 'Live'), ('retired', 'Retired')], default='candidate', max_length=10)),
                ('artefact', models.BinaryField()),
                ('card', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('promoted_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('name', 'version'), name='one_predictor_per_version'), models.UniqueConstraint(condition=models.Q(('state', 'live')), fields=('state',), name='one_live_predictor')],
            },
        ),
    ]
