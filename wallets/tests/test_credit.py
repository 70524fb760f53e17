"""Development money: out of the platform's account, a new line each time."""

from decimal import Decimal

from django.utils import timezone

from wallets import credit
from wallets.models import LedgerLine
from wallets.statement import balance
from wallets.states import LineKind


def test_each_call_is_a_credit_of_its_own():
    about = {"user_id": "bob", "amount": Decimal("1.50"), "now": timezone.now()}

    references = {credit.credit(reason="a gift", **about) for _ in range(2)}

    lines = LedgerLine.objects.all()
    assert {line.reference for line in lines} == references and len(references) == 2
    assert {(line.kind, line.source, line.target, line.note) for line in lines} == {
        (LineKind.ADJUSTMENT, "platform", "wallet:bob", "a gift")
    }
    assert balance("bob").balance == 3


def test_several_get_the_same():
    credit.credit_each(
        user_ids=["cat", "bob"], amount=Decimal("0.01"), reason="", now=timezone.now()
    )

    assert balance("bob").balance == balance("cat").balance == Decimal("0.01")
    assert LedgerLine.objects.count() == 2
