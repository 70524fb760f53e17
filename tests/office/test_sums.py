"""Every figure of the desk, of a day, a month and a list leads to rows that come to it."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from kit.http.caller import Caller
from office import desk as front
from packets import grab
from packets.states import Kind
from payments import bills
from payments.models import Bill, PaymentOrder
from payments.states import BillState, PayType
from testing import desk, make, stories
from tests.office import books
from wallets.models import LedgerLine
from wallets.states import LineKind

ZERO = Decimal("0.00")
# They tell of one row, or of what runs by itself, and count nothing.
NO_SUMS = {"settlement lag", "audit", "last closed day"}


@pytest.fixture
def kept(maker):
    now = timezone.now()
    kept = books.keep(maker.user, now)
    stories.topped_up_twice(now)
    for _ in range(2):
        packet = make.make_paid_packet(Kind.EQUAL, 3, "180.00")
        grab.grab(public_id=packet.public_id, caller=Caller("u1"), now=now)
    Bill.objects.create(
        pay_type=PayType.ALIPAY,
        day=(now - timedelta(days=70)).date(),
        state=BillState.FAILED,
        says="the bill cannot be unpacked",
    )
    return kept


def amount(cell) -> Decimal:
    found = re.search(r">(-?[\d,]+\.\d\d)<", str(cell))
    return Decimal(found[1].replace(",", "")) if found else Decimal(str(cell))


def href(cell) -> str:
    found = re.search(r'href="([^"]+)"', str(cell))
    return found[1].replace("&amp;", "&") if found else ""


def comes_to(sitting, url: str) -> Decimal:
    """What a list, or a page of an account, comes to; the page's rows are followed as well."""
    context = sitting.get(url).context
    if "cl" in context:
        return context["cl"].totals[0].amount
    rows = context["page"].sections[0].rows
    *parts, last = rows
    for row in parts:
        led = next(filter(None, map(href, row)))
        assert abs(comes_to(sitting, led)) == abs(amount(row[-1])), (url, row)
    assert sum((amount(row[-1]) for row in parts), ZERO) == amount(last[-1]), url
    return amount(last[-1])


def test_every_figure_of_the_desk_leads_to_what_it_counts(maker, kept):
    blocks, _charts = front.blocks(maker.user)
    followed = 0

    for figure in (figure for block in blocks for figure in block.figures):
        if figure.label in NO_SUMS:
            continue
        if "." in str(figure.value):
            assert f"{comes_to(maker, figure.url):,.2f}" == figure.value, figure
        else:
            context = maker.get(figure.url).context
            rows = (
                context["cl"].result_list if "cl" in context else context["page"].sections[0].rows
            )
            assert len(rows) == int(figure.value), figure
        followed += 1

    assert followed > 15


def test_every_row_of_a_day_leads_to_its_lines(auditor, kept):
    page = auditor.get(desk.page_of(kept.day)).context["page"]
    moved, held = page.sections[:2]
    *parts, total = moved.rows

    for row in parts:
        assert comes_to(auditor, href(row[0])) == amount(row[-1]), row
    assert sum(amount(row[-1]) for row in parts) == amount(total[-1])
    for row in held.rows[:-1]:
        assert abs(comes_to(auditor, href(row[0]))) == abs(amount(row[-1])), row
    assert amount(held.rows[-1][-1]) == ZERO
    assert len(parts) > 1 and len(held.rows) > 3


def test_a_month_is_the_sum_of_its_days(auditor, kept):
    url = f"/admin/wallets/dailysummary/month/{kept.day.day:%Y-%m}/"

    page = auditor.get(url).context["page"]

    days, moved, held = page.sections
    *parts, total = days.rows
    for column in range(1, len(total)):
        assert sum(amount(row[column]) for row in parts) == amount(total[column])
    for row in parts:
        of_day = auditor.get(href(row[0])).context["page"].sections[0]
        assert amount(of_day.rows[-1][3]) == amount(row[-1])
    assert amount(moved.rows[-1][3]) == amount(total[-1])
    assert amount(held.rows[-1][-1]) == ZERO
    for row in moved.rows[:-1]:
        assert comes_to(auditor, href(row[0])) == amount(row[-1]), row
    for row in days.rows:
        for cell in row[1:5]:
            assert comes_to(auditor, href(cell)) == amount(cell), row
    assert auditor.get(f"{url}made-of/?of=nothing").status_code == 404
    assert auditor.get(f"{url}made-of/?kind=99").status_code == 404
    assert auditor.get(f"{url}made-of/").status_code == 404
    assert auditor.get("/admin/wallets/dailysummary/month/2001-01/").status_code == 404
    assert auditor.get("/admin/wallets/dailysummary/month/x/").status_code == 404


def test_a_list_tells_its_total_by_kind_and_by_sign(auditor, kept):
    day = {"booked_on__day": kept.day.day.isoformat()}
    whole, *kinds = auditor.get(desk.list_of(LedgerLine), day).context["cl"].totals
    by_sign = auditor.get(desk.list_of(LedgerLine), {"q": "wallet:alice"})

    assert len(kinds) > 2
    assert sum(total.amount for total in kinds) == whole.amount
    for total in kinds:
        assert comes_to(auditor, desk.list_of(LedgerLine) + total.query) == total.amount
    both, came, went = by_sign.context["cl"].totals
    assert both.amount == came.amount + went.amount
    assert went.amount == sum(
        line.amount for line in LedgerLine.objects.filter(source="wallet:alice")
    )


def test_thousands_stand_apart(auditor, kept):
    text = auditor.get(desk.list_of(LedgerLine), {"kind__exact": LineKind.SEND.value})

    assert "<b>1," in text.content.decode()


def test_a_bill_that_never_came_stands_on_the_desk_until_it_does(maker, kept):
    label = "bills that have not come"
    late = Bill.objects.get(state=BillState.FAILED)
    text = maker.get("/admin/payments/bill/late/").content.decode()

    assert late.day.isoformat() in text and "Upload a bill and compare" in text
    figures = {f.label: f for block in front.blocks(maker.user)[0] for f in block.figures}
    assert figures[label].value == 1
    Bill.objects.filter(pk=late.pk).update(state=BillState.EMPTY, reconciled_at=timezone.now())
    figures = {f.label: f for block in front.blocks(maker.user)[0] for f in block.figures}
    assert figures[label].value == 0


def test_both_sides_of_a_bill_are_shown(maker, kept):
    sides = maker.get(desk.page_of(kept.bill)).context["page"].sections[0]

    theirs, named, unnamed, apart = ([amount(cell) for cell in row[1:]] for row in sides.rows)
    assert theirs == [Decimal("93.20"), ZERO, Decimal("93.20")]
    assert named == unnamed == [ZERO] * 3
    assert apart == theirs


def test_our_sides_of_a_bill_lead_to_the_orders_that_add_up_to_them(maker, kept):
    now = timezone.now()
    order = PaymentOrder.objects.get()
    day = bills.day_of(PayType.ALIPAY, order.paid_at)
    bill = Bill.objects.create(
        pay_type=PayType.ALIPAY, day=day, state=BillState.COMPARED, reconciled_at=now
    )

    for billed_on, paid in ((None, ("0.00", "120.00")), (day, ("120.00", "0.00"))):
        PaymentOrder.objects.update(billed_on=billed_on)
        sides = maker.get(desk.page_of(bill)).context["page"].sections[0]
        assert tuple(str(amount(row[1])) for row in sides.rows[1:3]) == paid
        for row in sides.rows[1:3]:
            orders, refunds = maker.get(href(row[0])).context["page"].sections
            assert sum((amount(cells[1]) for cells in orders.rows), ZERO) == amount(row[1])
            assert sum((amount(cells[1]) for cells in refunds.rows), ZERO) == amount(row[2])
    assert maker.get(f"/admin/payments/bill/{bill.pk}/side/theirs/").status_code == 404


def test_a_day_without_trade_is_reconciled(maker):
    bill = Bill.objects.create(
        pay_type=PayType.UNIONPAY,
        day=timezone.localdate() - timedelta(days=3),
        state=BillState.EMPTY,
        reconciled_at=timezone.now(),
    )

    assert "no trade, by the channel and by our books" in maker.text(bill)


def test_an_account_that_is_none_has_no_page(maker, support):
    assert maker.get("/admin/wallets/ledgerline/account/nobodys/").status_code == 404
    assert maker.get("/admin/wallets/ledgerline/account/escrow/?day=x").status_code == 404
    assert support.get("/admin/wallets/ledgerline/account/escrow/").status_code == 403
