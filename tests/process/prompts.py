"""Prompts for whole-product tests: real ones where the routing data lies beside the repository, else the demo's own."""

from __future__ import annotations

import itertools
from pathlib import Path

import yaml

from tests.process.product import PROJECT

DATA = PROJECT.parent / "shared" / "data" / "routing"


def some_prompts(count: int) -> tuple[list[str], str]:
    """(prompts, where they are from)."""
    if DATA.is_dir():
        from pyarrow import parquet

        texts: list[str] = []
        for path in sorted(Path(DATA).glob("*.parquet")):
            column = parquet.read_table(path, columns=["prompt"])["prompt"].unique().to_pylist()
            texts += [str(text)[:6_000] for text in column[:: max(1, len(column) // (count // 4 + 1))]]
        return list(itertools.islice(itertools.cycle(texts), count)), "routing data"
    own = [str(item["text"]) for item in yaml.safe_load((PROJECT / "routerapp/demo/prompts.yaml").read_text("utf-8"))]
    return list(
        itertools.islice(itertools.cycle(own), count)
    ), "the demo's prompts (no routing data beside the repository)"
