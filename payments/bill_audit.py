"""The rules of bills: what a day's comparison said is there to be looked at, to the fen."""

from collections import Counter
from collections.abc import Iterator

from django.db.models import F

from payments import reconcile, sides
from payments.models import Bill, Case, ChannelRefund, PaymentOrder
from payments.states import PayType
from wallets import reach
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


def bills_are_what_they_name() -> Iterator[Finding]:
    """What a compared bill comes to is what it names of ours and what of it stands apart. Of those
    that were compared by the release before nothing apart is kept."""
    told = Bill.objects.filter(apart_at=F("reconciled_at"))
    if since := reach.moment():
        told = told.filter(reconciled_at__gte=since)
    for bill in told.order_by("pk").iterator():
        theirs, found = sides.theirs(bill), sides.named(bill) + sides.apart(bill)
        if theirs != found:
            says = f"{theirs.paid} and {theirs.refunded} back, its rows {found.paid}"
            where = f"{PayType(bill.pay_type).word} {bill.day}"
            yield Finding("bills_are_what_they_name", where, f"{says} and {found.refunded}")
