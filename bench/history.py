"""A year of old business, straight from INSERT ... SELECT: packets of 20 shares, their ledger
lines, orders, notifications and what staff did, as much as `shares` asks for.

Half of the packets are finished, most others expired and returned, some open, void or never paid.
One user, BUSY, took a share of every second packet. No verb writes five million rows in a minute;
the rows keep every constraint, but wallets hold a round sum.
"""

from concurrent.futures import ThreadPoolExecutor

import MySQLdb
from django.apps import apps
from django.db import connection
from django.utils import timezone

BUSY = "busy"
EACH = 20  # shares of a packet
TOPUPS = 4  # a packet
GROUPS = 100
CHECKED = 10_000  # packets; more are written without asking the constraints
TAKEN = "CASE state WHEN 'finished' THEN 20 WHEN 'expired' THEN 12 WHEN 'open' THEN 5 ELSE 0 END"
TAKER = (
    f"IF(s.seq = 1 AND p MOD 2 = 0, '{BUSY}', CONCAT('u', (p * 7 + s.seq * 7919) MOD {{users}}))"
)
# Letters for the two digits that an id of ours has not.
ID = "REPLACE(REPLACE(LPAD(CONV({}, 10, 8), 26, '0'), '0', 'a'), '1', 'b')"
MONEY = "p.state IN ('finished', 'expired', 'open')"
ORDER_STATUS = "CASE p.state WHEN 'closed' THEN 3 WHEN 'void' THEN 4 ELSE 2 END"

DAY = "DATE(at + INTERVAL 8 HOUR)"  # the service's, of a row of the plan
# One row a packet, from which the tables are made.
PLAN = f"""
CREATE TABLE plan (PRIMARY KEY (p)) AS SELECT p, state, {TAKEN} AS taken,
    CONCAT('rp_', {ID.format("p")}) AS public_id, CONCAT('hb', {ID.format("p")}) AS order_no,
    IF(p MOD 50 = 0, '{BUSY}', CONCAT('u', p * 13 MOD {{users}})) AS sender,
    IF(p MOD 3 = 0, 1 + p DIV 3 MOD 3, 4) AS pay_type, at,
    IF(state = 'closed', NULL, at + INTERVAL 9 SECOND) AS paid_at
FROM (SELECT seq AS p, '{{now}}' - INTERVAL ({{packets}} - seq) * {{step_s}} SECOND AS at,
    CASE WHEN seq MOD 16 < 8 THEN 'finished' WHEN seq MOD 16 = 14 THEN 'closed'
         WHEN seq MOD 48 = 15 THEN 'void' WHEN seq > {{packets}} - {{open}} THEN 'open'
         ELSE 'expired' END AS state
    FROM seq_1_to_{{packets}}) AS one
"""

ROWS = {
    "packets.redpacket": """
        INSERT INTO red_packet (id, public_id, user_id, for_id, pay_status, pay_type, trade_no,
            type, intro, number, total_money, single_money, return_money, is_cli_handle,
            expend_time, add_time, pay_time, expire_time, closed_at, voided_at, is_frozen,
            frozen_reason, commitment, seed)
        SELECT p, public_id, sender, CONCAT('g', p MOD {groups}),
            CASE state WHEN 'closed' THEN 0 WHEN 'void' THEN 2 ELSE 1 END, pay_type,
            IF(pay_type = 4, '', CONCAT('trade', p)), 2, 'Happy new year', {each}, {each}, 1,
            IF(state = 'expired', {each} - taken, 0), state IN ('finished', 'expired'),
            IF(state = 'finished', 60, NULL), at, paid_at, paid_at + INTERVAL 1 DAY,
            IF(state = 'closed', at + INTERVAL 1 HOUR, NULL),
            IF(state = 'void', at + INTERVAL 1 HOUR, NULL), p MOD 5000 = 0, '', '', ''
        FROM plan""",
    "packets.share": f"""
        INSERT INTO red_packet_log (id, rp_id, position, user_id, money, is_good, is_into_account,
            is_returned, add_time, update_time)
        SELECT (p - 1) * {{each}} + s.seq, p, s.seq, IF(s.seq <= taken, {TAKER}, NULL), 1, 0,
            s.seq <= taken, state = 'expired' AND s.seq > taken, at,
            IF(s.seq <= taken, paid_at + INTERVAL 3 * s.seq SECOND, NULL)
        FROM plan STRAIGHT_JOIN seq_1_to_{{each}} s""",
    # In order of time: sent, taken share by share, returned, and the top-ups of the moment.
    "wallets.ledgerline": f"""
        INSERT INTO wallets_ledgerline (id, kind, reference, source, target, amount, note,
            created_at, booked_on)
        SELECT p * 32 + s.seq,
            CASE WHEN s.seq > 21 THEN 4 WHEN s.seq = 21 THEN 3 WHEN s.seq > 0 THEN 2
                 WHEN pay_type = 4 THEN 1 ELSE 6 END,
            CASE WHEN s.seq > 21 THEN CONCAT('hbtopup', p * 32 + s.seq)
                 WHEN s.seq IN (0, 21) THEN public_id ELSE CONCAT(public_id, '/', s.seq) END,
            CASE WHEN s.seq > 21 THEN 'clearing:alipay' WHEN s.seq > 0 OR pay_type = 0
                 THEN CONCAT('escrow:', public_id) WHEN pay_type = 4 THEN CONCAT('wallet:', sender)
                 ELSE CONCAT('clearing:', ELT(pay_type, 'alipay', 'wechat', 'unionpay')) END,
            CASE WHEN s.seq > 21 THEN CONCAT('wallet:u', (p * {{topups}} + s.seq) MOD {{users}})
                 WHEN s.seq = 0 THEN CONCAT('escrow:', public_id)
                 WHEN s.seq = 21 THEN CONCAT('wallet:', sender)
                 ELSE CONCAT('wallet:', {TAKER}) END,
            CASE WHEN s.seq > 21 THEN 50 WHEN s.seq = 0 THEN {{each}}
                 WHEN s.seq = 21 THEN {{each}} - taken ELSE 1 END, '',
            paid_at + INTERVAL 3 * s.seq SECOND, {DAY}
        FROM plan STRAIGHT_JOIN seq_0_to_{{last}} s
        WHERE paid_at IS NOT NULL AND ({MONEY.replace("p.", "")} AND s.seq <= taken
            OR s.seq = 21 AND state = 'expired' OR s.seq > 21)""",
    "wallets.wallet": """
        INSERT INTO wallets_wallet (user_id, balance, is_frozen, frozen_reason, created_at)
        SELECT IF(seq = 0, '{busy}', CONCAT('u', seq - 1)), 1000, seq MOD 997 = 5, '', '{now}'
        FROM seq_0_to_{users}""",
    "packets.profile": """
        INSERT INTO packets_profile (user_id, nickname, avatar)
        SELECT CONCAT('u', seq), CONCAT('user ', seq), '' FROM seq_0_to_{users}""",
    "packets.groupmember": """
        INSERT INTO packets_groupmember (group_id, user_id)
        SELECT CONCAT('g', seq MOD {groups}), CONCAT('u', seq) FROM seq_0_to_{users}""",
    "packets.settlementpass": """
        INSERT INTO packets_settlementpass (packet_id, number, due_at, done_at, shares, money)
        SELECT p, s.seq, paid_at, paid_at + INTERVAL 2 * s.seq SECOND, 0, 0
        FROM plan STRAIGHT_JOIN seq_1_to_2 s WHERE pay_type < 4 AND taken > 0""",
    "payments.paymentorder": f"""
        INSERT INTO payments_paymentorder (order_no, purpose, reference, user_id, pay_type, scene,
            amount, status, trade_no, add_time, expire_time, confirmed_at, paid_at, ended_at,
            chases)
        SELECT IF(s.seq = 21, order_no, CONCAT('hbtopup', p * 32 + s.seq)),
            IF(s.seq = 21, 'packet', 'topup'),
            IF(s.seq = 21, public_id, CONCAT('hbtopup', p * 32 + s.seq)),
            IF(s.seq = 21, sender, CONCAT('u', (p * {{topups}} + s.seq) MOD {{users}})),
            IF(s.seq = 21, pay_type, 1), 'app', IF(s.seq = 21, {{each}}, 50),
            IF(s.seq = 21, {ORDER_STATUS}, 2),
            IF(s.seq > 21 OR {ORDER_STATUS} = 2, CONCAT('trade', IF(s.seq = 21, p, p * 32 + s.seq)),
               ''),
            at, at + INTERVAL 30 MINUTE,
            IF(s.seq > 21 OR {ORDER_STATUS} = 2, paid_at, NULL),
            IF(s.seq > 21 OR {ORDER_STATUS} = 2, paid_at, NULL),
            IF(s.seq = 21 AND {ORDER_STATUS} > 2, at + INTERVAL 1 HOUR, NULL), 0
        FROM plan p STRAIGHT_JOIN seq_21_to_{{last}} s
        WHERE IF(s.seq = 21, pay_type < 4, paid_at IS NOT NULL)""",
    "payments.notification": """
        INSERT INTO payments_notification (pay_type, headers, body, outcome, says, order_no,
            trade_no, created_at)
        SELECT pay_type, '{{}}', REPEAT('notify=', 40), 'confirmed', '', order_no, trade_no, paid_at
        FROM payments_paymentorder WHERE status = 2 AND id MOD 2 = 0""",
    "payments.case": """
        INSERT INTO payments_case (kind, reference, pay_type, order_no, trade_no, amount, held,
            says, status, created_at, resolved_at, resolution)
        SELECT 'late_payment', order_no, pay_type, order_no, CONCAT('trade', p), {each},
            IF(p MOD 5 = 0, {each}, 0), '', IF(p MOD 5 = 0, 0, 1), at, IF(p MOD 5 = 0, NULL, at), ''
        FROM plan WHERE pay_type < 4 AND p MOD 4 = 0""",
    "payments.channelrefund": """
        INSERT INTO payments_channelrefund (refund_no, pay_type, order_no, trade_no, paid, amount,
            source, reason, attachment, status, answer, proposed_at, done_at, chases, checker_id)
        SELECT CONCAT('hr', p), pay_type, order_no, CONCAT('trade', p), {each}, {each}, 'suspense',
            'late', '', IF(p MOD 5 = 0, 0, 3), '', at, IF(p MOD 5 = 0, NULL, at), 0,
            IF(p MOD 5 = 0, NULL, {staff})
        FROM plan WHERE pay_type < 4 AND p MOD 4 = 0""",
    "payments.bill": """
        INSERT INTO payments_bill (pay_type, day, state, `rows`, matched, differences, missing,
            total, refunded, reconciled_at, tries, says)
        SELECT s.seq, '{now}' - INTERVAL d.seq DAY, 1, 700, 700, 0, 0, 35000, 0, '{now}', 0, ''
        FROM seq_1_to_365 d JOIN seq_1_to_3 s""",
    "wallets.dailysummary": f"""
        INSERT INTO wallets_dailysummary (day, first_id, last_id, is_booked, closed_at)
        SELECT {DAY}, MIN(p) * 32, MAX(p) * 32 + 31, 1, MAX(at) FROM plan
        WHERE {DAY} < DATE('{{now}}' + INTERVAL 8 HOUR) GROUP BY {DAY} ORDER BY {DAY}""",
    "wallets.dailyfigure": """
        INSERT INTO wallets_dailyfigure (summary_id, kind, source, target, `lines`, amount)
        SELECT id, 2, 'escrow', 'wallets', 11000, 11000 FROM wallets_dailysummary""",
    "wallets.auditrun": """
        INSERT INTO wallets_auditrun (began_at, took_ms, rules, findings, says)
        SELECT '{now}' - INTERVAL seq HOUR, 900, 20, 0, '[]' FROM seq_1_to_8760""",
    "wallets.adjustment": """
        INSERT INTO wallets_adjustment (reference, source, target, amount, reason, attachment,
            status, maker_id, proposed_at)
        SELECT CONCAT('ad', p), 'platform', CONCAT('wallet:', sender), 1, 'mistake', '', 0,
            {staff}, at FROM plan WHERE p MOD 50 = 1""",
    "packets.refundreview": """
        INSERT INTO packets_refundreview (packet_id, user_id, amount, pay_type, state, note,
            decided_by_id, decided_at, created_at)
        SELECT p, sender, {each} - taken, pay_type, IF(p < {packets} - {open} * 3, 1, 0), '',
            IF(p < {packets} - {open} * 3, {staff}, NULL),
            IF(p < {packets} - {open} * 3, at + INTERVAL 2 DAY, NULL), at + INTERVAL 1 DAY
        FROM plan WHERE state = 'expired'""",
    "kit.event": """
        INSERT INTO kit_event (place, type, data, created_at)
        SELECT p, 'packet.issued', JSON_OBJECT('packet', public_id), paid_at FROM plan
        WHERE paid_at IS NOT NULL""",
    "kit.idempotencyrecord": """
        INSERT INTO kit_idempotencyrecord (caller, `key`, fingerprint, status, body, created_at)
        SELECT sender, CONCAT('k', p), '', 201, '{{}}', at FROM plan""",
    "office.staffaction": """
        INSERT INTO kit_staffaction (user_id, action, model, `key`, subject, reason, created_at)
        SELECT {staff}, 'freeze', 'packets.redpacket', p, public_id, 'reported', at FROM plan
        WHERE p MOD 10 = 0""",
    "office.staffevent": """
        INSERT INTO kit_staffevent (kind, username, agent, created_at)
        SELECT IF(p MOD 100 = 0, 'failed', 'login'), 'bench', '', at FROM plan
        WHERE p MOD 10 = 0""",
}


# What is filled at the same time, each lane in its order.
LONG = ("packets.share", "wallets.ledgerline", "payments.paymentorder")
LANES = [
    LONG[:1],
    LONG[1:2],
    (LONG[2], "payments.notification"),
    tuple(name for name in ROWS if name not in (*LONG, "payments.notification")),
]


def write(*, shares: int, staff: int) -> dict[str, int]:
    """Empty the tables, fill them again; how many rows each has."""
    packets = shares // EACH
    given = {
        "packets": packets,
        "users": max(200, shares // 100),
        "open": packets // 100,
        "step_s": 365 * 86_400 // packets,
        "now": timezone.now().strftime("%F %T"),
        "each": EACH,
        "topups": TOPUPS,
        "last": 21 + TOPUPS,
        "groups": GROUPS,
        "busy": BUSY,
        "staff": staff,
    }
    with _patient() as raw:
        cursor = raw.cursor()
        cursor.execute("SET foreign_key_checks = 0")
        for name in filter(_exists, ROWS):
            cursor.execute(f"TRUNCATE TABLE {apps.get_model(name)._meta.db_table}")
        cursor.execute("DROP TABLE IF EXISTS plan")
        cursor.execute(PLAN.format(**given))
    with ThreadPoolExecutor() as threads:
        lanes = [threads.submit(_fill, lane, given) for lane in LANES]
        counted = [pair for lane in lanes for pair in lane.result()]
    with _patient() as raw:
        raw.cursor().execute("DROP TABLE plan")
    return dict(counted)


def _fill(lane: tuple[str, ...], given: dict) -> list[tuple[str, int]]:
    counted = []
    with _patient() as raw:
        cursor = raw.cursor()
        # Into an empty table, unchecked, every index is built sorted. The constraints are held
        # against the small fill, by the same statements.
        cursor.execute("SET unique_checks = 0, foreign_key_checks = 0, time_zone = '+00:00'")
        cursor.execute(f"SET check_constraint_checks = {int(given['packets'] < CHECKED)}")
        for name in filter(_exists, lane):
            table = apps.get_model(name)._meta.db_table
            cursor.execute(ROWS[name].format(**given))
            counted.append((table, cursor.rowcount))
            raw.commit()
            cursor.execute(f"ANALYZE TABLE {table}")
            cursor.fetchall()
    return counted


def _exists(name: str) -> bool:
    app, model = name.split(".")
    return model in apps.all_models[app]


def _patient():
    """A connection of our own, without the product's time-outs."""
    params = connection.get_connection_params()
    kept = {name: value for name, value in params.items() if not name.endswith("_timeout")}
    return MySQLdb.connect(**kept)
