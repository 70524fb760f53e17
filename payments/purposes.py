"""Who owns a payment: payments knows no packet, so whoever can be paid for hangs up his answers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from kit.hooks import Hook
from payments.states import CaseKind
from wallets.states import LineKind

if TYPE_CHECKING:
    from payments.models import PaymentOrder


@dataclass(frozen=True, slots=True)
class Fits:
    """The money is wanted: it goes to this account, as a line of this kind."""

    account: str
    kind: LineKind


@dataclass(frozen=True, slots=True)
class Misfit:
    """The money is not wanted (any more): it waits in suspense, with a case of this kind."""

    kind: CaseKind


class NoLongerFits(Exception):
    """Raised by `confirmed` when another payment was faster; everything rolls back and is asked
    again."""


@dataclass(frozen=True, slots=True)
class Owner:
    """What a purpose answers. All run inside the transaction that changes the order.

    accepts(order):         asked before money is posted: Fits or Misfit.
    confirmed(order, now):  told after it was posted; raises NoLongerFits.
    reported(order, now):   the app says that it has paid.
    ended(order, now):      the order was closed, or is finally unpaid.
    """

    accepts: Callable[["PaymentOrder"], Fits | Misfit]
    confirmed: Callable[["PaymentOrder", datetime], None]
    reported: Callable[["PaymentOrder", datetime], None]
    ended: Callable[["PaymentOrder", datetime], None]


owners: Hook[Owner] = Hook("who owns payments of a purpose")
