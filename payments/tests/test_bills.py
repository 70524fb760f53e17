"""Bills as channels write them: nothing quoted, nothing escaped. The files in `bills/` hold rows
that were invented, in the formats of the channels."""

import ast
import gzip
import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import translation

from kit.telling import told
from payments import bills
from payments.bills.rows import SURPLUS_MAX, Back, Columns, Odd
from payments.states import PayType
from payments.tests import test_reconcile as writers

pytestmark = pytest.mark.once

HERE = Path(__file__).parent / "bills"
DAY = date(2026, 11, 20)
TRADE, ORDER = "20261120220014000000000000", "hbaaaaaaaaaaaaaaaaaaaaaaaa"


def statement(name: str) -> bills.Statement:
    pay_type = PayType[name.partition("_")[0].upper()]
    return bills.Statement(pay_type, (HERE / name).read_bytes(), DAY)


@pytest.mark.parametrize(
    ("name", "amounts"),
    [
        ("alipay_two_detail_files.zip", "3.00 4.00 5.00 6.00"),
        ("alipay_quote_in_name.zip", "3.00 4.00 5.00"),
        ("alipay_comma_in_name.zip", "3.00 4.00 5.00"),
        ("wechat_comma_in_name.csv", "3.00 4.00 5.00"),
        ("alipay_refund_without_number.zip", "3.00 1.00"),
        ("alipay_cut_gbk_character.zip", "3.00 4.00"),
        ("alipay_other_shops_rows.zip", "3.00 1.00 1.00"),
        ("unionpay_2330_in_next_day.zip", "7.00 3.00"),
        ("wechat_refund_processing.csv", "10.00 10.00"),
    ],
)
def test_every_row_is_read(name, amounts):
    found = statement(name)

    rows = list(found)

    assert " ".join(str(row.amount) for row in rows) == amounts
    assert not any(row.odd for row in rows)
    assert all(row.at and row.trade_no for row in rows)
    assert found.wrong_totals == []


def test_a_row_names_its_file_and_line():
    rows = list(statement("alipay_two_detail_files.zip"))

    assert [row.where for row in rows] == [
        "20880000000000000156_20261120_业务明细_1.csv, line 6",
        "20880000000000000156_20261120_业务明细_1.csv, line 7",
        "20880000000000000156_20261120_业务明细_2.csv, line 6",
        "20880000000000000156_20261120_业务明细_2.csv, line 7",
    ]


def test_a_refund_without_a_number_goes_by_its_trade():
    payment, refund = statement("alipay_refund_without_number.zip")

    assert (payment.refund_no, payment.amount) == ("", Decimal("3.00"))
    assert (refund.refund_no, refund.amount) == (f"{TRADE}00", Decimal("1.00"))
    assert refund.trade_no == payment.trade_no


def test_a_refund_under_way():
    payment, refund = statement("wechat_refund_processing.csv")

    assert (payment.back, refund.back) == (Back.DONE, Back.PROCESSING)
    assert refund.refund_no == "rfaaaaaaaaaaaaaaaaaaaaaaaa01"


def test_strangers_numbers_are_read_whole():
    _, chinese, long = statement("alipay_other_shops_rows.zip")

    assert chinese.order_no == "订单1"
    assert long.order_no == "x" * 80


# --- free text


def alipay(name: str, remark: str = "") -> bytes:
    """Two rows, the first one with this name and this remark."""
    head = (
        "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,"
        "对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,"
        "券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
    )
    at = "2026-11-20 10:00:00"

    def row(number: int, name: str, remark: str) -> str:
        return (
            f"{TRADE}{number:02d}\t,{ORDER}{number:02d}\t,交易,{name},{at},{at},\t,\t,\t,\t,*三(a@b)\t,"
            f"{number}.00,{number}.00,0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,\t,-0.01,0.00,{remark}"
        )

    lines = [
        "#支付宝业务明细查询",
        "#---业务明细列表---",
        head,
        row(3, name, remark),
        row(4, "b", ""),
    ]
    lines += [
        "#-----业务明细列表结束-----",
        "#交易合计：2笔，商家实收共7.00元，商家优惠共0.00元",
        "",
    ]
    return "\r\n".join(lines).encode("gb18030")


def wechat(name: str, attach: str = "") -> bytes:
    head = (
        "\ufeff交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
        "付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,"
        "退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
    )

    def row(number: int, *texts: str) -> str:
        values = ["2026-11-20 10:00:00", "wx1", "1900", "0", "", f"{TRADE}{number:02d}"]
        values += [f"{ORDER}{number:02d}", "o", "APP", "SUCCESS", "OTHERS", "CNY"]
        values += [f"{number}.00", "0.00", "0", "0", "0.00", "0.00", "", "", *texts]
        values += ["0.00000", "0.60%", f"{number}.00", "0.00", ""]
        return ",".join(f"`{value}" for value in values)

    lines = [head, row(3, name, attach), row(4, "b", "")]
    lines += [
        "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
    ]
    lines += ["`2,`7.00,`0.00,`0.00,`0.00000,`7.00,`0.00", ""]
    return "\r\n".join(lines).encode()


WRITERS = {PayType.ALIPAY: alipay, PayType.WECHAT: wechat}
NAMES = {
    "comma": "恭喜,发财",
    "many commas": ",,,a,,b,",
    "quote": '恭喜"发财',
    "quoted": '"恭喜,发财"',
    "backquote": "`恭喜`,`发财`",
    "line break": "恭喜\r\n发财",
    "line breaks": "恭喜\n\n,发财\n",
    "hash after a break": "恭喜\n#1",
    "tab": "恭喜\t发财",
    "emoji": "🧧,🧧",
    "an amount": "恭喜,9.99",
    "a time": "恭喜,2026-11-20 10:00:00",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("pay_type", WRITERS, ids=lambda pay_type: pay_type.word)
def test_free_text_moves_no_column(pay_type, name):
    found = bills.Statement(pay_type, WRITERS[pay_type](name, name), DAY)

    rows = list(found)

    assert [(row.trade_no, row.order_no, row.amount, row.odd) for row in rows] == [
        (f"{TRADE}03", f"{ORDER}03", Decimal("3.00"), ""),
        (f"{TRADE}04", f"{ORDER}04", Decimal("4.00"), ""),
    ]
    assert found.wrong_totals == []


@pytest.mark.parametrize("half", [b"\xb0", b"\xb0\xa1\xb0", b"\xff", b"\x81\x30"])
def test_half_characters_cost_a_name_and_not_the_row(half):
    content = alipay("NAME").replace(b"NAME", half)

    rows = bills.read(PayType.ALIPAY, content, DAY)

    assert [str(row.amount) for row in rows] == ["3.00", "4.00"]


def test_a_row_whose_columns_are_in_doubt_is_odd_and_spoils_no_other():
    """A name that is itself a piece of a row: two layouts fit, with two amounts."""
    at = "2026-11-20 10:00:00"
    name = f"a,{at},{at},,,,,x,9.00,9.00,0.00,0.00,0.00,0.00,0.00,,0.00,0.00,,0.00,0.00,b"

    first, second = bills.read(PayType.ALIPAY, alipay(name), DAY)

    assert first.odd.startswith("a separator in a name leaves its columns in doubt: 2026112022")
    assert first.where == "line 4"
    assert second.amount == Decimal("4.00")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b",3.00,3.00", b",3.001,3.00", "'3.001' is no amount"),
        (b",3.00,3.00", b",1e9,3.00", "'1e9' is no amount"),
        (b",3.00,3.00", b",99999999999.00,3.00", "'99999999999.00' is no amount"),
        (b",3.00,3.00", b",-3.00,3.00", "a payment below zero"),
        (
            b",2026-11-20 10:00:00,\t",
            b",2026-13-20 10:00:00,\t",
            "'2026-13-20 10:00:00' is no time",
        ),
        (b",0.00\t,0.00,\t,-0.01,0.00,\r", b"\r", "19 of 25 columns"),
    ],
)
def test_an_odd_row_says_why(old, new, says):
    content = alipay("a").replace(old, new, 1)

    first, second = bills.read(PayType.ALIPAY, content, DAY)

    assert first.odd.startswith(says)
    assert second.amount == Decimal("4.00")


def test_what_is_wrong_is_said_in_the_readers_language():
    first, _second = bills.read(PayType.ALIPAY, alipay("a").replace(b",3.00,", b",1e9,", 1), DAY)
    content = writers.zipped({"明细.csv": "商户订单号,支付宝交易号\r\n".encode("gb18030")})
    with pytest.raises(bills.Unreadable) as refused:
        bills.read(PayType.ALIPAY, content, DAY)

    with translation.override("zh-hans"):
        assert told(f"{first.where}, {first.odd}").startswith("第 4 行，'1e9' 不是金额：2026112022")
        assert told(str(refused.value)) == "明细.csv，缺少列 '业务类型'"


def test_every_fault_of_a_bill_is_a_sentence_that_is_introduced():
    """What is raised is noted, and shown to people: an English text in place would stay English."""
    raised = [
        (source.name, call.lineno, ast.unparse(call.args[0]))
        for source in Path(bills.__file__).parent.glob("*.py")
        for call in ast.walk(ast.parse(source.read_text()))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("Odd", "Unreadable")
    ]

    in_place = re.compile(r"[A-Za-z]{2,} [a-z]{2,}")
    assert len(raised) > 15
    assert [fault for fault in raised if in_place.search(fault[2])] == []
    assert in_place.search("f'{raw!r} is no amount'")


def test_layouts_are_bounded():
    columns = Columns(["号", "备注"], ["备注"])

    assert columns.pick([b"1"] + [b"x"] * (SURPLUS_MAX + 1), [0]) == [b"1"]
    with pytest.raises(Odd):
        columns.pick([b"1"] + [b"x"] * (SURPLUS_MAX + 2), [0])
    with pytest.raises(Odd):
        columns.pick([b"1"], [0])


# --- totals


@pytest.mark.parametrize(
    ("pay_type", "old", "new", "says"),
    [
        (PayType.ALIPAY, "2笔", "3笔", "line 7, 交易合计 3, the file has 2"),
        (PayType.ALIPAY, "7.00元", "7.01元", "line 7, 交易合计 7.01, its rows 7.00"),
        (PayType.WECHAT, "`2,`7.00", "`1,`7.00", "line 5, 总交易单数 1, the file has 2"),
        (
            PayType.WECHAT,
            "`7.00,`0.00\r\n",
            "`8.00,`0.00\r\n",
            "line 5, 订单总金额 8.00, its rows 7.00",
        ),
        (
            PayType.WECHAT,
            "`7.00,`0.00\r\n",
            "`7.00,`1.00\r\n",
            "line 5, 申请退款总金额 1.00, its rows 0.00",
        ),
    ],
)
def test_a_total_that_does_not_fit(pay_type, old, new, says):
    encoding = {PayType.ALIPAY: "gb18030", PayType.WECHAT: "utf-8"}[pay_type]
    content = WRITERS[pay_type]("a").decode(encoding)
    assert old in content
    found = bills.Statement(pay_type, content.replace(old, new).encode(encoding), DAY)

    assert len(list(found)) == 2
    assert [f"{wrong.where}, {wrong.says}" for wrong in found.wrong_totals] == [says]


@pytest.mark.parametrize("pay_type", WRITERS, ids=lambda pay_type: pay_type.word)
def test_a_file_that_was_cut_off(pay_type):
    content = WRITERS[pay_type]("a")
    found = bills.Statement(pay_type, content[: content.index(f"{ORDER}04".encode()) + 9], DAY)

    first, cut = found

    assert (first.amount, first.odd) == (Decimal("3.00"), "")
    assert " columns: " in cut.odd
    [wrong] = found.wrong_totals
    assert wrong.says == "no line of totals: the file may be cut off"


# --- files


def test_a_packed_bill_and_a_plain_one_are_the_same():
    content = wechat("a")

    assert bills.read(PayType.WECHAT, gzip.compress(content), DAY) == bills.read(
        PayType.WECHAT, content, DAY
    )


def test_a_message_names_the_file(pay_type=PayType.ALIPAY):
    content = writers.zipped({"a_业务明细.csv": "商户订单号,支付宝交易号\r\n".encode("gb18030")})

    with pytest.raises(bills.Unreadable, match=r"a_业务明细\.csv, has no column '业务类型'"):
        bills.read(pay_type, content, DAY)


def test_an_endless_line_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr("payments.bills.files.LINE_MAX", 4096)
    content = alipay("x" * 50_000)

    first, second = bills.read(PayType.ALIPAY, content, DAY)

    assert first.odd
    assert second.amount == Decimal("4.00")


def test_a_bill_that_unpacks_without_end_is_refused(monkeypatch):
    monkeypatch.setattr("payments.bills.files.BYTES_MAX", 1000)

    with pytest.raises(bills.Unreadable, match="larger than any bill"):
        bills.read(PayType.WECHAT, gzip.compress(wechat("x" * 2000)), DAY)


# --- days


@pytest.mark.parametrize(
    ("pay_type", "at", "day"),
    [
        (PayType.ALIPAY, "2026-11-20T23:59:59+08:00", DAY),
        (PayType.WECHAT, "2026-11-20T00:00:00+08:00", DAY),
        (PayType.UNIONPAY, "2026-11-20T22:59:59+08:00", DAY),
        (PayType.UNIONPAY, "2026-11-19T23:00:00+08:00", DAY),
        (PayType.UNIONPAY, "2026-11-20T23:00:00+08:00", date(2026, 11, 21)),
    ],
)
def test_the_day_of_a_moment(pay_type, at, day):
    moment = datetime.fromisoformat(at)
    begin, end = bills.bounds(pay_type, day)

    assert bills.day_of(pay_type, moment) == day
    assert begin <= moment < end


# --- broken and odd files


def long_one(rows: int = 3000) -> bytes:
    """So long that its end is read long after its beginning; no two rows compress to the same."""
    lines = wechat("a").decode().split("\r\n")
    made = (lines[1].replace(f"{TRADE}03", f"{n * 7919**5 % 10**28:028d}") for n in range(rows))
    return "\r\n".join([lines[0], *made, *lines[3:]]).encode()


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


BROKEN = {
    "a gzip cut in the middle": lambda: gzip.compress(long_one())[:-20_000],
    "a gzip without its end": lambda: gzip.compress(long_one())[:-4],
    "a gzip of another sum": lambda: gzip.compress(long_one())[:-8] + bytes(8),
    "an archive of another sum": lambda: flipped(writers.zipped({"a.csv": long_one()})),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_broken_far_behind_its_beginning_is_no_bill(kind):
    with pytest.raises(bills.Unreadable, match="the bill cannot be unpacked"):
        bills.read(PayType.WECHAT, BROKEN[kind](), DAY)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig"])
def test_a_remark_is_no_line_of_column_names(encoding):
    remark, content = "#按商户订单号查询\r\n", alipay("a").decode("gb18030")

    with pytest.raises(bills.Unreadable, match="has no line of column names"):
        bills.read(PayType.ALIPAY, remark.encode(encoding), DAY)
    assert len(bills.read(PayType.ALIPAY, (remark + content).encode(encoding), DAY)) == 2


def test_no_file_of_an_archive_is_passed_over_for_the_case_of_its_name():
    both = writers.zipped({"a.csv": wechat("a"), "b.CSV": wechat("b")})

    assert len(bills.read(PayType.WECHAT, both, DAY)) == 4


@pytest.mark.parametrize("pay_type", WRITERS, ids=lambda pay_type: pay_type.word)
def test_what_a_mac_packs_beside_a_file_is_passed_over(pay_type):
    packed = {"a.csv": WRITERS[pay_type]("a"), "__MACOSX/._a.csv": b"\x00\x05\x16\x07"}

    assert len(bills.read(pay_type, writers.zipped(packed), DAY)) == 2


@pytest.mark.parametrize("again", [0, 1])
def test_what_stands_behind_the_totals_is_told(again):
    """Two bills in one file, or a row that somebody has put there."""
    content = wechat("a")
    found = bills.Statement(
        PayType.WECHAT, content + b"\r\n".join(content.split(b"\r\n")[again:]), DAY
    )

    assert len(list(found)) == 2
    says = [f"{wrong.where}, {wrong.says}" for wrong in found.wrong_totals]
    assert says == ["line 6, something stands behind the totals, and was not read"]


@pytest.mark.parametrize(("kind", "odd"), [("33", True), ("", True), ("00", False), ("02", False)])
def test_a_type_that_nobody_knows_is_no_row_that_is_passed_over(kind, odd):
    content = writers.unionpay([writers.Row("a", "a", "3.00"), writers.Row("b", "b", "4.00")])
    [(name, text)] = writers.unzipped(content).items()
    changed = text.replace(b" 01 ", f" {kind:2} ".encode(), 1)

    rows = bills.read(PayType.UNIONPAY, writers.zipped({name: changed}), DAY)

    assert [row.amount for row in rows if not row.odd] == [Decimal("4.00")]
    says = [row.odd.partition(": ")[0] for row in rows if row.odd]
    assert says == [f"{kind!r} is no known type of transaction"] * odd


def test_a_bill_of_more_money_than_there_is_is_none():
    head, row, *_ = wechat("a").replace(b"`3.00", b"`9999999999.99").split(b"\r\n")

    with pytest.raises(
        bills.Unreadable, match=r"line 12: its rows come to more than 99999999999.99"
    ):
        bills.read(PayType.WECHAT, b"\r\n".join([head, *[row] * 11]), DAY)


def test_no_amount_is_below_nothing():
    content = wechat("a").replace(b"`3.00", b"`-0.00")

    first, _second = bills.read(PayType.WECHAT, content, DAY)

    assert str(first.amount) == "0.00"
