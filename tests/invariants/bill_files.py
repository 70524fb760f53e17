"""A day's bill out of a channel's own books, as each channel writes its file."""

import gzip
import io
import zipfile
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from payments.states import PayType

if TYPE_CHECKING:
    from tests.invariants.channel_books import ChannelBooks

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Line:
    """One payment or, with its number, one refund; fen."""

    order_no: str
    trade_no: str
    amount: int
    at: datetime
    refund_no: str = ""

    @property
    def time(self) -> str:
        return f"{self.at.astimezone(SHANGHAI):%F %T}"

    @property
    def yuan(self) -> str:
        return _yuan(self.amount)


def write(books: "ChannelBooks", merchant: str, day: date) -> bytes:
    """Empty: this merchant had no transactions."""
    lines = _lines(books, merchant, day)
    writers = {PayType.ALIPAY: _alipay, PayType.WECHAT: _wechat, PayType.UNIONPAY: _unionpay}
    return writers[books.pay_type](lines, day) if lines else b""


def day_of(pay_type: PayType, at: datetime) -> date:
    """In which day's bill it stands; UnionPay's day ends at 23:00."""
    ends_early = timedelta(hours=1) if pay_type is PayType.UNIONPAY else timedelta()
    return (at.astimezone(SHANGHAI) + ends_early).date()


def _lines(books: "ChannelBooks", merchant: str, day: date) -> list[Line]:
    found = []
    for trade in books.trades.values():
        if trade.paid and trade.merchant == merchant:
            found.append(Line(trade.order_no, trade.trade_no, trade.paid, trade.paid_at))
    for back in books.backs.values():
        trade = books.by_trade(back.trade_no)
        if back.is_out and trade.merchant == merchant:
            numbers = (trade.order_no, trade.trade_no)
            found.append(Line(*numbers, back.amount, back.done_at, back.refund_no))
    of_day = [line for line in found if day_of(books.pay_type, line.at) == day]
    return sorted(of_day, key=lambda line: line.at)


def _alipay(lines: list[Line], day: date) -> bytes:
    """Lines that begin with # frame the list; two of them say what it adds up to."""
    head = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,"
    head += "终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,"
    head += "支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,"
    head += "卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
    text = ["#支付宝业务明细查询", "#-----业务明细列表-----", head]
    for line in lines:
        sign, word = ("-", "退款") if line.refund_no else ("", "交易")
        money = f"{sign}{line.yuan}"
        values = [line.trade_no, line.order_no, word, "红包", line.time, line.time, *[""] * 4]
        values += ["*明", money, money, *["0.00"] * 5, "", "0.00", "0.00", line.refund_no]
        text.append(",".join(f"{value}\t" for value in [*values, "0.00", "0.00", ""]))
    paid, back = _sums(lines)
    text += [
        "#-----业务明细列表结束-----",
        f"#交易合计：{paid[0]}笔，商家实收共{_yuan(paid[1])}元，商家优惠共0.00元",
        f"#退款合计：{back[0]}笔，商家实收退款共{'-' if back[1] else ''}{_yuan(back[1])}元，"
        "商家优惠退款共0.00元",
    ]
    name = f"20880156_{day:%Y%m%d}_业务明细.csv".encode("gb18030").decode("cp437")
    return _zipped(name, "\r\n".join(text).encode("gb18030"))


def _wechat(lines: list[Line], day: date) -> bytes:
    """A backquote before each value; the last two lines are the sums."""
    head = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,"
    head += "交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,"
    head += (
        "充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,"
    )
    text = ["\ufeff" + head + "费率备注"]
    for line in lines:
        is_back = bool(line.refund_no)
        paid, back = ("0.00", line.yuan) if is_back else (line.yuan, "0.00")
        values = [line.time, "wx1", "1900", "0", "", line.trade_no, line.order_no, "o1", "APP"]
        values += ["REFUND" if is_back else "SUCCESS", "OTHERS", "CNY", paid, "0.00"]
        values += [f"5{line.trade_no}" if is_back else "0", line.refund_no or "0", back, "0.00"]
        values += ["ORIGINAL" if is_back else "", "SUCCESS" if is_back else "", "红包", ""]
        text.append(_quoted([*values, "0.00000", "0.60%", paid, back, ""]))
    sums = [_yuan(money) for _, money in _sums(lines)]
    text.append(
        "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
    )
    text.append(_quoted([str(len(lines)), *sums, "0.00", "0.00000", *sums]))
    return gzip.compress(("\r\n".join(text) + "\r\n").encode())


# The fields of a ZM file, in characters; a blank between two.
ZM = (3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21)
ZM += (15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98)


def _unionpay(lines: list[Line], day: date) -> bytes:
    rows = []
    for line in lines:
        is_back = bool(line.refund_no)
        values = {
            1: "S30" if is_back else "S22",
            4: line.trade_no[-6:],
            5: f"{line.at.astimezone(SHANGHAI):%m%d%H%M%S}",
            7: f"{line.amount:012d}",
            10: f"9{line.trade_no[1:]}" if is_back else line.trade_no,
            12: line.refund_no or line.order_no,
            16: f"D{0:012d}",
            17: f"{'D' if is_back else 'C'}{line.amount:012d}",
            20: "04" if is_back else "01",
            27: line.trade_no if is_back else "",
            28: "777290058110048",
            41: line.order_no if is_back else "",
        }
        rows.append(" ".join(values.get(at, "").ljust(width) for at, width in enumerate(ZM, 1)))
    return _zipped(f"INN{day:%y%m%d}88ZM_777290058110048", "\r\n".join(rows).encode())


def _sums(lines: list[Line]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Number and fen of the payments, and of the refunds."""
    backs = [line.amount for line in lines if line.refund_no]
    paid = [line.amount for line in lines if not line.refund_no]
    return (len(paid), sum(paid)), (len(backs), sum(backs))


def _quoted(values: list[str]) -> str:
    return ",".join(f"`{value}" for value in values)


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def _zipped(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()
