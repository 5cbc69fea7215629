"""Benchmarks as people import them: the file is taken here and read by a job, which says where and why when it cannot be.

The upload waits in the database, so that the job may run on another machine; it is forgotten once it is read.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from routerapp.models import BenchmarkData, BenchmarkState, Job
from routerapp.serving.changes import find, noting, save_valid, user_of
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import invalid
from routerapp.serving.slugs import checked_slug
from routerapp.store import jobs

IMPORT = "import_benchmark"
ENDINGS = (".parquet", ".csv", ".jsonl")
MOST_BYTES = 32 * 1024 * 1024
MOST_BENCHMARKS = 100


@dataclass(frozen=True, slots=True)
class NewBenchmark:
    """file_name: as the sender calls it; its ending says the format. chunks: the file's bytes, read once and bounded."""

    slug: str
    name: str
    file_name: str
    chunks: Iterable[bytes]


def import_benchmark(wanted: NewBenchmark, *, by: Actor) -> tuple[BenchmarkData, Job]:
    """The row and the job that reads its file. Refused: a wrong ending, a taken slug, an empty or too large file, one that is there."""
    require(by, "edit_benchmark")
    file_name = _checked_file_name(wanted.file_name)
    content = _bounded(wanted.chunks)
    sha256 = hashlib.sha256(content).hexdigest()
    with noting(by, "edit_benchmark", f"benchmark:{wanted.slug}", event=IMPORT) as change:
        checked_slug(wanted.slug, BenchmarkData.objects.all(), "benchmark")
        _refuse_same(sha256)
        row = BenchmarkData(
            slug=wanted.slug,
            name=wanted.name,
            file_name=file_name,
            sha256=sha256,
            file_bytes=len(content),
            upload=content,
            created_by=user_of(by),
        )
        save_valid(row)
        job = jobs.enqueue(IMPORT, {"benchmark": row.slug}, f"{IMPORT}:{row.slug}", "long")
        change.after = {"name": row.name, "file": file_name, "sha256": sha256, "bytes": len(content), "job": job.pk}
    return row, job


def delete_benchmark(slug: str, *, by: Actor) -> None:
    """The row and its prompts go; predictors trained on it and reports about it stay, and say what they were made of."""
    with noting(by, "edit_benchmark", f"benchmark:{slug}", event="delete_benchmark") as change:
        row = find(BenchmarkData.objects.defer("upload", "content"), "benchmark", slug=slug)
        change.before = {"name": row.name, "sha256": row.sha256, "prompts": row.prompts}
        row.delete()


def read_benchmark(job: Job, now: datetime) -> str:
    """The body of job `import_benchmark`. What is wrong with a file stands on its row and is the job's failure."""
    from routerapp.store.benchmark_files import read_outcomes
    from routerapp.store.benchmarks import keep_outcomes

    row = BenchmarkData.objects.filter(slug=job.arguments.get("benchmark", "")).first()
    if row is None or row.upload is None:
        return "Nothing was asked for."
    try:
        with tempfile.TemporaryDirectory(prefix="signalbox-") as folder:
            path = Path(folder) / row.file_name
            path.write_bytes(row.upload)
            jobs.report_progress(job, 0.1, "Reading the file.")
            outcomes = read_outcomes([path])
        jobs.report_progress(job, 0.9, "Writing it down.")
        keep_outcomes(row, outcomes)
    except (ValueError, jobs.JobCancelled) as error:
        row.state, row.problem, row.upload = BenchmarkState.FAILED, str(error)[:1000], None
        row.save(update_fields=["state", "problem", "upload"])
        raise
    return f"{row.prompts:,} prompts and {len(row.model_names):,} models."


def _checked_file_name(given: str) -> str:
    """The last part of the name, for it stands in messages and becomes a file's name for a while."""
    name = PurePosixPath(given.replace("\\", "/")).name.replace("\0", "")
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in ENDINGS:
        raise invalid("file", "unknown_format", f"The file's name must end in {', '.join(ENDINGS)}.")
    stem = "".join(letter if letter.isalnum() or letter in "-_ ." else "_" for letter in name[: -len(suffix)])
    return f"{stem[:80].strip(' .') or 'benchmark'}{suffix}"


def _bounded(chunks: Iterable[bytes]) -> bytes:
    parts, size = [], 0
    for chunk in chunks:
        size += len(chunk)
        if size > MOST_BYTES:
            raise invalid(
                "file", "too_large", f"A file has at most {MOST_BYTES // 2**20} MiB. Parquet is the smallest."
            )
        parts.append(chunk)
    if not size:
        raise invalid("file", "empty", "The file is empty.")
    return b"".join(parts)


def _refuse_same(sha256: str) -> None:
    same = BenchmarkData.objects.filter(sha256=sha256).exclude(state=BenchmarkState.FAILED).first()
    if same is not None:
        raise invalid("file", "already_there", f"This very file is there already, as {same.slug}.")
    if BenchmarkData.objects.count() >= MOST_BENCHMARKS:
        raise invalid("", "too_many", f"There are {MOST_BENCHMARKS} benchmarks; delete one first.")
