"""The day at a glance: every figure is the ledger's, and leads to its rows."""

import re
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from kit.http.caller import Caller
from office import desk as dashboard
from office.frame.charts import Chart, Series
from office.models import StaffAction
from packets import grab
from packets.models import RefundReview
from packets.states import Kind
from payments import awaiting
from payments.models import Bill, Case
from testing import desk, make, stories
from tests.office import books
from wallets import daily
from wallets.audit import sums
from wallets.models import AuditRun, DailySummary, LedgerLine, Wallet
from wallets.states import LineKind


def figures(sitting) -> dict:
    blocks, _ = dashboard.blocks(sitting.user)
    return {str(figure.label): figure for block in blocks for figure in block.figures}


def lines(kind: LineKind) -> Decimal:
    today = daily.midnight()
    rows = LedgerLine.objects.filter(kind=kind, created_at__gte=today)
    return sum((line.amount for line in rows), Decimal("0.00"))


def test_figures_are_the_ledgers_before_and_after_a_closing(maker):
    now = timezone.now()
    books.keep(maker.user, now)
    stories.topped_up_twice(now)
    packet = make.make_paid_packet(Kind.EQUAL, 3, "7.00")
    grab.grab(public_id=packet.public_id, caller=Caller("u1"), now=now)

    shown = figures(maker)

    assert shown["issued, by balance"].value == f"{lines(LineKind.SEND):,.2f}"
    assert shown["taken and credited"].value == f"{lines(LineKind.GRAB):,.2f}"
    assert shown["returned"].value == f"{lines(LineKind.EXPIRY_REFUND):,.2f}"
    assert shown["topped up"].value == f"{lines(LineKind.TOPUP):,.2f}"
    held = {
        "wallets": sum((w.balance for w in Wallet.objects.all()), Decimal("0.00")),
        "suspense": sums(["suspense"])["suspense"],
        "platform": sums(["platform"])["platform"],
        "Alipay owes us": -sums(["clearing:alipay"])["clearing:alipay"],
    }
    for label, amount in held.items():
        assert shown[label].value == f"{amount:,.2f}", label
    escrow = -sum(held.values()) + 2 * held["Alipay owes us"]
    assert shown["escrow (in packets)"].value == f"{escrow:,.2f}"


def test_a_figure_leads_to_exactly_its_rows(maker):
    now = timezone.now()
    books.keep(maker.user, now)
    stories.topped_up_twice(now)

    for label, kind in (("returned", LineKind.EXPIRY_REFUND), ("topped up", LineKind.TOPUP)):
        figure = figures(maker)[label]
        listed = maker.get(figure.url).context["cl"]
        assert f"{listed.totals[0][1]:,.2f}" == figure.value == f"{lines(kind):,.2f}"
    waiting = figures(maker)["refunds to review"]
    assert len(maker.get(waiting.url).context["cl"].result_list) == int(waiting.value)
    for figure in figures(maker).values():
        if figure.url:
            assert maker.get(figure.url).status_code == 200, figure


def test_what_waits_is_counted_and_its_age_told(maker):
    kept = books.keep(maker.user, timezone.now())
    RefundReview.objects.filter(pk=kept.waiting.pk).update(
        created_at=timezone.now() - timedelta(days=2, hours=1)
    )
    RefundReview.objects.filter(state=0).exclude(pk=kept.waiting.pk).update(
        state=1, **decided(maker)
    )

    shown = figures(maker)

    assert (shown["refunds to review"].value, shown["disputed refunds"].value) == ("1", "1")
    assert "2\xa0days" in shown["refunds to review"].note
    assert shown["adjustments to decide"].value == "1"
    assert shown["open cases"].value == str(Case.objects.count())
    assert (shown["audit"].value, shown["settlement lag"].value) == ("clean", "none")


def test_orders_that_await_their_money_for_days_stand_on_the_desk(maker):
    label = "awaiting their money for more than a day"
    assert figures(maker)[label].value == "0"
    _, order = make.make_reported_packet()
    awaiting.tell(order_id=order.pk, now=timezone.now() + timedelta(days=2))

    shown = figures(maker)[label]

    assert (shown.value, shown.tone) == ("1", "warn")
    assert order.order_no in maker.get(shown.url).content.decode()


def decided(sitting) -> dict:
    return {"decided_by": sitting.user, "decided_at": timezone.now()}


def test_each_role_sees_its_own(support, auditor, maker):
    books.keep(maker.user, timezone.now())

    waiting = "awaiting their money for more than a day"
    assert set(figures(support)) == {"open cases", waiting, "settlement lag"}
    assert 'class="chart"' not in support.get("/admin/").content.decode()
    assert {"wallets", "audit", "refunds to review"} <= set(figures(auditor))
    page = auditor.get("/admin/").content.decode()
    assert page.count('class="chart"') == 3
    assert "style=" not in page and "<script>" not in page


def test_the_desk_costs_a_bounded_number_of_queries(maker, django_assert_max_num_queries):
    books.keep(maker.user, timezone.now())
    maker.get("/admin/")

    with django_assert_max_num_queries(36):
        maker.get("/admin/")


def test_many_lines_are_remembered_for_a_moment(maker, monkeypatch):
    make.make_paid_packet(Kind.EQUAL, 2, "5.00")
    monkeypatch.setattr(dashboard, "FEW_LINES", 0)

    before = dashboard.ledger_now()
    make.make_wallet("bob", "1.00")

    assert dashboard.ledger_now() == before
    monkeypatch.setattr(dashboard, "FEW_LINES", 10**9)
    assert dashboard.ledger_now() != before


def test_a_charts_bars_are_in_proportion():
    chart = Chart("x", ["a", "b"], [Series("taken", "t", [Decimal("30.00"), Decimal("0.01")])])

    (drawn,) = chart.drawn()

    assert chart.top == Decimal(40)
    assert re.findall(r"v-(\d+)", drawn["path"]) == ["150", "2"]
    assert "t 30.01" in chart.told
    assert [line["text"] for line in chart.lines()] == ["0", "10", "20", "30", "40"]


def test_a_day_without_money_draws_no_bars():
    chart = Chart("x", ["a"], [Series("taken", "t", [Decimal(0)])])

    assert chart.drawn() == []


def test_a_closed_days_page_adds_up(auditor, maker):
    day = books.keep(maker.user, timezone.now()).day

    page = auditor.text(day)

    moved = sum((figure.amount for figure in day.figures.all()), Decimal("0.00"))
    assert f"{moved:,.2f}" in page
    row = re.search(r"all together</td><td><span class=\"yuan\">([^<]*)", page)
    assert row and row[1] == "0.00"
    listed = auditor.get(desk.list_of(LedgerLine), {"booked_on__day": day.day.isoformat()})
    assert len(listed.context["cl"].result_list) == sum(f.lines for f in day.figures.all())
    assert auditor.get(desk.list_of(DailySummary)).status_code == 200


def test_a_bill_is_uploaded_compared_and_leads_to_its_cases(maker):
    day = (timezone.now() - timedelta(days=2)).date()
    content = books.wechat_bill((f"{day} 12:00:00", "4200000001", "rp01", "88.00"))
    url = "/admin/payments/bill/new/upload_bill/"

    for _ in range(2):
        answer = maker.post(url, {"channel": 2, "day": day.isoformat(), "file": named(content)})
        assert answer.status_code == 302, answer.content.decode()

    bill = Bill.objects.get()
    assert (bill.matched, bill.differences) == (0, 1)
    case = Case.objects.get()
    assert f'href="{desk.page_of(case)}"' in maker.text(bill)
    assert "ask the channel about the order" in maker.text(case)
    assert StaffAction.objects.filter(action="upload_bill").count() == 2


def test_what_is_no_bill_is_said_on_the_form(maker, checker):
    url = "/admin/payments/bill/new/upload_bill/"
    day = (timezone.now() - timedelta(days=2)).date().isoformat()
    form = {"channel": 2, "day": day}

    nonsense = maker.post(url, {**form, "file": named(b"\x00\x01 nothing")})
    missing = maker.post(url, form)
    future = maker.post(url, {**form, "day": "2999-01-01", "file": named(b"x")})
    past = maker.post(url, {**form, "day": "1969-12-31", "file": named(b"x")})

    assert "no bill of this channel" in nonsense.content.decode()
    assert "required" in missing.content.decode()
    assert "not over yet" in future.content.decode()
    assert "more than a year ago" in past.content.decode()
    assert checker.get(url).status_code == 403
    assert not Bill.objects.exists()


def test_a_bill_too_large_is_refused_before_it_is_read(maker, settings):
    settings.PAGE_BODY_MAX_BYTES = 1000

    answer = maker.post(
        "/admin/payments/bill/new/upload_bill/", {"file": named(b"x" * 2000), "channel": 2}
    )

    assert answer.status_code == 413


def test_a_channel_that_gives_no_bill_is_said(maker):
    day = (timezone.now() - timedelta(days=2)).date().isoformat()

    answer = maker.post("/admin/payments/bill/new/run_bill/", {"channel": 3, "day": day})

    assert answer.status_code == 200
    assert not Bill.objects.exists()


def named(content: bytes):
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile("bill.csv", content)


def test_an_audit_run_is_kept_with_what_it_found(auditor):
    from wallets import audit

    audit.run(now=timezone.now())

    run = AuditRun.objects.get()
    assert (run.findings, run.rules) == (0, len(audit.rules()))
    assert "0 findings" in auditor.text(run)
