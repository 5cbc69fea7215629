"""Calibrations: prompts put to several models, their answers and marks; and traffic that was made for them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routerapp', '0020_learned_scores'),
    ]

    operations = [
        migrations.AlterField(
            model_name='attemptrollup',
            name='origin',
            field=models.CharField(choices=[('live', 'Live'), ('playground', 'Playground'), ('sample', 'Sample data'), ('probe', 'Health probe'), ('shadow', 'Shadow'), ('calibrate', 'Calibration')], max_length=10),
        ),
        migrations.AlterField(
            model_name='requestrollup',
            name='origin',
            field=models.CharField(choices=[('live', 'Live'), ('playground', 'Playground'), ('sample', 'Sample data'), ('probe', 'Health probe'), ('shadow', 'Shadow'), ('calibrate', 'Calibration')], max_length=10),
        ),
        migrations.AlterField(
            model_name='routedrequest',
            name='origin',
            field=models.CharField(choices=[('live', 'Live'), ('playground', 'Playground'), ('sample', 'Sample data'), ('probe', 'Health probe'), ('shadow', 'Shadow'), ('calibrate', 'Calibration')], max_length=10),
        ),
        migrations.AlterField(
            model_name='rulerollup',
            name='origin',
            field=models.CharField(choices=[('live', 'Live'), ('playground', 'Playground'), ('sample', 'Sample data'), ('probe', 'Health probe'), ('shadow', 'Shadow'), ('calibrate', 'Calibration')], max_length=10),
        ),
        migrations.AlterField(
            model_name='totalrollup',
            name='origin',
            field=models.CharField(choices=[('live', 'Live'), ('playground', 'Playground'), ('sample', 'Sample data'), ('probe', 'Health probe'), ('shadow', 'Shadow'), ('calibrate', 'Calibration')], max_length=10),
        ),
        migrations.CreateModel(
            name='Calibration',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('state', models.CharField(choices=[('choosing', 'Choosing prompts'), ('estimated', 'Waiting for your word'), ('running', 'Running'), ('stopped', 'Stopped'), ('grading', 'Waiting for people'), ('finishing', 'Writing the benchmark'), ('done', 'Done')], default='choosing', max_length=10)),
                ('problem', models.CharField(blank=True, max_length=1000)),
                ('source', models.CharField(choices=[('traffic', 'Recent requests whose content is kept'), ('file', 'Prompts of your own, as JSONL')], max_length=10)),
                ('grading', models.CharField(choices=[('expected', 'The expected answer'), ('pattern', 'A pattern'), ('schema', 'A JSON schema'), ('judge', 'A judge'), ('people', 'People')], max_length=10)),
                ('deployments', models.JSONField(default=list)),
                ('judge', models.CharField(blank=True, max_length=100)),
                ('wanted', models.PositiveIntegerField()),
                ('max_output_tokens', models.PositiveIntegerField()),
                ('seed', models.PositiveIntegerField(default=0)),
                ('offered', models.BinaryField(null=True)),
                ('coverage', models.JSONField(blank=True, default=dict)),
                ('estimate', models.JSONField(blank=True, default=dict)),
                ('ceiling_nusd', models.BigIntegerField(blank=True, null=True)),
                ('spent_nusd', models.BigIntegerField(default=0)),
                ('benchmark', models.CharField(blank=True, max_length=60)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('job', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='routerapp.job')),
            ],
        ),
        migrations.CreateModel(
            name='CalibrationPrompt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('text', models.TextField()),
                ('document', models.JSONField(default=dict)),
                ('calibration', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='prompts', to='routerapp.calibration')),
            ],
        ),
        migrations.CreateModel(
            name='CalibrationAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('deployment', models.CharField(max_length=100)),
                ('language_model', models.CharField(max_length=100)),
                ('state', models.CharField(choices=[('asked', 'Asked'), ('answered', 'Answered'), ('graded', 'Graded'), ('skipped', 'Skipped'), ('missing', 'Missing')], max_length=10)),
                ('text', models.TextField(blank=True)),
                ('is_cut', models.BooleanField(default=False)),
                ('input_tokens', models.IntegerField(null=True)),
                ('output_tokens', models.IntegerField(null=True)),
                ('cost_nusd', models.BigIntegerField(null=True)),
                ('held_nusd', models.BigIntegerField(default=0)),
                ('grade', models.FloatField(null=True)),
                ('problem', models.CharField(blank=True, max_length=200)),
                ('request_id', models.CharField(blank=True, max_length=36)),
                ('place', models.BigIntegerField(default=0)),
                ('graded_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('prompt', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='answers', to='routerapp.calibrationprompt')),
            ],
        ),
        migrations.AddConstraint(
            model_name='calibrationprompt',
            constraint=models.UniqueConstraint(fields=('calibration', 'number'), name='one_prompt_per_number'),
        ),
        migrations.AddIndex(
            model_name='calibrationanswer',
            index=models.Index(fields=['state', 'place'], name='calibration_queue'),
        ),
        migrations.AddConstraint(
            model_name='calibrationanswer',
            constraint=models.UniqueConstraint(fields=('prompt', 'deployment'), name='one_answer_per_deployment'),
        ),
        migrations.AddConstraint(
            model_name='calibrationanswer',
            constraint=models.CheckConstraint(condition=models.Q(('grade__isnull', True), models.Q(('grade__gte', 0), ('grade__lte', 1)), _connector='OR'), name='grade_within_0_1'),
        ),
    ]
