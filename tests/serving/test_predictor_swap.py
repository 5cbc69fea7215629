"""A worker changes its predictor with its configuration, goes on from the data folder while the database is away, and looks again."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async

from routerapp.providers.clock import VirtualClock
from routerapp.serving.route_chat import prepare
from routerapp.serving.startup import PREDICTOR_SECONDS, SnapshotKeeper
from routerapp.store.artefacts import FOLDER
from routerapp.store.last_good import FILE_NAME, save_last_good
from routerapp.store.revisions import record_config_revision, record_evidence_revision
from tests.factories import a_deployment, a_document, a_language_model, a_policy
from tests.learned import POEM, SUM, keep_artefact, small_artefact
from tests.runtimes import CALLER, a_chat, a_runtime

pytestmark = pytest.mark.django_db(transaction=True)
# After the day on which the factories price what they make.
LATE_MS = 1_900_000_000_000
LEARNED = {
    "pool": ["all"],
    "strategy": {"kind": "learned", "default": "model:dear", "cost_quality": 0.85, "max_loss": 0.2},
}


@pytest.fixture
def catalogue(db):
    for slug, dollars in (("cheap", 1), ("dear", 10)):
        price = {"input_nusd_per_mtok": dollars * 10**9, "output_nusd_per_mtok": 2 * dollars * 10**9}
        a_deployment(slug=slug, language_model=a_language_model(slug=slug), price=price)
    a_policy(a_document("support", default=LEARNED), is_default=True)
    # Newer than what the runtime begins with.
    for reason in ("made", "made again"):
        record_config_revision(reason)


@pytest.fixture
def runtime(tmp_path):
    return a_runtime(tmp_path, clock=VirtualClock(LATE_MS))


def a_keeper(runtime, tmp_path) -> SnapshotKeeper:
    keeper = SnapshotKeeper(runtime, tmp_path / FILE_NAME)

    async def in_thread(work, /, *args, **kwargs):
        return await sync_to_async(work)(*args, **kwargs)

    keeper.in_thread = in_thread
    return keeper


def chosen(runtime, text) -> str:
    return prepare(runtime, a_chat(text), CALLER).decision.plan[0].deployment


async def test_the_predictor_comes_with_the_snapshot_that_names_it(catalogue, runtime, tmp_path):
    keeper = a_keeper(runtime, tmp_path)
    await keeper.reload()
    assert (chosen(runtime, SUM), runtime.predicting.predictor) == ("dear", "")

    await sync_to_async(record_evidence_revision)(predictor=keep_artefact(tmp_path))
    await keeper.reload()

    assert runtime.predicting.predictor == runtime.snapshot.evidence.predictor == small_artefact()[1]
    assert (chosen(runtime, SUM), chosen(runtime, POEM)) == ("cheap", "dear")


async def test_one_that_is_missing_is_looked_for_again(catalogue, runtime, tmp_path):
    keeper = a_keeper(runtime, tmp_path)
    await sync_to_async(record_evidence_revision)(predictor=small_artefact()[1])
    await keeper.reload()
    assert "is not in the database" in runtime.predicting.problem
    assert chosen(runtime, SUM) == "dear"

    keep_artefact(tmp_path)
    await keeper.reload()
    assert runtime.predicting.problem
    runtime.clock.advance(PREDICTOR_SECONDS)
    await keeper.reload()

    assert runtime.predicting.problem == ""
    assert chosen(runtime, SUM) == "cheap"


async def test_while_the_database_is_away_the_one_in_the_data_folder_speaks(catalogue, runtime, tmp_path):
    keeper = a_keeper(runtime, tmp_path)
    await sync_to_async(record_evidence_revision)(predictor=keep_artefact(tmp_path))
    await keeper.reload()
    save_last_good(runtime.snapshot, tmp_path / FILE_NAME, runtime.clock.now_ms())
    alone = a_runtime(tmp_path / "alone", clock=runtime.clock)
    a_keeper(alone, tmp_path)._take_last_good()

    assert chosen(alone, SUM) == "cheap"
    assert [path.suffix for path in (tmp_path / FOLDER).iterdir()] == [".safetensors"]
