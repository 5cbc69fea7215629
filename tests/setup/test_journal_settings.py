import pytest

from routerapp.bad_setting import BadSetting
from routerapp.journal_settings import JournalSettings, read_journal


def test_without_variables_records_survive_the_process_and_the_spool_takes_four_gibibytes() -> None:
    assert read_journal({}) == JournalSettings(is_synced=False, spool_max_bytes=4 * 1024**3)


@pytest.mark.parametrize(
    ("text", "size"),
    [("268435456", 1024**3 // 4), ("512MiB", 512 * 1024**2), ("1 gib", 1024**3), ("2TiB", 2 * 1024**4)],
)
def test_a_bound_is_bytes_or_has_a_unit(text: str, size: int) -> None:
    assert read_journal({"SIGNALBOX_SPOOL_MAX_BYTES": text}).spool_max_bytes == size


@pytest.mark.parametrize("text", ["", "0", "-1GiB", "4GB", "1.5GiB", "much", "1MiB", "9" * 30, "4GiBGiB", "²GiB", "K"])
def test_any_other_bound_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadSetting, match="SIGNALBOX_SPOOL_MAX_BYTES"):
        read_journal({"SIGNALBOX_SPOOL_MAX_BYTES": text})


def test_durability_is_process_or_machine() -> None:
    assert read_journal({"SIGNALBOX_DURABILITY": "machine"}).is_synced
    with pytest.raises(BadSetting, match="process"):
        read_journal({"SIGNALBOX_DURABILITY": "yes"})
