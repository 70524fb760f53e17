"""A bill of a day against as many confirmed orders: how long, and what memory comparing takes.

    python ops/servers.py with -- sh -c 'python manage.py migrate && python bench/bill.py'

Memory is VmHWM of a process of its own, beside one that reads the file and compares nothing.
"""

import gzip
import json
import sys
import tempfile
import time
from datetime import date, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import kept
from testing import stage

DAY = date(2026, 3, 1)
HEAD = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注\r\n"
)


def write(path: Path, rows: int) -> None:
    with gzip.open(path, "wt", encoding="utf-8", newline="") as bill:
        bill.write(HEAD)
        for n in range(rows):
            bill.write(
                f"`2026-03-01 12:00:00,`wx1,`1900000001,`0,`,`42{n:026d},`hb{n:026d},"
                "`oInvented00000000000000000000,`APP,`SUCCESS,`OTHERS,`CNY,`1.00,`0.00,`0,`0,`0.00,"
                "`0.00,`,`,`红包,大吉,`,`0.01000,`0.60%,`1.00,`0.00,`\r\n"
            )
        bill.write("总交易单数,订单总金额,申请退款总金额\r\n")
        bill.write(f"`{rows},`{rows}.00,`0.00\r\n")


def seed(rows: int) -> None:
    """MariaDB makes the orders itself: its own table of numbers is faster than a million rows."""
    from django.db import connection

    from payments.models import PaymentOrder

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM payments_paymentorder")
        for begin in range(0, rows, 50_000):
            number, noon = "LPAD(seq, 26, '0')", "'2026-03-01 04:00:00'"
            values = {
                "order_no": f"CONCAT('hb', {number})",
                "reference": f"CONCAT('hb', {number})",
                "trade_no": f"CONCAT('42', {number})",
                "amount": "1.00",
                **dict.fromkeys(("add_time", "expire_time", "confirmed_at", "paid_at"), noon),
                "purpose": "'topup'",
                "user_id": "'u'",
                "scene": "'app'",
                "merchant": "''",
                "pay_type": "2",
                "status": "2",
                "chases": "0",
            }
            table = f"seq_{begin}_to_{min(begin + 50_000, rows) - 1}"
            cursor.execute(
                f"INSERT INTO {PaymentOrder._meta.db_table} ({', '.join(values)})"
                f" SELECT {', '.join(values.values())} FROM {table}"
            )


def compare(path: Path, is_compared: bool) -> dict:
    from payments import reconcile
    from payments.states import PayType

    content = path.read_bytes()
    begun = time.perf_counter()
    found = {}
    if is_compared:
        now = datetime.now().astimezone() + timedelta(days=1)
        result = reconcile.reconcile(pay_type=PayType.WECHAT, day=DAY, content=content, now=now)
        found = {"rows": result.rows, "matched": result.matched, "differences": result.count}
    peak_mb = round(stage.peak_kb() / 1024, 1)
    return {**found, "s": round(time.perf_counter() - begun, 1), "peak MB": peak_mb}


def main() -> None:
    results: dict = {}
    with tempfile.TemporaryDirectory() as folder:
        for rows in [int(arg) for arg in sys.argv[1:]] or [10_000, 1_000_000]:
            path = Path(folder) / "bill.gz"
            write(path, rows)
            stage.child(__file__, "seed", str(rows))
            results[str(rows)] = {
                "packed MB": round(path.stat().st_size / 2**20, 1),
                "compared": stage.child(__file__, "compare", str(path)),
                "only read from disk": stage.child(__file__, "load", str(path)),
            }
    kept.show(kept.keep("bill", results))


if __name__ == "__main__":
    if sys.argv[1:2] in (["seed"], ["compare"], ["load"]):
        stage.set_up()
        if sys.argv[1] == "seed":
            seed(int(sys.argv[2]))
            print("{}")
        else:
            print(json.dumps(compare(Path(sys.argv[2]), sys.argv[1] == "compare")))
    else:
        main()
