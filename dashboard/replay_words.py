"""What a replay found, as a notice."""

from dataclasses import dataclass

from routerapp.store.replay import NotReplayable, ReplayResult


@dataclass(frozen=True, slots=True)
class ReplayNotice:
    tone: str
    title: str
    text: str


def replay_words(result: ReplayResult | NotReplayable) -> ReplayNotice:
    if isinstance(result, NotReplayable):
        return ReplayNotice("warn", "Cannot be replayed.", result.reason)
    if result.same:
        size = f"{len(result.recorded):,}"
        return ReplayNotice(
            "ok", "Same decision.", f"Decided again from what was recorded: all {size} bytes are equal."
        )
    return ReplayNotice(
        "bad",
        "Another decision.",
        "Decided again from what was recorded, the bytes differ. This is a defect: report it with this id.",
    )
