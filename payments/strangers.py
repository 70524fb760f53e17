"""What is kept of a notice that nobody has proved to be a channel's: enough to see who knocks,
never enough to fill a disk. Anybody may send one, as often as he likes.
"""

import hashlib
import time
from collections import deque
from datetime import datetime

from kit.plumbing import forks
from payments.models import Notification
from payments.states import NoticeOutcome, PayType

HEAD_BYTES = 512


class Quota:
    """So many in any minute and in any day, for each channel and process; more is not kept."""

    def __init__(self, *, a_minute: int, a_day: int):
        self._most = {60: a_minute, 86_400: a_day}
        self._lock = forks.lock()
        self._taken: dict[str, deque[float]] = {}  # when, as far back as any number looks

    def take(self, name: str, at_s: float) -> bool:
        with self._lock:
            if name not in self._taken:
                self._taken[name] = deque(maxlen=max(self._most.values()))
            taken = self._taken[name]
            for span_s, most in self._most.items():
                if len(taken) >= most and at_s - taken[-most] < span_s:
                    return False
            taken.append(at_s)
            return True

    def clear(self) -> None:
        self._taken.clear()


quota = Quota(a_minute=10, a_day=500)


def keep(
    *,
    pay_type: PayType,
    body: bytes,
    address: str,
    outcome: NoticeOutcome,
    says: str,
    now: datetime,
) -> None:
    """Size, hash, address and the first bytes, within the quota."""
    if not quota.take(pay_type.word, time.monotonic()):
        return
    Notification.objects.create(
        pay_type=pay_type,
        body=body[:HEAD_BYTES],
        size=len(body),
        digest=hashlib.sha256(body).hexdigest(),
        address=address,
        outcome=outcome,
        says=says[:255],
        created_at=now,
    )
