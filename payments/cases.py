"""What no rule decides (差错单) waits here for finance."""

from datetime import datetime
from decimal import Decimal

from payments.models import Case
from payments.states import CaseKind, CaseStatus, PayType
from redpacket_site.kit import retry
from redpacket_site.kit.moves import move


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

    Repeats: (kind, reference) is unique: saying it again opens no second case.
    """
    case, _ = Case.objects.get_or_create(
        kind=kind,
        reference=reference,
        defaults={
            "pay_type": pay_type,
            "amount": amount,
            "order_no": order_no,
            "trade_no": trade_no,
            "says": says[:255],
            "created_at": now,
        },
    )
    return case


@retry.unit
def resolve(*, case_id: int, staff_id: int, resolution: str, now: datetime) -> bool:
    """Close a case with what was decided; False when somebody else was faster."""
    return move(
        Case.objects.filter(pk=case_id),
        to=CaseStatus.RESOLVED,
        resolved_at=now,
        resolved_by_id=staff_id,
        resolution=resolution,
    )
