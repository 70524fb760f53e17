"""The rule of bills: what a day's comparison said is there to be looked at."""

from collections import Counter
from collections.abc import Iterator

from payments import reconcile
from payments.models import Bill, Case, ChannelRefund, PaymentOrder
from payments.states import PayType
from wallets.audit import Finding, by_key


def bills_have_their_cases() -> Iterator[Finding]:
    """A compared day has a case for each of its differences (older ones stay), no case of a bill is
    without its day, and no order or refund is marked by a bill that there is not."""
    days = set(Bill.objects.values_list("pay_type", "day"))
    opened = Counter[tuple[int, str]]()
    for found in by_key(Case.objects.filter(kind__in=reconcile.BILL_KINDS)):
        opened.update((case.pay_type, case.reference.split(":", 2)[1]) for case in found)
    nowhere = opened.keys() - {(pay_type, str(day)) for pay_type, day in days}
    wrong = [(key, "cases of a bill that is not there") for key in nowhere]
    for bill in Bill.objects.filter(differences__gt=0):
        key = bill.pay_type, str(bill.day)
        if opened[key] < bill.differences:
            wrong.append((key, f"{bill.differences} differences, {opened[key]} cases"))
    for model in (PaymentOrder, ChannelRefund):
        named = model.objects.filter(billed_on__isnull=False).order_by()
        marked = set(named.values_list("pay_type", "billed_on").distinct())
        says = f"{model._meta.model_name} in a bill that is not there"
        wrong += [((pay_type, str(day)), says) for pay_type, day in marked - days]
    for (pay_type, day), says in wrong:
        yield Finding("bills_have_their_cases", f"{PayType(pay_type).word} {day}", says)
