"""What of the traffic has no known cost, for a banner: on the pages of prices and models, and on the overview."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from routerapp.models import InstallationState
from routerapp.store.reports import shown_origins
from routerapp.store.unpriced import Unpriced, find_unpriced


@dataclass(frozen=True, slots=True)
class Banner:
    """unpriced: no price even now. late: priced by now, so that what was recorded before can be re-priced."""

    unpriced: tuple[Unpriced, ...]
    late: tuple[Unpriced, ...]

    @property
    def attempts(self) -> int:
        return sum(one.attempts for one in (*self.unpriced, *self.late))


def unpriced_banner() -> Banner | None:
    """None when every cost is known."""
    has_sample_data = InstallationState.objects.filter(pk=1, sample_data=True).exists()
    found = find_unpriced(timezone.now(), shown_origins(has_sample_data=has_sample_data))
    if not found:
        return None
    return Banner(tuple(one for one in found if not one.is_priced), tuple(one for one in found if one.is_priced))
