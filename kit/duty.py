"""What runs by itself, has no row of its own, and is done by one worker at a time."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from kit import lease
from kit.models import Duty


def run(name: str, work: Callable[[], Any], *, now: datetime, for_s: float) -> Any:
    """work(), unless somebody is at it: then None.

    Races: the lease of the row of this name (kit/lease.py).
    """
    Duty.objects.get_or_create(name=name)
    held = lease.take(Duty.objects.all(), name, now=now, for_s=for_s)
    if held is None:
        return None
    try:
        return work()
    finally:
        held.end()
