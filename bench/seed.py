"""Fill a database with finished packets, then issue fresh ones; prints the ids of the fresh ones.

    python bench/seed.py SHARES PACKETS     in the database of REDPACKET_DATABASE_URL (MariaDB)

The old rows come straight out of INSERT ... SELECT: no verb writes a million in a minute. They
stand for what a year leaves behind; nobody asks for them again.
"""

import json
import os
import sys
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")

import django

django.setup()

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from kit.http.caller import Caller
from packets import members, pay, send
from packets.states import Kind
from wallets.credit import credit

SHARES = 1000  # of a fresh packet
USERS = [f"bench{i}" for i in range(2 * SHARES)]
EACH = 100  # shares of an old packet, 1.00 yuan a share
AT_ONCE = 200  # old packets a statement: well within the connection's read time-out
OLD = (
    "INSERT INTO red_packet (id, public_id, user_id, for_id, pay_status, pay_type, trade_no, type,"
    " intro, number, total_money, single_money, return_money, is_cli_handle, expend_time, add_time,"
    " pay_time, expire_time, is_frozen, frozen_reason, commitment, seed)"
    " SELECT seq, CONCAT('rp_', LPAD(seq, 9, '0')), 'old', 'old', 1, 4, '', 2, 'old', {each},"
    " {each}, 1, 0, 1, 9, NOW(6), NOW(6), NOW(6), 0, '', '', '' FROM seq_{first}_to_{last}",
    "INSERT INTO red_packet_log (rp_id, position, user_id, money, is_good, is_into_account,"
    " is_returned, add_time, update_time)"
    " SELECT p.seq, s.seq, CONCAT('old', p.seq * 7 % 5000 + s.seq), 1, 0, 1, 0, NOW(6), NOW(6)"
    " FROM seq_{first}_to_{last} p JOIN seq_1_to_{each} s",
    "INSERT INTO wallets_ledgerline (kind, reference, source, target, amount, note, created_at)"
    " SELECT 2, CONCAT('rp_', LPAD(p.seq, 9, '0'), '/', s.seq),"
    " CONCAT('escrow:rp_', LPAD(p.seq, 9, '0')),"
    " CONCAT('wallet:old', p.seq * 7 % 5000 + s.seq), 1, '', NOW(6)"
    " FROM seq_{first}_to_{last} p JOIN seq_1_to_{each} s",
)


def old(shares: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET unique_checks = 0, foreign_key_checks = 0")
        for first in range(1, shares // EACH + 1, AT_ONCE):
            last = min(first + AT_ONCE - 1, shares // EACH)
            for statement in OLD:
                cursor.execute(statement.format(each=EACH, first=first, last=last))
        cursor.execute("SET unique_checks = 1, foreign_key_checks = 1")


def population() -> None:
    """One group of all users, whose first one can pay for every packet of a bench."""
    members.replace(group_id="bench", user_ids=USERS)
    credit(user_id=USERS[0], amount=Decimal(10_000_000), reason="bench", now=timezone.now())


def packet(number: int = SHARES, group_id: str = "bench") -> str:
    """A fresh, issued packet of a yuan a share on average; its public id."""
    wish = send.Wish(kind=Kind.LUCKY, for_id=group_id, number=number, total_money=Decimal(number))
    sender = Caller(USERS[0])
    made = send.send(caller=sender, wish=wish, now=timezone.now())
    pay.by_balance(public_id=made.public_id, caller=sender, now=timezone.now())
    return made.public_id


def main(shares: int, packets: int) -> None:
    call_command("migrate", verbosity=0)
    old(shares)
    population()
    print(json.dumps([packet() for _ in range(packets)]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
