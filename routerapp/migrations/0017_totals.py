"""Totals of their own for the overview: a period is a handful of rows. The sums by rule need no sketches then. Carries all over."""

import hashlib
from collections import Counter, defaultdict

import msgspec
from django.db import migrations, models

SUMS = (
    "n", "unpriced_n", "estimated_n", "input_tokens", "output_tokens", "cost_nusd", "baseline_n", "baseline_cost_nusd",
    "baseline_actual_nusd", "cache_hit_n", "saved_nusd", "moved_n", "lost_cache_tokens",
)
DIMENSIONS = ("granularity", "starts_at_ms", "origin", "status")
SKETCHES = ("latency_sketch", "ttft_sketch")


def id_of(dimensions):
    """As store/rollups.py makes ids when this was written."""
    digest = hashlib.blake2b(msgspec.json.encode(("total", *dimensions)), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def unpack(packed):
    numbers = msgspec.msgpack.decode(packed) if packed else []
    return Counter(dict(zip(numbers[::2], numbers[1::2], strict=True)))


def pack(counts):
    return msgspec.msgpack.encode([number for pair in sorted(counts.items()) for number in pair]) if counts else b""


def add_totals(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT granularity, starts_at_ms FROM rule_rollup")
        for period in cursor.fetchall():
            add_period(cursor, period)


def add_period(cursor, period):
    cursor.execute(
        f"SELECT {', '.join((*DIMENSIONS, *SUMS, *SKETCHES))} FROM rule_rollup WHERE granularity = %s AND starts_at_ms = %s",
        period,
    )
    sums, sketches = defaultdict(lambda: [0] * len(SUMS)), defaultdict(lambda: (Counter(), Counter()))
    for row in cursor.fetchall():
        where, numbers, packed = row[:4], row[4:-2], row[-2:]
        sums[where] = [one + other for one, other in zip(sums[where], numbers, strict=True)]
        for counts, more in zip(sketches[where], packed, strict=True):
            counts.update(unpack(more))
    columns = ("id", *DIMENSIONS, *SUMS, *SKETCHES)
    cursor.executemany(
        f"INSERT INTO total_rollup ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})",
        [(id_of(where), *where, *numbers, *map(pack, sketches[where])) for where, numbers in sums.items()],
    )


class Migration(migrations.Migration):

    dependencies = [
        ('routerapp', '0016_evidence_in_use'),
    ]

    operations = [
        migrations.CreateModel(
            name='TotalRollup',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('granularity', models.CharField(choices=[('minute', 'Minute'), ('hour', 'Hour'), ('day', 'Day')], max_length=6)),
                ('starts_at_ms', models.BigIntegerField()),
                ('origin', models.CharField(choices=[('live', 'Live'), ('playground', 'Playground'), ('sample', 'Sample data'), ('probe', 'Health probe'), ('shadow', 'Shadow')], max_length=10)),
                ('status', models.CharField(max_length=16)),
                ('n', models.BigIntegerField()),
                ('unpriced_n', models.BigIntegerField()),
                ('estimated_n', models.BigIntegerField()),
                ('input_tokens', models.BigIntegerField()),
                ('output_tokens', models.BigIntegerField()),
                ('cost_nusd', models.BigIntegerField()),
                ('baseline_n', models.BigIntegerField()),
                ('baseline_cost_nusd', models.BigIntegerField()),
                ('baseline_actual_nusd', models.BigIntegerField()),
                ('cache_hit_n', models.BigIntegerField()),
                ('saved_nusd', models.BigIntegerField()),
                ('moved_n', models.BigIntegerField()),
                ('lost_cache_tokens', models.BigIntegerField()),
                ('latency_sketch', models.BinaryField(default=b'')),
                ('ttft_sketch', models.BinaryField(default=b'')),
            ],
            options={
                'db_table': 'total_rollup',
                'indexes': [models.Index(fields=['granularity', 'starts_at_ms', 'origin'], name='total_rollup_time')],
            },
        ),
        migrations.RunPython(add_totals, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='rulerollup',
            name='latency_sketch',
        ),
        migrations.RemoveField(
            model_name='rulerollup',
            name='ttft_sketch',
        ),
    ]
