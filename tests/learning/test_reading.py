"""A prompt becomes the same numbers every time, whatever its length and script."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from routerapp.learning import ngrams, surface, words
from routerapp.learning.reading import RequestCounts, read_prompt, read_prompts
from routerapp.learning.vectors import HALF_BIAS, VectorsMissing, half_rows, mapped_weights


def test_has_the_shapes_it_promises() -> None:
    reading = read_prompt("What is the capital of France?")

    assert (
        reading.vector.shape == (256,)
        and reading.counts.shape == (44,) == (surface.SIZE,)
        and reading.request.shape == (6,)
    )
    assert reading.vector.dtype == reading.counts.dtype == np.float32 and reading.buckets.dtype == np.int32
    assert np.linalg.norm(reading.vector) == pytest.approx(1.0, abs=1e-5) and not reading.is_empty
    assert (np.diff(reading.buckets) > 0).all() and reading.buckets.max() < ngrams.BUCKETS


@pytest.mark.parametrize("text", ["", "   \n\t ", "\u200b"])
def test_an_empty_prompt_is_known_as_one(text: str) -> None:
    reading = read_prompt(text)

    assert reading.is_empty == (not words.split(text)) and np.isfinite(reading.counts).all()


def test_like_prompts_are_nearer_than_unlike_ones() -> None:
    one, like, unlike = (
        read_prompt(text).vector
        for text in ("Sort a list in Python", "Sorting lists with python code", "The court dismissed the appeal")
    )

    assert one @ like > one @ unlike


def test_only_head_and_tail_of_a_long_prompt_count() -> None:
    start, end = "read this " * 130, " answer shortly" * 60
    one, other = read_prompt(f"{start}{'a' * 50_000}{end}"), read_prompt(f"{start}{'b' * 50_000}{end}")

    assert np.array_equal(one.vector, other.vector) and np.array_equal(one.buckets, other.buckets)


@pytest.mark.parametrize(
    "text", ["素数とは何ですか", "Ünïcode straße", "\ud800 broken", "x" * 300_000, "1" * 5_000, "🙂" * 50]
)
def test_any_text_can_be_read(text: str) -> None:
    reading = read_prompt(text)

    assert np.isfinite(reading.vector).all() and np.isfinite(reading.counts).all() and not reading.is_empty


def test_scripts_without_spaces_are_read_sign_by_sign() -> None:
    assert words.split("素数とは") == ["素", "数", "と", "は"]


def test_many_are_read_like_one_and_can_be_picked() -> None:
    texts = ["Add 2 and 3.", "Name a river", "", "Write a loop in python"]
    many = read_prompts(texts).rows([3, 1, 2])

    for at, text in enumerate(["Write a loop in python", "Name a river", ""]):
        assert np.array_equal(many.one(at).buckets, read_prompt(text).buckets) and np.array_equal(
            many.vectors[at], read_prompt(text).vector
        )
        assert many.one(at).is_empty == (text == "")


def test_the_request_counts_too() -> None:
    plain, rich = (
        read_prompt("Hello"),
        read_prompt(
            "Hello", RequestCounts(tools=3, turns=4, has_system_prompt=True, format="json_schema", max_tokens=50)
        ),
    )

    assert (plain.request != rich.request).all()


@pytest.mark.parametrize("counts", [RequestCounts(tools=-1), RequestCounts(format="xml")])
def test_impossible_counts_are_refused(counts: RequestCounts) -> None:
    with pytest.raises(ValueError, match=r"allowed|counts"):
        counts.numbers()


def test_the_vectors_package_is_never_imported() -> None:
    read_prompt("Hello there")

    assert "wordllama" not in sys.modules


def test_half_precision_is_widened_exactly() -> None:
    halves = np.array([[0.1, -2.5, 6e-8, 0.0], [65504.0, -1e-4, 1.0, -0.0]], np.float16)

    assert np.array_equal(
        half_rows(halves.view(np.int16), [0, 1]).astype(np.float64) * HALF_BIAS, halves.astype(np.float64)
    )


def test_another_file_is_no_table_of_vectors(tmp_path: Path) -> None:
    from safetensors.numpy import save

    path = tmp_path / "other.safetensors"
    path.write_bytes(save({"embedding.weight": np.zeros((3, 4), np.float16)}))

    with pytest.raises(VectorsMissing, match="256"):
        mapped_weights(path)
