"""Bills of the three channels in their own formats against our books."""

import gzip
import io
import zipfile
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from payments import bills, confirm, reconcile
from payments.bills import unionpay as unionpay_bill
from payments.channels.base import Payment
from payments.models import Bill, Case, PaymentOrder
from payments.states import CaseKind, PayType
from payments.tests.conftest import offer
from testing.make import make_topup
from wallets.models import LedgerLine

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=bills.ZONE)


@dataclass(frozen=True)
class Row:
    order_no: str
    trade_no: str
    amount: str
    at: datetime = NOON
    refund_no: str = ""


def alipay(rows: list[Row]) -> bytes:
    """A zip of GBK files whose names are GBK, too, values padded with tabs."""
    columns = (
        "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,"
        "对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,"
        "券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
    )
    lines = ["#支付宝业务明细查询", "#账号：[20881234567890120156]", "#---业务明细列表---", columns]
    for row in rows:
        kind, sign = ("退款", "-") if row.refund_no else ("交易", "")
        time = f"{row.at:%F %T}"
        money = f"{sign}{row.amount}"
        values = [
            row.trade_no,
            row.order_no,
            kind,
            "红包",
            time,
            time,
            "",
            "",
            "",
            "",
            "*明(a***@b)",
        ]
        values += [
            money,
            money,
            *["0.00"] * 5,
            "",
            "0.00",
            "0.00",
            row.refund_no,
            "0.00",
            "0.00",
            "",
        ]
        lines.append(",".join(f"{value}\t" for value in values))
    lines += ["#---业务明细列表结束---", f"#交易合计：{len(rows)}笔", "#导出时间：[2026年03月02日]"]
    return zipped(
        {
            "20881234567890120156_20260301_业务明细(汇总).csv": "#汇总\r\n".encode("gb18030"),
            "20881234567890120156_20260301_业务明细.csv": "\r\n".join(lines).encode("gb18030"),
        }
    )


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name.encode("gb18030").decode("cp437")), content)
    return packed.getvalue()


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def wechat(rows: list[Row]) -> bytes:
    head = (
        "﻿交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
        "付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,"
        "退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
    )
    lines = [head]
    for row in rows:
        paid, back = ("0.00", row.amount) if row.refund_no else (row.amount, "0.00")
        values = [f"{row.at:%F %T}", "wx1", "1900", "0", "", row.trade_no, row.order_no, "openid"]
        values += ["APP", "REFUND" if row.refund_no else "SUCCESS", "OTHERS", "CNY", paid, "0.00"]
        values += ["50" if row.refund_no else "0", row.refund_no or "0", back, "0.00", "", ""]
        values += ["红包,大吉", "", "0.00000", "0.60%", paid, back, ""]
        lines.append(",".join(f"`{value.replace(',', '，')}" for value in values))
    lines.append(
        "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
    )
    lines.append(f"`{len(rows)},`0.00,`0.00,`0.00,`0.00,`0.00,`0.00")
    return gzip.compress("\r\n".join(lines).encode())


def unionpay(rows: list[Row]) -> bytes:
    lines = []
    for row in rows:
        values = [""] * 42
        values[0] = "S30" if row.refund_no else "S22"
        values[4] = f"{row.at:%m%d%H%M%S}"
        values[6] = f"{int(Decimal(row.amount) * 100):012d}"
        values[9] = "9" * 21 if row.refund_no else row.trade_no
        values[11] = row.refund_no or row.order_no
        values[19] = "04" if row.refund_no else "01"
        values[26] = row.trade_no if row.refund_no else ""
        widths = [*unionpay_bill.WIDTHS, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98]
        lines.append(" ".join(v.ljust(w) for v, w in zip(values, widths, strict=True)))
    return zipped({"INN26030188ZM_700000000000001": "\n".join(lines).encode()})


WRITERS = {PayType.ALIPAY: alipay, PayType.WECHAT: wechat, PayType.UNIONPAY: unionpay}


@pytest.fixture(params=WRITERS, ids=lambda pay_type: pay_type.word)
def channel(request, monkeypatch):
    offer(monkeypatch, request.param)
    return request.param


def paid(channel: PayType, number: int, amount: str = "10.00", at: datetime = NOON) -> Row:
    """A top-up that the channel confirmed, and its row in a true bill."""
    order = make_topup(amount, pay_type=channel, key=f"k{number}", now=at)
    trade_no = f"20260301{number:013d}"
    payment = Payment(channel, order.order_no, trade_no, Decimal(amount), at)
    confirm.confirm(payment=payment, now=at)
    return Row(order.order_no, trade_no, amount, at)


def compare(channel: PayType, rows: list[Row], tmp_path, day: date = DAY) -> tuple[int, list[str]]:
    """Exit code and lines of `manage.py reconcile`."""
    file = tmp_path / "bill"
    file.write_bytes(WRITERS[channel](rows))
    out = io.StringIO()
    try:
        call_command("reconcile", channel.word, str(day), str(file), stdout=out)
        code = 0
    except SystemExit as stop:
        code = stop.code
    return code, out.getvalue().splitlines()


def test_all_matched(channel, tmp_path):
    rows = [paid(channel, 1), paid(channel, 2, "0.01"), paid(channel, 3, "4999.99")]

    assert compare(channel, rows, tmp_path) == (0, [])

    bill = Bill.objects.get()
    assert (bill.rows, bill.matched, bill.differences) == (3, 3, 0)
    assert not Case.objects.exists()


def test_a_day_without_payments(channel, tmp_path):
    assert compare(channel, [], tmp_path) == (0, [])


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda rows: rows[1:], CaseKind.BILL_SHORTFALL),
        (lambda rows: [*rows, Row("hbnobody", "2026030199", "5.00")], CaseKind.BILL_SURPLUS),
        (
            lambda rows: [Row(rows[0].order_no, rows[0].trade_no, "10.01"), *rows[1:]],
            CaseKind.BILL_AMOUNT,
        ),
        (lambda rows: [rows[0], *rows], CaseKind.BILL_REPEATED),
        (
            lambda rows: [*rows, Row("hbold", "2026022899", "5.00", NOON - timedelta(days=1))],
            CaseKind.BILL_OTHER_DAY,
        ),
        (
            lambda rows: [*rows, Row("hbold", "20260301", "5.00", refund_no="rf1")],
            CaseKind.BILL_SHORTFALL,
        ),
    ],
    ids=["missing", "one too many", "wrong sum", "twice", "yesterday's", "refund too many"],
)
def test_each_difference_is_named_and_one_case(channel, tmp_path, spoil, kind):
    rows = spoil([paid(channel, 1), paid(channel, 2, "20.00")])
    lines = LedgerLine.objects.count()

    first = compare(channel, rows, tmp_path)
    again = compare(channel, rows, tmp_path)

    assert first == again
    code, [line] = first
    assert code == 1
    assert line.startswith(kind.value)
    case = Case.objects.get()
    assert (case.kind, case.pay_type) == (kind, channel)
    assert case.says
    assert LedgerLine.objects.count() == lines


def test_money_in_suspense_is_in_our_books(channel, tmp_path):
    row = paid(channel, 1)
    payment = Payment(channel, row.order_no, "2026030177", Decimal("10.00"), NOON)
    confirm.confirm(payment=payment, now=NOON)

    rows = [row, Row(row.order_no, "2026030177", "10.00")]

    assert compare(channel, rows, tmp_path) == (0, [])


def test_refund_matches(channel, tmp_path):
    from django.contrib.auth import get_user_model

    from payments import channel_refund, send_refund

    row = paid(channel, 1)
    staff = [get_user_model().objects.create_user(name) for name in ("maker", "checker")]
    refund = channel_refund.propose(
        order_no=row.order_no,
        amount=Decimal("4.00"),
        reason="x",
        maker_id=staff[0].pk,
        now=NOON,
    )
    channel_refund.approve(refund_no=refund.refund_no, checker_id=staff[1].pk, now=NOON)
    send_refund.send(refund_id=refund.pk, now=NOON)
    order = PaymentOrder.objects.get()
    back = Row(order.order_no, order.trade_no, "4.00", refund_no=refund.refund_no)

    assert compare(channel, [row, back], tmp_path) == (0, [])
    assert compare(channel, [row], tmp_path) == (0, [])  # it may stand in the next day's bill
    assert compare(channel, [], tmp_path, DAY + timedelta(days=1)) == (0, [])
    assert Bill.objects.get(day=DAY).missing == 1
    case = Case.objects.get()
    assert (case.kind, case.reference.rpartition(":")[2]) == (
        CaseKind.BILL_SHORTFALL,
        refund.refund_no,
    )


def test_new_years_eve_in_a_bill_without_years(monkeypatch, tmp_path):
    offer(monkeypatch, PayType.UNIONPAY)
    eve = datetime(2025, 12, 31, 22, 59, tzinfo=bills.ZONE)
    row = paid(PayType.UNIONPAY, 1, at=eve)

    assert compare(PayType.UNIONPAY, [row], tmp_path, date(2025, 12, 31)) == (0, [])
    code, [line] = compare(PayType.UNIONPAY, [row], tmp_path, date(2026, 1, 1))
    assert (code, line.split()[0]) == (1, CaseKind.BILL_OTHER_DAY.value)


def test_two_totals_of_one_line_are_two_cases(monkeypatch):
    """A row is missing: the count does not fit, and the sum does not."""
    offer(monkeypatch, PayType.WECHAT)
    content = gzip.decompress(wechat([Row("x", "T1", "1.00")]))
    head, _row, *end = content.replace(
        b"`1,`0.00,`0.00,`0.00,`0.00,`0.00", b"`1,`0,`0,`0,`0,`1"
    ).split(b"\r\n")

    short = b"\r\n".join([head, *end])
    reconcile.reconcile(pay_type=PayType.WECHAT, day=DAY, content=short, now=bills.usual(DAY))

    assert Bill.objects.get().differences == 2
    assert [case.says for case in Case.objects.order_by("pk")] == [
        "line 3, 总交易单数 1, the file has 0",
        "line 3, 订单总金额 1.00, its rows 0.00",
    ]


def test_odd_rows_of_two_merchants_bills_are_two_cases(monkeypatch):
    """Each in its own line 2, and the line of totals cut off from both."""
    offer(monkeypatch, PayType.WECHAT)
    content = gzip.decompress(wechat([Row("x", "T1", "1e2")])).partition("总交".encode())[0]

    reconcile.reconcile(
        pay_type=PayType.WECHAT, day=DAY, content=[content, content], now=bills.usual(DAY)
    )

    assert Bill.objects.get().differences == 4
    says = [case.says.partition(": ")[0] for case in Case.objects.order_by("pk")]
    assert says == [
        "line 2, '1e2' is no amount",
        "(2), line 2, '1e2' is no amount",
        "no line of totals",
        "(2), no line of totals",
    ]


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 broken", b"\x1f\x8b broken", b"a,b,c\n1,2,3\n", b"\xff\xfe\x00"]
)
def test_what_is_no_bill_is_refused(channel, tmp_path, content):
    if channel is PayType.UNIONPAY and not content:
        return  # a day without transactions is an empty file
    file = tmp_path / "bill"
    file.write_bytes(content)

    with pytest.raises(CommandError) as refused:
        call_command("reconcile", channel.word, str(DAY), str(file))

    assert refused.value.returncode == 2
    assert not Case.objects.exists()


def test_a_file_that_is_not_there_and_a_day_that_is_none(channel, tmp_path):
    for day, file in ((str(DAY), str(tmp_path / "none")), ("2026-02-30", "x")):
        with pytest.raises(CommandError):
            call_command("reconcile", channel.word, day, file)
