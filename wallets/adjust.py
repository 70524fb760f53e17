"""Manual adjustment (调账) under four eyes: proposed by one, decided by another."""

from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from kit import credentials, ids, money, retry
from kit.moves import move
from kit.refusals import Forbidden, Invalid
from kit.retry import Also
from wallets import accounts, ledger, suspense
from wallets.models import Adjustment
from wallets.states import AdjustmentStatus, LineKind


@retry.unit
def propose(
    *,
    user_id: str,
    amount: Decimal,
    is_credit: bool,
    other: str,
    reason: str,
    maker_id: int,
    now: datetime,
    attachment: str = "",
    case_id: int | None = None,
    also: Also | None = None,
) -> Adjustment:
    """Propose to credit or debit a wallet against `other`: the platform's money or suspense.

    Suspense holds money for cases alone: what leaves it names its case; what was credited by
    mistake comes back to that case, or to a new one. No user: the platform keeps a case's money.

    Money:   Decimal yuan, above zero; none moves before the approval.
    Raises:  Invalid (400) above the maker's limit, or for more than the case holds.
    Spec:    2.7
    """
    refuse_unless_possible(
        user_id=user_id, amount=amount, is_credit=is_credit, other=other, case_id=case_id
    )
    mine = accounts.wallet(user_id) if user_id else accounts.PLATFORM
    return Adjustment.objects.create(
        reference=ids.public_id("adj"),
        source=other if is_credit else mine,
        target=mine if is_credit else other,
        amount=money.yuan(amount),
        case_id=case_id,
        reason=reason,
        attachment=attachment,
        maker_id=maker_id,
        proposed_at=now,
    )


def refuse_unless_possible(
    *, user_id: str, amount: Decimal, is_credit: bool, other: str, case_id: int | None = None
) -> None:
    """What a proposal must keep to; raises Invalid (400)."""
    if not 0 < money.yuan(amount) <= settings.REDPACKET_MAKER_MAX:
        raise Invalid(errors={"amount": [over_limit(settings.REDPACKET_MAKER_MAX)]})
    if other not in (accounts.PLATFORM, accounts.SUSPENSE):
        raise Invalid(errors={"other": [_("Not a possible account.")]})
    leaves = other == accounts.SUSPENSE and is_credit
    if not user_id and not leaves:
        raise Invalid(errors={"user_id": [_("Whose wallet?")]})
    if other == accounts.PLATFORM and case_id is not None:
        raise Invalid(errors={"case_id": [_("A case's money is in suspense.")]})
    if leaves and case_id is None:
        raise Invalid(errors={"case_id": [_("Say which case's money this is.")]})
    if case_id is not None:
        suspense.cases().refuse(case_id, money.yuan(amount), leaves)


@retry.unit
def approve(*, reference: str, checker_id: int, now: datetime, also: Also | None = None) -> bool:
    """Move the money; False when somebody else decided first.

    Money:   source -> target, one line, in the transaction of the approval.
    Races:   proposed -> approved by the row's WHERE; the database refuses maker = checker.
    Raises:  Forbidden (403) for the maker himself, Fresh (403) by new credentials,
             Invalid (400) above the checker's limit, InsufficientBalance (409),
             Uncovered (409) when the case's money has left meanwhile.
    Spec:    2.7
    """
    credentials.refuse_fresh(checker_id, now=now)
    adjustment = _decide(reference, AdjustmentStatus.APPROVED, checker_id, now)
    if adjustment is None:
        return False
    if adjustment.amount > settings.REDPACKET_CHECKER_MAX:
        raise Invalid(errors={"amount": [over_limit(settings.REDPACKET_CHECKER_MAX)]})
    case_id = adjustment.case_id
    if adjustment.target == accounts.SUSPENSE and case_id is None:
        case_id = suspense.cases().opened(adjustment, now)
        Adjustment.objects.filter(pk=adjustment.pk).update(case_id=case_id)
    ledger.post(
        kind=LineKind.ADJUSTMENT,
        reference=adjustment.reference,
        source=adjustment.source,
        target=adjustment.target,
        amount=adjustment.amount,
        now=now,
        note=adjustment.reason,
        case_id=case_id,
    )
    return True


@retry.unit
def reject(*, reference: str, checker_id: int, now: datetime, also: Also | None = None) -> bool:
    """Move nothing; False when somebody else decided first."""
    return _decide(reference, AdjustmentStatus.REJECTED, checker_id, now) is not None


@retry.unit
def withdraw(*, reference: str, maker_id: int, now: datetime, also: Also | None = None) -> bool:
    """Take back what oneself has proposed; False when somebody decided first.

    Raises:  Forbidden (403) for anybody but the maker.
    """
    adjustment = Adjustment.objects.get(reference=reference)
    if adjustment.maker_id != maker_id:
        raise Forbidden()
    row = Adjustment.objects.filter(pk=adjustment.pk)
    return move(row, to=AdjustmentStatus.WITHDRAWN, decided_at=now)


def over_limit(most: Decimal) -> str:
    return _("Above 0.00 and at most %(most)s yuan.") % {"most": most}


def _decide(
    reference: str, to: AdjustmentStatus, checker_id: int, now: datetime
) -> Adjustment | None:
    adjustment = Adjustment.objects.get(reference=reference)
    if adjustment.maker_id == checker_id:
        raise Forbidden()
    row = Adjustment.objects.filter(pk=adjustment.pk)
    decided = move(row, to=to, checker_id=checker_id, decided_at=now)
    return adjustment if decided else None
