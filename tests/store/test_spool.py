import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerapp.store.records import FeedbackGiven, decode_record, encode_record
from routerapp.store.spool import FRAME_VERSION, BootFolder, Position, boot_folders, frame, scan
from tests.store.examples import attempt, begin, end, journal_request, small_journal

PAYLOADS = st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=12)


def payloads(data: bytes, *, is_final: bool = True) -> list[bytes | None]:
    return [found.payload for found in scan(data, 0, is_final=is_final)]


@given(PAYLOADS)
def test_frames_come_back_as_they_were_written(written: list[bytes]) -> None:
    assert payloads(b"".join(map(frame, written))) == written


@given(PAYLOADS, st.data())
def test_a_torn_tail_costs_only_the_last_frame(written: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(map(frame, written))
    cut = data.draw(st.integers(min_value=1, max_value=len(frame(written[-1])) - 1))

    assert payloads(whole[:-cut], is_final=False) == written[:-1]


@given(PAYLOADS, st.data())
def test_one_flipped_bit_costs_one_frame_and_is_reported(written: list[bytes], data: st.DataObject) -> None:
    frames = [frame(payload) for payload in written]
    broken = data.draw(st.integers(min_value=0, max_value=len(frames) - 1))
    bit = data.draw(st.integers(min_value=0, max_value=8 * len(frames[broken]) - 1))
    damaged = bytearray(frames[broken])
    damaged[bit // 8] ^= 1 << bit % 8
    found = payloads(b"".join([*frames[:broken], bytes(damaged), *frames[broken + 1 :]]))

    assert [payload for payload in found if payload is not None] == written[:broken] + written[broken + 1 :]
    assert (None in found) == (broken < len(frames) - 1)


def test_the_layout_of_a_frame_is_the_documented_one() -> None:
    head = bytes([FRAME_VERSION]) + (3).to_bytes(4, "big")

    assert frame(b"abc") == head + zlib.crc32(head + b"abc").to_bytes(4, "big") + b"abc"


@pytest.mark.parametrize(
    "record",
    [
        begin(1),
        attempt(1),
        end(1),
        FeedbackGiven(id="f", request_id="r", at_ms=1, kind="rating", value=0.5),
    ],
)
def test_records_round_trip(record) -> None:
    assert decode_record(encode_record(record)) == record


def test_reads_over_segments_and_skips_what_is_damaged(tmp_path) -> None:
    journal = small_journal(tmp_path, segment_bytes=5_000)
    for number in range(20):
        journal_request(journal, number)
    segments = sorted(journal.folder.glob("*.log"))
    assert len(segments) > 3
    spoiled = bytearray(segments[1].read_bytes())
    spoiled[100] ^= 0xFF
    segments[1].write_bytes(spoiled)
    journal.close()
    reader = BootFolder(journal.folder, Position())
    assert reader.is_dead
    pieces = []
    while more := reader.read(is_dead=True):
        pieces += more
    reader.close()

    assert sum(piece.payload is not None for piece in pieces) == 59
    assert [piece.at.segment for piece in pieces if piece.payload is None] == [1]


def test_waits_for_the_rest_of_a_record_of_a_living_writer(tmp_path) -> None:
    journal = small_journal(tmp_path)
    journal_request(journal, 1)
    tail = frame(encode_record(begin(2)))
    with next(journal.folder.glob("*.log")).open("ab", buffering=0) as file:
        file.write(tail[:50])
        reader = BootFolder(journal.folder, Position())
        assert not reader.is_dead
        assert len(reader.read(is_dead=False)) == 3
        assert reader.read(is_dead=False) == []
        file.write(tail[50:])

        assert [piece.payload for piece in reader.read(is_dead=False)] == [encode_record(begin(2))]
    journal.close()


def test_a_boot_is_seen_only_with_its_lock_held(tmp_path) -> None:
    (tmp_path / "spool" / ".half-made").mkdir(parents=True)
    journal = small_journal(tmp_path)

    assert boot_folders(tmp_path / "spool") == [journal.folder]
    assert not BootFolder(journal.folder, Position()).is_dead
    journal.close()


def test_a_record_larger_than_a_chunk_is_read(tmp_path) -> None:
    journal = small_journal(tmp_path)
    journal.append(begin(1, chat_body=b"x" * 3_000_000))
    journal.append(end(1))
    reader = BootFolder(journal.folder, Position())

    assert len(reader.read(is_dead=False)) + len(reader.read(is_dead=False)) == 2
    journal.close()
