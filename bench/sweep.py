"""Refund a backlog of expired packets by the sweep; bench/results/sweep.json.

    python ops/servers.py with -- python bench/sweep.py [--packets 100000]

Each packet has five shares, one of them taken; every thousandth is frozen and stays. The sweep is
run again and again, as beat does, until nothing is left that may be refunded. Its memory is the
process's high-water mark after a tenth of the backlog against the one at the end.
"""

import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from testing import stage

stage.set_up(DJANGO_SETTINGS_MODULE="bench.settings")

from django.db import connection

from bench import kept
from packets.models import RedPacket
from packets.tasks import refund_expired
from wallets.audit import audit

SHARES, AT_ONCE, FROZEN_EVERY, SENDERS = 5, 5000, 1000, 997
BACKLOG = (
    "INSERT INTO red_packet (id, public_id, user_id, for_id, pay_status, pay_type, trade_no, type,"
    " intro, number, total_money, single_money, return_money, is_cli_handle, add_time, pay_time,"
    " expire_time, is_frozen, frozen_reason, commitment, seed)"
    " SELECT seq, CONCAT('rp_', LPAD(seq, 9, '0')), CONCAT('s', seq %% %(senders)s), 'g', 1, 4, '',"
    " 2, 'old', %(shares)s, %(shares)s, 1, 0, 0, NOW(6) - INTERVAL 3 DAY, NOW(6) - INTERVAL 3 DAY,"
    " NOW(6) - INTERVAL 2 DAY + INTERVAL seq MICROSECOND, seq %% %(frozen)s = 0, '', '', ''"
    " FROM seq_{first}_to_{last}",
    "INSERT INTO red_packet_log (rp_id, position, user_id, money, is_good, is_into_account,"
    " is_returned, add_time, update_time)"
    " SELECT p.seq, s.seq, IF(s.seq = 1, 't', NULL), 1, 0, s.seq = 1, 0, NOW(6),"
    " IF(s.seq = 1, NOW(6) - INTERVAL 3 DAY, NULL)"
    " FROM seq_{first}_to_{last} p JOIN seq_1_to_{shares} s",
    "INSERT INTO wallets_ledgerline (kind, reference, source, target, amount, note, created_at)"
    " SELECT 1, CONCAT('rp_', LPAD(seq, 9, '0')), CONCAT('wallet:s', seq %% %(senders)s),"
    " CONCAT('escrow:rp_', LPAD(seq, 9, '0')), %(shares)s, '', NOW(6) FROM seq_{first}_to_{last}",
    "INSERT INTO wallets_ledgerline (kind, reference, source, target, amount, note, created_at)"
    " SELECT 2, CONCAT('rp_', LPAD(seq, 9, '0'), '/1'), CONCAT('escrow:rp_', LPAD(seq, 9, '0')),"
    " 'wallet:t', 1, '', NOW(6) FROM seq_{first}_to_{last}",
)
# What the senders had put in, and the wallets that come of it all.
BOOKS = (
    "INSERT INTO wallets_ledgerline (kind, reference, source, target, amount, note, created_at)"
    " SELECT 5, CONCAT('adj_', target), 'platform', target, amount, '', NOW(6) FROM ("
    " SELECT source AS target, SUM(amount) AS amount FROM wallets_ledgerline"
    " WHERE kind = 1 GROUP BY source) AS spent",
    "INSERT INTO wallets_wallet (user_id, balance, is_frozen, frozen_reason, created_at)"
    " SELECT SUBSTRING(source, 8), 0, 0, '', NOW(6) FROM wallets_ledgerline"
    " WHERE kind = 1 GROUP BY source",
    "INSERT INTO wallets_wallet (user_id, balance, is_frozen, frozen_reason, created_at)"
    " SELECT 't', SUM(amount), 0, '', NOW(6) FROM wallets_ledgerline WHERE kind = 2",
)


def seed(packets: int) -> None:
    values = {"senders": SENDERS, "shares": SHARES, "frozen": FROZEN_EVERY}
    with connection.cursor() as cursor:
        for first in range(1, packets + 1, AT_ONCE):
            last = min(first + AT_ONCE - 1, packets)
            for statement in BACKLOG:
                text = statement.format(first=first, last=last, shares=SHARES)
                cursor.execute(text, values)
        for statement in BOOKS:
            cursor.execute(statement)


def left() -> int:
    return RedPacket.objects.filter(is_cli_handle=False, is_frozen=False).count()


def peak_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def main() -> None:
    packets = stage.asked(__doc__, packets=100_000).packets
    stage.migrate()
    seed(packets)
    waiting, began, runs, early_mb = left(), time.perf_counter(), 0, None
    while left():
        refund_expired()
        runs += 1
        if early_mb is None and left() <= waiting * 0.9:
            early_mb = peak_mb()
        print(f"run {runs}: {left()} left, {peak_mb()} MB", file=sys.stderr, flush=True)
    took_s = time.perf_counter() - began
    late_mb = peak_mb()
    result = {
        "packets": packets,
        "refunded": waiting,
        "frozen_and_left": packets // FROZEN_EVERY,
        "runs_of_the_sweep": runs,
        "seconds": round(took_s, 1),
        "refunds_per_s": round(waiting / took_s, 1),
        "peak_memory_mb": {"after a tenth": early_mb, "at the end": late_mb},
        "audit_findings": len(audit()),
    }
    kept.show(kept.keep("sweep", result))


if __name__ == "__main__":
    main()
