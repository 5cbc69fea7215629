"""Strategy kind -> how to read and rank it. A new strategy is one file and one line here; `split` chooses between uses and is read by them."""

from __future__ import annotations

from collections.abc import Mapping

from routerapp.engine.strategies.balanced import BALANCED
from routerapp.engine.strategies.bandit import BANDIT
from routerapp.engine.strategies.capability import CAPABILITY
from routerapp.engine.strategies.cascade import CASCADE
from routerapp.engine.strategies.cheapest import CHEAPEST
from routerapp.engine.strategies.consistent_hash import CONSISTENT_HASH
from routerapp.engine.strategies.contextual import CONTEXTUAL
from routerapp.engine.strategies.fastest import FASTEST
from routerapp.engine.strategies.headroom import HEADROOM
from routerapp.engine.strategies.learned import LEARNED
from routerapp.engine.strategies.least_busy import LEAST_BUSY
from routerapp.engine.strategies.most_reliable import MOST_RELIABLE
from routerapp.engine.strategies.ordered import ORDERED
from routerapp.engine.strategies.ranking import StrategyKind
from routerapp.engine.strategies.round_robin import ROUND_ROBIN
from routerapp.engine.strategies.semantic import SEMANTIC
from routerapp.engine.strategies.threshold import THRESHOLD_KIND
from routerapp.engine.strategies.weighted import WEIGHTED

RANKING_STRATEGIES: Mapping[str, StrategyKind] = {
    "ordered": ORDERED,
    "round_robin": ROUND_ROBIN,
    "weighted": WEIGHTED,
    "least_busy": LEAST_BUSY,
    "headroom": HEADROOM,
    "fastest": FASTEST,
    "most_reliable": MOST_RELIABLE,
    "cheapest": CHEAPEST,
    "balanced": BALANCED,
    "capability": CAPABILITY,
    "contextual": CONTEXTUAL,
    "consistent_hash": CONSISTENT_HASH,
    "cascade": CASCADE,
    "semantic": SEMANTIC,
    "threshold": THRESHOLD_KIND,
    "learned": LEARNED,
    "bandit": BANDIT,
}
SPLIT = "split"
AVAILABLE_KINDS = (*RANKING_STRATEGIES, SPLIT)
