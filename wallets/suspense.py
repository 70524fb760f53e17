"""Money in suspense (挂账) is always some case's; cases are known above, and introduce themselves.

The till asks here before a line leaves or enters suspense, so that no money leaves it twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from kit.hooks import Hook

if TYPE_CHECKING:
    from wallets.models import Adjustment


@dataclass(frozen=True, slots=True)
class Cases:
    """What the cases answer. `take`, `put` and `opened` run inside the transaction of the line.

    refuse(case_id, amount, leaves): for a good message, before it is proposed; raises Invalid.
    take(case_id, amount):           it leaves; False when the case does not hold that much.
    put(case_id, amount):            it comes (back); False when the case is not about that much.
    opened(adjustment, now):         a new case, for what was taken back from a wallet; its key.
    """

    refuse: Callable[[int, Decimal, bool], None]
    take: Callable[[int, Decimal], bool]
    put: Callable[[int, Decimal], bool]
    opened: Callable[["Adjustment", datetime], int]


HELD = "cases"
holders: Hook[Cases] = Hook("who holds the money in suspense")


def cases() -> Cases:
    return holders[HELD]
