"""Sums by rule with few dimensions for the overview; sketches within their rollups; how far minutes and hours are kept. Carries all over."""

import hashlib
from collections import Counter, defaultdict

import msgspec
from django.db import migrations, models

SUMS = (
    "n", "unpriced_n", "estimated_n", "input_tokens", "output_tokens", "cost_nusd", "baseline_n", "baseline_cost_nusd",
    "baseline_actual_nusd", "cache_hit_n", "saved_nusd", "moved_n", "lost_cache_tokens",
)
DIMENSIONS = ("granularity", "starts_at_ms", "origin", "policy", "policy_version", "rule", "status")
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
def rule_id(dimensions):
    """As store/rollups.py makes ids when this was written."""
    digest = hashlib.blake2b(msgspec.json.encode(("rule", *dimensions)), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def pack(counts):
    """As store/sketches.py packs when this was written."""
    return msgspec.msgpack.encode([number for pair in sorted(counts.items()) for number in pair]) if counts else b""


def carry_over(apps, schema_editor):
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT granularity, starts_at_ms FROM request_rollup")
        periods = sorted({*cursor.fetchall(), *_periods_of_attempts(cursor)})
        for period in periods:
            carry_sketches(cursor, "attempt_rollup", period)
            add_rules(cursor, period, carry_sketches(cursor, "request_rollup", period))
        for finer, coarser, length_ms in (("minute", "hour", HOUR_MS), ("hour", "day", DAY_MS)):
            keep_horizon(cursor, finer, coarser, length_ms)


def _periods_of_attempts(cursor):
    cursor.execute("SELECT DISTINCT granularity, starts_at_ms FROM attempt_rollup")
    return cursor.fetchall()


def carry_sketches(cursor, table, period):
    """The buckets of one period's rollups, which now have them packed."""
    cursor.execute(
        f"SELECT s.rollup_id, s.metric, s.bucket, s.n FROM {table} r JOIN sketch_bucket s ON s.rollup_id = r.id "
        "WHERE r.granularity = %s AND r.starts_at_ms = %s",
        period,
    )
    found = defaultdict(lambda: {"latency": {}, "ttft": {}})
    for rollup_id, metric, bucket, n in cursor.fetchall():
        found[rollup_id][metric][bucket] = n
    packed = [(pack(one["latency"]), pack(one["ttft"]), rollup_id) for rollup_id, one in found.items()]
    if packed:
        cursor.executemany(f"UPDATE {table} SET latency_sketch = %s, ttft_sketch = %s WHERE id = %s", packed)
    return found


def add_rules(cursor, period, sketches):
    cursor.execute(
        f"SELECT id, {', '.join(DIMENSIONS)}, {', '.join(SUMS)} FROM request_rollup "
        "WHERE granularity = %s AND starts_at_ms = %s",
        period,
    )
    sums, by_rule = {}, defaultdict(lambda: {"latency": Counter(), "ttft": Counter()})
    for rollup_id, *row in cursor.fetchall():
        where, numbers = tuple(row[: len(DIMENSIONS)]), row[len(DIMENSIONS) :]
        sums[where] = [a + b for a, b in zip(sums.get(where, [0] * len(SUMS)), numbers, strict=True)]
        for metric, counts in sketches.get(rollup_id, {}).items():
            by_rule[where][metric].update(counts)
    rows = [
        (rule_id(where), *where, *sums[where], pack(by_rule[where]["latency"]), pack(by_rule[where]["ttft"]))
        for where in sums
    ]
    insert(cursor, "rule_rollup", ("id", *DIMENSIONS, *SUMS, "latency_sketch", "ttft_sketch"), rows)


def insert(cursor, table, columns, rows):
    if rows:
        places = ", ".join(["%s"] * len(columns))
        cursor.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)


def keep_horizon(cursor, finer, coarser, length_ms):
    """Where the coarser sums reach further back than the finer, those were dropped."""
    found = {}
    for granularity in (finer, coarser):
        cursor.execute(
            "SELECT MIN(starts_at_ms), MAX(starts_at_ms) FROM request_rollup WHERE granularity = %s", [granularity]
        )
        found[granularity] = cursor.fetchone()
    (first, _), (coarse_first, coarse_last) = found[finer], found[coarser]
    if coarse_first is None:
        return
    kept_from_ms = coarse_last + length_ms if first is None else first - first % length_ms
    if coarse_first < kept_from_ms:
        insert(cursor, "rollup_horizon", ("granularity", "kept_from_ms"), [(finer, kept_from_ms)])


class Migration(migrations.Migration):

    dependencies = [
        ('routerapp', '0013_partitioned_traffic'),
    ]

    operations = [
        migrations.CreateModel(
            name='RollupHorizon',
            fields=[
                ('granularity', models.CharField(choices=[('minute', 'Minute'), ('hour', 'Hour'), ('day', 'Day')], max_length=6, primary_key=True, serialize=False)),
                ('kept_from_ms', models.BigIntegerField()),
            ],
            options={
                'db_table': 'rollup_horizon',
            },
        ),
        migrations.CreateModel(
            name='RuleRollup',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('granularity', models.CharField(choices=[('minute', 'Minute'), ('hour', 'Hour'), ('day', 'Day')], max_length=6)),
                ('starts_at_ms', models.BigIntegerField()),
                ('origin', models.CharField(choices=[('live', 'Live'), ('playground', 'Playground'), ('sample', 'Sample data'), ('probe', 'Health probe'), ('shadow', 'Shadow')], max_length=10)),
                ('policy', models.CharField(max_length=60)),
                ('policy_version', models.IntegerField()),
                ('rule', models.CharField(max_length=40)),
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
                'db_table': 'rule_rollup',
            },
        ),
        migrations.AddIndex(
            model_name='rulerollup',
            index=models.Index(fields=['granularity', 'starts_at_ms', 'origin'], name='rule_rollup_time'),
        ),
        migrations.AddField(
            model_name='attemptrollup',
            name='latency_sketch',
            field=models.BinaryField(default=b''),
        ),
        migrations.AddField(
            model_name='attemptrollup',
            name='ttft_sketch',
            field=models.BinaryField(default=b''),
        ),
        migrations.AddField(
            model_name='requestrollup',
            name='latency_sketch',
            field=models.BinaryField(default=b''),
        ),
        migrations.AddField(
            model_name='requestrollup',
            name='ttft_sketch',
            field=models.BinaryField(default=b''),
        ),
        migrations.RunPython(carry_over, migrations.RunPython.noop),
        migrations.DeleteModel(
            name='SketchBucket',
        ),
    ]
