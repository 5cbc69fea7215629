"""`make bench-quality`: divisions without a shared question, honest verdicts, a page of every part, a clear word when the data is absent."""

import re
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality import __main__ as bench
from benchmarks.quality import contestants, few_labels, left_out, new_model, page, pool_run
from benchmarks.quality.bars import bars
from benchmarks.quality.data import FOLDER, BenchmarkData, DataMissing, divided, without_groups_of
from benchmarks.quality.pools import POOLS, Pool
from benchmarks.quality.results import Results
from routerapp.learning.baselines import fit_task_known
from routerapp.learning.outcomes import Outcomes
from routerapp.learning.routers import fit_best_single, fit_levels, fit_random, guarded
from tests.learning.graded import two_kinds


def hashed(outcomes: Outcomes, per_group: int = 2) -> Outcomes:
    """The same outcomes with groups named as the files name them: hexadecimal digits."""
    generator = np.random.Generator(np.random.PCG64(0))
    names = ["".join(f"{digit:x}" for digit in generator.integers(0, 16, 16)) for _ in range(len(outcomes))]
    groups = tuple(names[at // per_group] for at in range(len(outcomes)))
    return Outcomes(**{**{name: getattr(outcomes, name) for name in Outcomes.__slots__}, "groups": groups})


OUTCOMES = hashed(two_kinds(800, 1)[0])


class Given(BenchmarkData):
    """Outcomes made up here instead of files."""

    def __init__(self) -> None:
        self.folder = Path()

    def of(self, pool: Pool) -> Outcomes:
        return OUTCOMES


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Pool:
    """Contestants that need no word vectors; the one that knows the task plays ours."""
    fits = {contestants.OURS: fit_task_known, "best single": fit_best_single, "means only": fit_levels}
    monkeypatch.setattr(pool_run, "FITS", {**fits, "random": fit_random})
    monkeypatch.setattr(pool_run, "RIVALS", ("best single", "means only", "random"))
    monkeypatch.setattr(left_out, "fit_guarded", lambda outcomes, seed: guarded(fit_levels(outcomes, seed), "a", 0.02))
    monkeypatch.setattr(bench, "fit_ours", fit_task_known)
    monkeypatch.setattr(bench, "FEW_LABELS", (100,))
    return Pool("routellm-mmlu", "none.parquet", ("a", "b", "c"))


@pytest.mark.parametrize("split", [0, 1, 2])
def test_no_question_is_on_both_sides_and_about_70_percent_are_trained_on(split: int) -> None:
    train, test = divided(OUTCOMES, split)

    assert not set(train.groups) & set(test.groups)
    assert len(train) + len(test) == 800
    assert 0.62 <= len(train) / 800 <= 0.78


def test_splits_differ() -> None:
    assert divided(OUTCOMES, 0)[1].prompt_ids != divided(OUTCOMES, 1)[1].prompt_ids


def test_a_question_of_the_left_out_category_is_nowhere_in_training() -> None:
    kept = without_groups_of(OUTCOMES, OUTCOMES.rows([0]))

    assert OUTCOMES.groups[0] not in kept.groups
    assert len(kept) == 798


def test_a_run_measures_every_part_and_says_what_was_kept(small: Pool, tmp_path: Path) -> None:
    options, results = Namespace(pools=[small], splits=2, quick=True, only=bench.PARTS), Results(tmp_path)
    bench.measure(options, Given(), results)
    run = results.read()
    text = page.page(run | {"bars": bars(run)})

    assert "Ours is the best of those that see only the prompt by dAIQ and APGR." in text
    assert "mean of 2 splits" in text
    for heading in ("Categories never seen", "Few labels, and RouteLLM's", "A model that joins with 50 labels", "Bars"):
        assert f"## {heading}" in text
    assert re.search(r"similarity ranking, \+ 1,500 MMLU labels +\| 0\.603", text)
    assert "None" not in text and "nan" not in text


def test_parts_measured_later_are_put_beside_those_of_an_earlier_run(tmp_path: Path) -> None:
    Results(tmp_path).put("few_labels", "routellm-mmlu", [{"apgr": 0.6}], 1.0, 200)
    Results(tmp_path).put("new_models", "zeroeval", {"full": 0.1}, 2.0, 200)
    Results(tmp_path).put("new_models", "mmlu-pro", {}, 2.0, 200)
    found = Results(tmp_path).read()

    assert found["few_labels"] == {"routellm-mmlu": [{"apgr": 0.6}]}
    assert found["new_models"] == {"zeroeval": {"full": 0.1}}
    assert set(found["measured"]) == {"few_labels/routellm-mmlu", "new_models/zeroeval"}


def test_says_who_leads_where_ours_does_not(small: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_run, "FITS", {contestants.OURS: fit_levels, "kNN (80)": fit_task_known})
    monkeypatch.setattr(pool_run, "RIVALS", ("kNN (80)",))
    found = pool_run.run_pool(small, Given(), splits=1, draws=100)

    assert found["verdict"]["best_in"] == []
    assert found["verdict"]["behind"]["gain_over_zero"]["leader"] == "kNN (80)"
    assert "Ours is **not** the best here. By dAIQ kNN (80) leads: -0." in page._pool(found)
    assert "more than chance" in page._pool(found)


def test_of_a_new_model_only_the_labels_wanted_stay() -> None:
    few = new_model.with_few(OUTCOMES, "b", 50, seed=3)

    assert (~np.isnan(few.quality[:, 1])).sum() == 50
    assert (np.isnan(few.cost_usd[:, 1]) == np.isnan(few.quality[:, 1])).all()
    assert not np.isnan(few.quality[:, [0, 2]]).any()
    assert not np.isnan(OUTCOMES.quality).any()


def test_models_of_all_ranks_join_in_turn() -> None:
    assert new_model.joining(OUTCOMES, 2) == ["a", "c"]
    assert set(new_model.joining(OUTCOMES, 9)) == {"a", "b", "c"}


def test_few_labels_are_never_among_what_is_tested() -> None:
    found = few_labels.mean_apgr(fit_task_known, OUTCOMES, labels=100, draws=2)

    assert found["apgr"] > 0.55
    assert len(found["apgr_each"]) == 2


def test_the_gate_keeps_the_default_on_categories_never_seen(small: Pool) -> None:
    found = left_out.left_out(OUTCOMES, draws=50)

    assert found["folds"] == 2
    assert found["of_default"]["value"] == pytest.approx(0.0)


def test_says_clearly_that_nothing_was_measured_without_the_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.main(["--data", str(tmp_path / "none")])

    assert "Nothing was measured" in capsys.readouterr().out
    with pytest.raises(DataMissing, match=r"mmlu-pro\.parquet is not there"):
        BenchmarkData(tmp_path).of(POOLS[0])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--pools", "mmlu"], "'mmlu' is not there"), (["--splits", "0"], "from 1 to 20"), (["--only", "all"], "'all'")],
)
def test_refuses_what_is_not_there(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(arguments)

    assert said in capsys.readouterr().err


def test_the_given_data_has_every_pool_with_all_of_its_models_answered() -> None:
    if not FOLDER.is_dir():
        pytest.skip(f"{FOLDER} is not there")
    data = BenchmarkData(FOLDER)
    pool = next(pool for pool in POOLS if pool.name == "zeroeval")

    outcomes = data.of(pool)

    assert len(outcomes) == 2_011
    assert not np.isnan(outcomes.quality).any() and not np.isnan(outcomes.cost_usd).any()
