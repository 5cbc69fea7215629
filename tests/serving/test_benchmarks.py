"""A benchmark is taken by a person and read by a job; what cannot be read says where and why, and changes nothing else."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest

from routerapp.models import AuditEvent, BenchmarkData, Job
from routerapp.serving import benchmarks
from routerapp.serving.benchmarks import NewBenchmark, delete_benchmark, import_benchmark
from routerapp.serving.permissions import NotAllowed
from routerapp.serving.refusals import Invalid
from routerapp.serving.run_job import run_job
from routerapp.store.benchmarks import joined, load_outcomes, pack_outcomes, renamed, unpack_outcomes
from tests.serving.actors import EDITOR, VIEWER

pytestmark = pytest.mark.django_db
ROWS = [
    ("What is 2 + 2?", "sums", "big", 1.0, 0.5),
    ("What is 2 + 2?", "sums", "small", 0.0, ""),
    ("Name a river.", "names", "small", 0.25, 0.1),
]


def a_csv(rows: Any = ROWS) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([("prompt", "task", "model", "quality", "cost_usd"), *rows])
    return text.getvalue().encode()


def imported(content: bytes, slug: str = "sums", file_name: str = "sums.csv") -> tuple[BenchmarkData, Job]:
    row, job = import_benchmark(NewBenchmark(slug, "Sums", file_name, [content]), by=EDITOR)
    run_job(job.pk)
    row.refresh_from_db()
    job.refresh_from_db()
    return row, job


def test_a_file_becomes_outcomes_and_is_forgotten() -> None:
    row, job = imported(a_csv())

    assert (row.state, row.prompts, row.rows, row.model_names) == ("ready", 2, 3, ["big", "small"])
    assert (job.state, job.message, row.upload) == ("done", "2 prompts and 2 models.", None)
    assert row.singles["small"] == {"answered": 2, "quality": 0.125, "cost_usd": 0.1}
    outcomes = load_outcomes(["sums"])
    assert outcomes.prompts == ("What is 2 + 2?", "Name a river.")
    np.testing.assert_array_equal(outcomes.quality, [[1.0, 0.0], [np.nan, 0.25]])
    np.testing.assert_array_equal(outcomes.cost_usd, [[0.5, np.nan], [np.nan, 0.1]])
    assert AuditEvent.objects.get(action="import_benchmark").after["sha256"] == row.sha256


def test_a_file_that_cannot_be_read_says_which_cell() -> None:
    row, job = imported(a_csv([*ROWS, ("Name a lake.", "names", "big", 7, 0)]))

    assert (row.state, row.upload, job.state) == ("failed", None, "failed")
    assert row.problem.startswith("sums.csv, column 'quality', row 4: '7'")


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"file_name": "sums.pickle"}, "file", "unknown_format"),
        ({"chunks": []}, "file", "empty"),
        ({"slug": "No slug"}, "slug", "bad_slug"),
        ({"slug": "new"}, "slug", "reserved"),
        ({"name": "x" * 101}, "name", "max_length"),
    ],
)
def test_what_is_wrong_at_once_is_refused_at_once(changes: dict[str, Any], path: str, code: str) -> None:
    fields: dict[str, Any] = {"slug": "sums", "name": "Sums", "file_name": "sums.csv", "chunks": [a_csv()]} | changes
    with pytest.raises(Invalid) as refused:
        import_benchmark(NewBenchmark(**fields), by=EDITOR)

    assert [(one.path, one.code) for one in refused.value.problems] == [(path, code)]
    assert not BenchmarkData.objects.exists() and not Job.objects.exists()


def test_a_file_is_read_no_further_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks, "MOST_BYTES", 1_000)
    chunks = iter([b"x" * 600] * 5)
    with pytest.raises(Invalid, match="at most"):
        import_benchmark(NewBenchmark("sums", "Sums", "sums.csv", chunks), by=EDITOR)

    assert len(list(chunks)) == 3


def test_the_same_file_comes_once_and_may_come_again_when_it_is_gone() -> None:
    imported(a_csv())
    with pytest.raises(Invalid, match="there already, as sums"):
        imported(a_csv(), "again")
    delete_benchmark("sums", by=EDITOR)

    assert imported(a_csv(), "again")[0].state == "ready"
    assert AuditEvent.objects.get(action="delete_benchmark").before["prompts"] == 2


def test_a_name_with_a_path_is_only_its_last_part() -> None:
    row, _ = imported(a_csv(), file_name="..\\..\\etc/..%2f<b>.CSV")

    assert row.file_name == "%2f_b_.csv".replace("%", "_")


def test_viewers_import_and_delete_nothing() -> None:
    imported(a_csv())
    with pytest.raises(NotAllowed):
        import_benchmark(NewBenchmark("b", "B", "b.csv", [b"x"]), by=VIEWER)
    with pytest.raises(NotAllowed):
        delete_benchmark("sums", by=VIEWER)


def test_tables_are_packed_joined_and_renamed_without_losing_a_number() -> None:
    imported(a_csv())
    imported(a_csv([("Name a sea.", "names", "third", 1, 2)]), "seas")
    both = load_outcomes(["sums", "seas"])

    assert both.models == ("big", "small", "third")
    np.testing.assert_array_equal(both.quality[2], [np.nan, np.nan, 1.0])
    again = unpack_outcomes(pack_outcomes(both))
    assert again.prompt_ids == both.prompt_ids and again.categories == both.categories
    np.testing.assert_array_equal(again.cost_usd, both.cost_usd)
    ours = renamed(both, {"third": "claude", "small": "mini"})
    assert (ours.models, ours.prompts) == (("claude", "mini"), ("What is 2 + 2?", "Name a river.", "Name a sea."))
    with pytest.raises(ValueError, match="same name"):
        renamed(both, {"big": "mini", "small": "mini"})
    one = renamed(both, {"big": "claude", "small": "mini", "third": "mini"})
    assert one.models == ("claude", "mini")
    np.testing.assert_array_equal(one.quality[2], [np.nan, 1.0])
    np.testing.assert_array_equal(one.quality[:2], both.quality[:2, :2])
    with pytest.raises(ValueError, match="nothing"):
        joined([])
