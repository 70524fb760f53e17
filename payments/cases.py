"""What no rule decides (差错单) waits here for finance, and holds its money in suspense (挂账)."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from kit import retry
from kit.money import ZERO, plus
from kit.moves import hold, move
from kit.present import present
from kit.refusals import Conflict, Invalid
from payments import refunded
from payments.channels.base import Payment
from payments.models import Case, ChannelRefund, PaymentOrder
from payments.states import (
    UNDER_WAY,
    WAIT_FOR_WORD,
    WITH_MONEY,
    CaseKind,
    CaseStatus,
    PayType,
    RefundStatus,
)
from wallets import accounts, adjust
from wallets.models import Adjustment, LedgerLine
from wallets.states import LineKind


class StillHeld(Conflict):
    code = "case_holds_money"
    detail = _("Its money is still in suspense: refund it or adjust it first.")


class StillWaits(Conflict):
    code = "case_waits_for_word"
    detail = _("Its refund is still under way: say what became of it instead.")


def open_case(
    *,
    kind: CaseKind,
    reference: str,
    pay_type: PayType,
    amount: Decimal,
    now: datetime,
    order_no: str = "",
    trade_no: str = "",
    says: str = "",
) -> Case:
    """The case about this, opened if it was not there; for use inside the finder's transaction.

    Its money follows, with the case's key: `ledger.post(target=SUSPENSE, case_id=...)`.

    Repeats: (kind, reference) is unique: saying it again opens no second case.
    """
    case, _ = Case.objects.get_or_create(
        kind=kind,
        reference=reference,
        defaults={
            "pay_type": pay_type,
            "amount": amount,
            "held": ZERO,
            "order_no": order_no,
            "trade_no": trade_no,
            "says": says[:255],
            "created_at": now,
        },
    )
    return case


def open_about(
    row: Payment | PaymentOrder | ChannelRefund,
    *,
    kind: CaseKind,
    reference: str,
    now: datetime,
    says: str = "",
) -> Case:
    """The same about a payment, an order or a refund, by what it says of itself."""
    return open_case(
        kind=kind,
        reference=reference,
        pay_type=PayType(row.pay_type),
        amount=row.amount,
        now=now,
        order_no=row.order_no,
        trade_no=row.trade_no,
        says=says,
    )


@retry.unit
def resolve(
    *, case_id: int, staff_id: int, resolution: str, now: datetime, also: retry.Also | None = None
) -> bool:
    """Close a case with what was decided; False when somebody else was faster.

    Money:   none moves; a case that holds money in suspense stays open until it has left. Refunds
             that are proposed of it are withdrawn: they could not be approved any more.
    Races:   status and money are one row: its WHERE asks for both.
    Raises:  StillHeld, StillWaits (409).
    """
    if Case.objects.filter(pk=case_id, kind__in=WAIT_FOR_WORD, status=CaseStatus.OPEN).exists():
        raise StillWaits()
    for refund in ChannelRefund.objects.filter(case_id=case_id, status=RefundStatus.PROPOSED):
        refunded.turn(refund)
        row = ChannelRefund.objects.filter(pk=refund.pk)
        if move(row, to=RefundStatus.WITHDRAWN, decided_at=now, open_key=None):
            refunded.recount(refund)
    return close(case_id=case_id, staff_id=staff_id, resolution=resolution, now=now)


def close(*, case_id: int, staff_id: int, resolution: str, now: datetime) -> bool:
    """The end of a case, for use inside the transaction of what decides it; False when somebody
    else was faster.

    Raises:  StillHeld (409).
    """
    resolved = {"resolved_at": now, "resolved_by_id": staff_id, "resolution": resolution}
    if move(_without_money(case_id), to=CaseStatus.RESOLVED, **resolved):
        return True
    if Case.objects.filter(pk=case_id, status=CaseStatus.OPEN).exists():
        raise StillHeld()
    return False


def why_open(case: Case) -> str:
    """Why it cannot be resolved yet; empty when it can."""
    if case.kind in WAIT_FOR_WORD:
        return str(StillWaits.detail)
    return str(StillHeld.detail) if held_by(case) else ""


def known(*, kinds: Sequence[CaseKind], reference: str, says: str, now: datetime) -> None:
    """What these cases waited for is known: nobody need look any more. For use inside the
    transaction of what has become known.

    Races:   each is changed by its key: any other condition could lead over an index on which
             what somebody does to other cases is waited for.
    Repeats: a case that a person has closed stays as he left it. One that was given money
             meanwhile, by an adjustment, stays open for it.
    """
    for case_id in list(waiting(kinds, reference).values_list("pk", flat=True)):
        closed = {"resolved_at": now, "resolution": says[:255]}
        move(_without_money(case_id), to=CaseStatus.RESOLVED, **closed)


def given_back(*, case_id: int, says: str, now: datetime) -> None:
    """A refund of its money has reached the payer: a case that holds nothing more, and of which no
    other refund is under way, has come to its end. For use inside that refund's transaction.

    Races:   two refunds that arrive at once come one after the other: the case's row is held before
             the other is looked for.
    Repeats: harmless; money that comes back to it opens it again (put).
    """
    hold(Case, case_id)
    if not ChannelRefund.objects.filter(case_id=case_id, status__in=UNDER_WAY).exists():
        closed = {"resolved_at": now, "resolution": says[:255]}
        move(_without_money(case_id), to=CaseStatus.RESOLVED, **closed)


def waiting(kinds: Sequence[CaseKind], reference: str) -> QuerySet[Case]:
    """The open ones of these kinds about this."""
    return Case.objects.filter(kind__in=kinds, reference=reference, status=CaseStatus.OPEN)


def _without_money(case_id: int) -> QuerySet[Case]:
    """This case, as long as it holds nothing: only then may it be closed."""
    count(case_id)
    return Case.objects.filter(pk=case_id, held=ZERO)


# --- its money in suspense (wallets/suspense.py)


def back_reference(reference: str) -> str:
    """Of the line that takes out of suspense what had never come (trades.py)."""
    return f"{reference}/back"


def take(case_id: int, amount: Decimal) -> bool:
    """Money leaves the case: for a refund, an adjustment; once, whichever is first."""
    count(case_id)
    holding = Case.objects.filter(pk=case_id, status=CaseStatus.OPEN, held__gte=amount)
    return move(holding, held=plus("held", -amount))


def put(case_id: int, amount: Decimal) -> bool:
    """Money comes (back) to the case, which is then open (again); never more than it is about."""
    count(case_id)
    case = Case.objects.filter(pk=case_id)
    most = case.values_list("amount", flat=True).first()
    if most is None or most < amount:
        return False
    move(case, to=CaseStatus.OPEN, resolved_at=None, resolved_by_id=None, resolution="")
    has_room = case.filter(status=CaseStatus.OPEN, held__lte=most - amount)
    return move(has_room, held=plus("held", amount))


def opened(adjustment: Adjustment, now: datetime) -> int:
    """A case for money that a wallet got by mistake, and that nobody's case is about."""
    case = open_case(
        kind=CaseKind.TAKEN_BACK,
        reference=adjustment.reference,
        pay_type=PayType.UNKNOWN,
        amount=adjustment.amount,
        says=adjustment.reason,
        now=now,
    )
    return case.pk


def refuse(case_id: int, amount: Decimal, leaves: bool) -> None:
    """Before it is proposed; the row's WHERE decides when it is approved. Raises Invalid."""
    case = Case.objects.filter(pk=case_id).first()
    if case is None:
        raise Invalid(errors={"case_id": [_("There is no such case.")]})
    held = held_by(case)
    if leaves and case.status != CaseStatus.OPEN:
        raise Invalid(errors={"case_id": [_("This case is resolved already.")]})
    if leaves and held == 0:
        raise Invalid(errors={"case_id": [_("It holds no money in suspense.")]})
    most = held if leaves else case.amount - held
    if amount > most:
        raise Invalid(errors={"amount": [adjust.over_limit(most)]})


def held_by(case: Case) -> Decimal:
    """What this case holds in suspense; by its lines where nobody has counted it yet."""
    return by_lines([case])[case.pk] if case.held is None else case.held


def count(case_id: int) -> None:
    """Cases of the release before hold what their lines say: count it before it changes."""
    for case in Case.objects.filter(pk=case_id, held=None):
        Case.objects.filter(pk=case_id, held=None).update(held=by_lines([case])[case.pk])


def by_lines(cases: Sequence[Case]) -> dict[int, Decimal]:
    """What the ledger says that each of these cases holds: what came to suspense for it, less what
    left it by its refunds and adjustments, or had never come."""
    held: dict[int, Decimal] = defaultdict(lambda: ZERO)
    about: dict[str, int] = {}
    for case in cases:
        if case.kind in WITH_MONEY:
            about |= {case.reference: case.pk, back_reference(case.reference): case.pk}
    for line in LedgerLine.objects.filter(kind=LineKind.SUSPENSE, reference__in=about):
        sign = 1 if line.target == accounts.SUSPENSE else -1
        held[about[line.reference]] += sign * line.amount
    keys = [case.pk for case in cases]
    refunds = ChannelRefund.objects.filter(case_id__in=keys, source=accounts.SUSPENSE)
    adjustments = Adjustment.objects.filter(case_id__in=keys)
    about = {number: present(of) for number, of in refunds.values_list("refund_no", "case_id")}
    about |= {number: present(of) for number, of in adjustments.values_list("reference", "case_id")}
    for kind in (LineKind.CHANNEL_REFUND, LineKind.ADJUSTMENT):  # one at a time: see audit.py
        for line in LedgerLine.objects.filter(kind=kind, reference__in=about):
            if accounts.SUSPENSE in (line.source, line.target):
                sign = 1 if line.target == accounts.SUSPENSE else -1
                held[about[line.reference]] += sign * line.amount
    return held
