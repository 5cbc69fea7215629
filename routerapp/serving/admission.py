"""One request's standing with everybody whose limits bind it, from its arrival to its end: admitted, held for, booked, released.

await admission.cover()      # only with shared limits: asks for what enter() needs; raises Refused 503
admission.enter()            # counts the request; raises Refused 429
admission.take(prepared)     # holds the plan's worst case; raises Refused 402 or 429
admission.note(attempt)      # each attempt's cost, as it ends
admission.release()          # on every path; harmless a second time
"""

from __future__ import annotations

from routerapp.engine.allowances import subject_names
from routerapp.engine.chat import Chat
from routerapp.engine.types import CallerFacts
from routerapp.engine.verdicts import Verdict
from routerapp.serving.hold import Hold
from routerapp.serving.limits import admit, budget_sentence, limit_headers, limits_unavailable, refused_for
from routerapp.serving.route_chat import Prepared
from routerapp.serving.runtime import Runtime
from routerapp.serving.served import Refused
from routerapp.serving.units import hash_user
from routerapp.store.limits import Grant
from routerapp.store.records import AttemptEnd
from routerapp.store.usage_windows import Moment

# What becomes of requests under an exact limit while the shared books cannot be asked.
ALONE_CHOICES = ("refuse", "serve")
# So often a request whose plan needs more than this process has is decided anew.
MOST_ROUNDS = 4


class Admission:
    def __init__(self, runtime: Runtime, chat: Chat | None, caller: CallerFacts, at_ms: int) -> None:
        config = runtime.snapshot.config
        user = hash_user(chat.extras.user) if config.users and chat is not None and chat.extras.user else None
        self.subjects = config.subjects_of(caller, user)
        self.hold: Hold | None = None
        self._runtime = runtime
        self._caller = caller
        self._chat = chat
        self._at_ms = at_ms
        self._begun: Moment = runtime.limits.moment(at_ms)
        self._grant: Grant | None = None
        self._user = user or ""
        self._rounds = 0
        self._planned: tuple[Prepared, Hold] | None = None

    async def cover(self) -> None:
        """With shared limits: makes sure that this process may let one more request in, and only waits where it must. Raises Refused 503."""
        shared = self._runtime.shared
        if shared is None or not self.subjects:
            return
        choice = self._runtime.snapshot.settings.get("exact_limits_alone", ALONE_CHOICES[0])
        if not await shared.cover(self.subjects) and choice == ALONE_CHOICES[0]:
            raise limits_unavailable()

    async def cover_plan(self, prepared: Prepared) -> bool:
        """The same for what the plan may cost; True where it had to wait, so that the decision is of another moment."""
        shared = self._runtime.shared
        if shared is None or self._grant is None or self._chat is None or not prepared.decision.plan:
            return False
        if self._rounds >= MOST_ROUNDS:
            return False
        self._rounds += 1
        self._planned = prepared, self._hold_for(self._grant, self._chat, prepared)
        most = self._planned[1].most(prepared.now_ms)
        return await shared.cover_hold(self._grant, most.nusd or 0, most.tokens)

    def enter(self) -> None:
        """Counts one request and one in flight; raises Refused 429."""
        if self.subjects:
            self._grant = admit(self._runtime.limits, self.subjects, self._at_ms)

    def take(self, prepared: Prepared) -> None:
        """Holds what the plan may cost at most, for all subjects or for none; raises Refused."""
        self._user = prepared.inputs.facts.user or ""
        if self._grant is None or self._chat is None:
            return
        planned = self._planned
        if planned is not None and planned[0] is prepared:
            hold = planned[1]
        else:
            hold = self._hold_for(self._grant, self._chat, prepared)
        shortage = hold.take(prepared.now_ms)
        if shortage is not None:
            raise refused_for(shortage, self._runtime.limits, self.subjects, prepared.now_ms)
        self.hold = hold

    def _hold_for(self, grant: Grant, chat: Chat, prepared: Prepared) -> Hold:
        snapshot = prepared.snapshot
        return Hold(
            self._runtime.limits,
            grant,
            self._runtime.clock,
            chat,
            prepared.decision,
            prepared.inputs,
            snapshot.config,
            snapshot.evidence,
        )

    @property
    def held_nusd(self) -> int:
        return self._grant.nusd if self._grant is not None else 0

    def note(self, attempt: AttemptEnd) -> None:
        """What an attempt used is spent from now on, whatever becomes of the request."""
        nusd = attempt.cost_nusd or 0
        tokens = (attempt.input_tokens or 0) + (attempt.output_tokens or 0)
        names = subject_names(self._caller.slug, self._caller.team, self._user)
        self._runtime.limits.book(names, nusd, tokens, self._begun, self._grant)

    def release(self) -> None:
        if self._grant is not None:
            self._runtime.limits.release(self._grant)

    def headers(self) -> dict[str, str]:
        """Where the tightest subject stands; empty where nobody is limited."""
        if not self.subjects:
            return {}
        return limit_headers(self._runtime.limits, self.subjects, self._runtime.clock.now_ms())

    def explain(self, refused: Refused, prepared: Prepared | None) -> None:
        """A refusal for want of money or of a price names whose budget it is."""
        if prepared is None or not self.subjects:
            return
        out = {one.verdict for one in prepared.decision.candidates if not one.eligible}
        costs = [one.detail["cost_nusd"] for one in prepared.decision.candidates if one.verdict == Verdict.OVER_BUDGET]
        tightest = self._runtime.limits.tightest_budget(self.subjects, min(costs, default=0), prepared.now_ms)
        if tightest is None:
            return
        if refused.code == "budget_exceeded" and costs and "limit" not in refused.detail:
            refused.message = budget_sentence(tightest)
        elif refused.code == "no_eligible_model" and Verdict.UNPRICED in out:
            refused.message += (
                " Where a budget binds, a model without a price is not used, as nobody could count what it costs:"
                " give it a price, or allow unpriced models under budgets in the settings."
            )
