"""What is kept of a notice that nobody has proved to be a channel's: enough to see who knocks,
never enough to fill a disk. Anybody may send one, as often as he likes.
"""

import hashlib
import time
from datetime import datetime

from kit.plumbing import forks
from payments.models import Notification
from payments.states import NoticeOutcome, PayType

HEAD_BYTES = 512


class Quota:
    """So many in a minute and in a day, for each channel and process; more is counted, not kept."""

    def __init__(self, *, a_minute: int, a_day: int):
        self._most = {60: a_minute, 86_400: a_day}
        self._lock = forks.lock()
        self._taken: dict[tuple[str, int], tuple[int, int]] = {}

    def take(self, name: str, at_s: float) -> bool:
        with self._lock:
            now = {span_s: int(at_s // span_s) for span_s in self._most}
            taken = {span_s: self._of(name, span_s, now[span_s]) for span_s in self._most}
            if any(taken[span_s] >= most for span_s, most in self._most.items()):
                return False
            for span_s in self._most:
                self._taken[name, span_s] = now[span_s], taken[span_s] + 1
            return True

    def _of(self, name: str, span_s: int, span: int) -> int:
        at, count = self._taken.get((name, span_s), (span, 0))
        return count if at == span else 0

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
