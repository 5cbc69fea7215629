"""Whether a revision of the evidence is still in use, without reading every decision."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routerapp', '0015_request_filters'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='decisioninputs',
            index=models.Index(fields=['evidence_revision'], name='inputs_evidence'),
        ),
    ]
