"""The channels' daily bills, each in its own file format, right or, on demand, wrong."""
# Long: three formats of one bill, side by side.

import dataclasses
import io
import zipfile
import zlib
from base64 import b64encode
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from kit.money import told as yuan
from payments.states import PayType
from sandbox import trades
from sandbox.models import RefundState, SandboxRefund, SandboxTrade, TradeState
from sandbox.trades import BEIJING, beijing

TIME = "%Y-%m-%d %H:%M:%S"
FEE_PER_MILLE = 6


@dataclass(frozen=True, slots=True)
class Line:
    order_no: str
    trade_no: str
    scene: str
    subject: str
    amount_fen: int
    paid_fen: int  # the payment's, on a refund's line too
    made_at: datetime
    at: datetime
    refund_no: str = ""
    refund_id: str = ""

    @property
    def fee_fen(self) -> int:
        return 0 if self.refund_no else (self.amount_fen * FEE_PER_MILLE + 500) // 1000


def settle_day(at: datetime) -> date:
    """UnionPay settles what comes from 23:00 on with the next day."""
    return (at.astimezone(BEIJING) + timedelta(hours=1)).date()


def rows(pay_type: PayType, day: date, merchant: str) -> list[Line]:
    """What the merchant was paid and refunded on that day in Beijing, in its order."""
    begin = datetime.combine(day, time(), BEIJING)
    if pay_type == PayType.UNIONPAY:
        begin -= timedelta(hours=1)
    end = begin + timedelta(days=1)
    own = trades.of(pay_type, merchant)
    arrived = (TradeState.PAID, TradeState.ARRIVING)
    payments = own.filter(state__in=arrived, paid_at__gte=begin, paid_at__lt=end)
    refunds = SandboxRefund.objects.select_related("trade").filter(
        trade__in=own,
        state__in=(RefundState.DONE, RefundState.PENDING),
        done_at__gte=begin,
        done_at__lt=end,
    )
    lines = [_line(trade) for trade in payments] + [_refund_line(refund) for refund in refunds]
    return sorted(lines, key=lambda line: line.at)


def spoilt(lines: list[Line], fault: str) -> list[Line]:
    """One row missing, one too many, a wrong sum, or one twice."""
    if not fault:
        return lines
    first, rest = lines[0], lines[1:]
    if fault == "missing":
        return rest
    if fault == "wrong":
        return [dataclasses.replace(first, amount_fen=first.amount_fen + 1), *rest]
    if fault == "doubled":
        return [first, *lines]
    return [*lines, dataclasses.replace(first, order_no="unknown0order", trade_no="9" * 21)]


def alipay(day: date, app_id: str, seller_id: str, fault: str) -> bytes:
    """A zip of two CSV files in GBK, their names too: the details and the sums of a day."""
    lines = spoilt(rows(PayType.ALIPAY, day, app_id), fault)
    payments = [line for line in lines if not line.refund_no]
    refunds = [line for line in lines if line.refund_no]
    account = f"{seller_id}0156"
    after = day + timedelta(days=1)
    head = [
        f"#账号：[{account}]",
        f"#起始日期：[{day:%Y年%m月%d日} 00:00:00]   终止日期：[{after:%Y年%m月%d日} 00:00:00]",
    ]
    foot = [
        f"#交易合计：{len(payments)}笔，商家实收共{_sum(payments)}元，商家优惠共0.00元",
        f"#退款合计：{len(refunds)}笔，商家实收退款共{_sum(refunds, -1)}元，商家优惠退款共0.00元",
        f"#导出时间：[{after:%Y年%m月%d日} 09:00:00]",
    ]
    dash = "-" * 41
    details = [
        "#支付宝业务明细查询",
        *head,
        f"#{dash}业务明细列表{dash[:-1]}",
        "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,"
        "商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,"
        "卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注",
        *[_alipay_row(line) for line in lines],
        f"#{dash}业务明细列表结束{dash[:-5]}",
        *foot,
    ]
    sums = [
        "#支付宝业务汇总查询",
        *head,
        f"#{dash}业务汇总列表{dash[:-1]}",
        "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,"
        "卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）",
        _alipay_sums(payments, refunds),
        f"#{dash}业务汇总列表结束{dash[:-5]}",
        f"#导出时间：[{after:%Y年%m月%d日} 09:00:00]",
    ]
    name = f"{account}_{day:%Y%m%d}"
    return _zip({f"{name}_业务明细.csv": details, f"{name}_业务明细(汇总).csv": sums})


def wechat(day: date, appid: str, mchid: str, fault: str) -> bytes:
    """The trade bill ALL: a backquote before each value, two lines of sums at the end."""
    lines = spoilt(rows(PayType.WECHAT, day, mchid), fault)
    payments = [line for line in lines if not line.refund_no]
    refunds = [line for line in lines if line.refund_no]
    fee = f"{sum(line.fee_fen for line in payments) / 100:.5f}"
    sums = (len(lines), _sum(payments), _sum(refunds), "0.00", fee, _sum(payments), _sum(refunds))
    text = [
        "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,"
        "代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,"
        "申请退款金额,费率备注",
        *[_wechat_row(line, appid, mchid) for line in lines],
        "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额",
        _quoted(sums),
    ]
    return ("\ufeff" + "\r\n".join(text) + "\r\n").encode()


# ZM file: widths of its fields in bytes, one blank between two.
ZM = (3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21)
ZM += (15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98)


def unionpay(day: date, mer_id: str, fault: str) -> tuple[str, str]:
    """Name and content as the file server gives them: zip, deflated once more, in base64."""
    lines = spoilt(rows(PayType.UNIONPAY, day, mer_id), fault)
    name = f"INN{day:%y%m%d}88ZM_{mer_id}"
    packed = _zip({name: [_zm_row(line, mer_id) for line in lines]})
    return f"{mer_id}_{day:%Y%m%d}.zip", b64encode(zlib.compress(packed)).decode()


def _line(trade: SandboxTrade) -> Line:
    return Line(
        order_no=trade.order_no,
        trade_no=trade.trade_no or "",
        scene=trade.scene,
        subject=trade.subject,
        amount_fen=trade.paid_fen or 0,
        paid_fen=trade.paid_fen or 0,
        made_at=trade.made_at,
        at=trade.paid_at,
    )


def _refund_line(refund: SandboxRefund) -> Line:
    return dataclasses.replace(
        _line(refund.trade),
        amount_fen=refund.amount_fen,
        at=refund.done_at,
        refund_no=refund.refund_no,
        refund_id=refund.refund_id,
    )


def _alipay_row(line: Line) -> str:
    sign = "-" if line.refund_no else ""
    amount = f"{sign}{yuan(line.amount_fen)}"
    fee = f"-{yuan(line.fee_fen)}" if line.fee_fen else "0.00"
    values = [
        f"{line.trade_no}\t",
        f"{line.order_no}\t",
        "退款\t" if line.refund_no else "交易\t",
        line.subject,
        beijing(line.made_at, TIME),
        beijing(line.at, TIME),
        *["\t"] * 4,
        "*沙箱(138****0000)\t",
        amount,
        amount,
        *["0.00"] * 5,
        "",
        "0.00\t",
        "0.00",
        f"{line.refund_no}\t",
        fee,
        "0.00",
        "",
    ]
    return ",".join(values)


def _alipay_sums(payments: list[Line], refunds: list[Line]) -> str:
    net = sum(line.amount_fen for line in payments) - sum(line.amount_fen for line in refunds)
    fee = sum(line.fee_fen for line in payments)
    taken, kept = _signed(net), _signed(net - fee)
    counts = f"{len(payments)},{len(refunds)}"
    return f"合计,,{counts},{taken},{taken},0.00,0.00,0.00,{_signed(-fee)},0.00,{kept}"


def _wechat_row(line: Line, appid: str, mchid: str) -> str:
    is_refund = bool(line.refund_no)
    paid = "0.00" if is_refund else yuan(line.amount_fen)
    back = yuan(line.amount_fen) if is_refund else "0.00"
    return _quoted(
        (
            beijing(line.at, TIME),
            appid,
            mchid,
            "0",
            "",
            line.trade_no,
            line.order_no,
            "oSandbox0Payer0000000000000",
            {"app": "APP", "h5": "MWEB"}.get(line.scene, "NATIVE"),
            "REFUND" if is_refund else "SUCCESS",
            "OTHERS",
            "CNY",
            paid,
            "0.00",
            line.refund_id or "0",
            line.refund_no or "0",
            back,
            "0.00",
            "ORIGINAL" if is_refund else "",
            "SUCCESS" if is_refund else "",
            line.subject,
            "",
            f"{line.fee_fen / 100:.5f}",
            "0.60%",
            paid,
            back,
            "",
        )
    )


def _zm_row(line: Line, mer_id: str) -> bytes:
    is_refund = bool(line.refund_no)
    side = "D" if is_refund else "C"
    net_fen = line.amount_fen - line.fee_fen
    values = {
        1: "S30" if is_refund else "S22",
        2: "00049992",
        3: "00049992",
        4: f"{int(line.trade_no[-6:] or 0):06d}",
        5: beijing(line.at, "%m%d%H%M%S"),
        6: "6216***********0018",
        7: f"{line.amount_fen:012d}",
        8: "5399",
        9: "08",
        10: line.refund_id if is_refund else line.trade_no,
        12: line.refund_no if is_refund else line.order_no,
        13: "01",
        16: f"D{line.fee_fen:012d}",
        17: f"{side}{line.amount_fen:012d}",
        18: "0201",
        20: "04" if is_refund else "01",
        21: "00" if is_refund else "01",
        22: "000201",
        23: "01",
        26: "0",
        27: line.trade_no if is_refund else "",
        28: mer_id,
        33: f"{side}{net_fen:012d}",
        34: "01080209",
        36: f"C{0:012d}",
        41: line.order_no if is_refund else "",
    }
    fields = [
        str(values.get(place, "")).encode("gbk", "replace")[:width].ljust(width)
        for place, width in enumerate(ZM, 1)
    ]
    return b" ".join(fields)


class _GbkName(zipfile.ZipInfo):
    """Old Chinese zip tools write names in GBK, without a mark that says so."""

    def _encodeFilenameFlags(self):
        return self.filename.encode("gbk"), self.flag_bits


def _zip(files: dict[str, list]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, lines in files.items():
            coded = [
                line if isinstance(line, bytes) else line.encode("gbk", "replace") for line in lines
            ]
            info = _GbkName(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, b"".join(line + b"\r\n" for line in coded))
    return packed.getvalue()


def _quoted(values: tuple) -> str:
    return ",".join(f"`{value}" for value in values)


def _sum(lines: list[Line], sign: int = 1) -> str:
    return _signed(sign * sum(line.amount_fen for line in lines))


def _signed(amount_fen: int) -> str:
    return f"{'-' if amount_fen < 0 else ''}{yuan(abs(amount_fen))}"
