"""Days of old business, straight from INSERT ... SELECT: packets of 20 shares, their ledger lines,
orders, notifications and what staff did, as much as `shares` asks for.

Half of the packets are finished, most others expired and returned, some open, void or never paid.
One user, BUSY, took a share of every second packet. No verb writes five million rows in a minute;
the rows keep every constraint and every rule of the audit (wallets/tests/test_history.py).
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
FIRST_DAY = "(SELECT DATE(MIN(at) + INTERVAL 8 HOUR) FROM plan)"
TODAY = "DATE('{now}' + INTERVAL 8 HOUR)"
WORD = "ELT(pay_type, 'alipay', 'wechat', 'unionpay')"
CLEARING = f"CONCAT('clearing:', {WORD})"
TWICE = "pay_type < 4 AND p MOD 4 = 0"  # paid a second time
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
            IF(state = 'expired', {each} - taken, 0), state IN ('finished', 'expired', 'void'),
            IF(state = 'finished', 60, NULL), at, paid_at, paid_at + INTERVAL 1 DAY,
            IF(state = 'closed', at + INTERVAL 1 HOUR, NULL),
            IF(state = 'void', at + INTERVAL 1 HOUR, NULL), p MOD 5000 = 0, '', '', ''
        FROM plan""",
    "packets.share": f"""
        INSERT INTO red_packet_log (id, rp_id, position, user_id, money, is_good, is_into_account,
            is_returned, add_time, update_time)
        SELECT (p - 1) * {{each}} + s.seq, p, s.seq, IF(s.seq <= taken, {TAKER}, NULL), 1, 0,
            s.seq <= taken, state IN ('expired', 'void') AND s.seq > taken, at,
            IF(s.seq <= taken, paid_at + INTERVAL 3 * s.seq SECOND, NULL)
        FROM plan STRAIGHT_JOIN seq_1_to_{{each}} s""",
    # In order of time: sent, taken share by share, returned, the top-ups of the moment, and what
    # came a second time and went back.
    "wallets.ledgerline": f"""
        INSERT INTO wallets_ledgerline (id, kind, reference, source, target, amount, note,
            created_at, booked_on)
        SELECT p * 32 + s.seq,
            CASE WHEN s.seq = {{again}} THEN 7 WHEN s.seq > {{again}} THEN 8
                 WHEN s.seq > 21 THEN 4 WHEN s.seq = 21 THEN 3 WHEN s.seq > 0 THEN 2
                 WHEN pay_type = 4 THEN 1 ELSE 6 END,
            CASE WHEN s.seq = {{again}} THEN CONCAT({WORD}, ':again', p)
                 WHEN s.seq > {{again}} THEN CONCAT('hr', p)
                 WHEN s.seq > 21 THEN CONCAT('hbtopup', p * 32 + s.seq)
                 WHEN s.seq = 0 AND pay_type < 4 THEN order_no
                 WHEN s.seq IN (0, 21) THEN public_id ELSE CONCAT(public_id, '/', s.seq) END,
            CASE WHEN s.seq > {{again}} THEN 'suspense' WHEN s.seq = {{again}} THEN {CLEARING}
                 WHEN s.seq > 21 THEN 'clearing:alipay' WHEN s.seq > 0
                 THEN CONCAT('escrow:', public_id) WHEN pay_type = 4 THEN CONCAT('wallet:', sender)
                 ELSE {CLEARING} END,
            CASE WHEN s.seq = {{again}} THEN 'suspense' WHEN s.seq > {{again}} THEN {CLEARING}
                 WHEN s.seq > 21 THEN CONCAT('wallet:u', (p * {{topups}} + s.seq) MOD {{users}})
                 WHEN s.seq = 0 THEN CONCAT('escrow:', public_id)
                 WHEN s.seq = 21 THEN CONCAT('wallet:', sender)
                 ELSE CONCAT('wallet:', {TAKER}) END,
            CASE WHEN s.seq IN (0, {{again}}, {{again}} + 1) THEN {{each}} WHEN s.seq > 21 THEN 50
                 WHEN s.seq = 21 THEN {{each}} - taken ELSE 1 END, '',
            at + INTERVAL 9 + 3 * s.seq SECOND, {DAY}
        FROM plan STRAIGHT_JOIN seq_0_to_{{last}} s
        WHERE s.seq BETWEEN 22 AND {{again}} - 1
            OR paid_at IS NOT NULL AND ({MONEY.replace("p.", "")} AND s.seq <= taken
            OR s.seq = 21 AND state = 'expired'
            OR {TWICE} AND (s.seq = {{again}} OR s.seq > {{again}} AND p MOD 5 > 0))""",
    # What their lines come to.
    "wallets.wallet": """
        INSERT INTO wallets_wallet (user_id, balance, is_frozen, frozen_reason, created_at)
        SELECT user, COALESCE(SUM(yuan), 0), MAX(number MOD 997 = 5), '', '{now}'
        FROM (SELECT IF(seq = 0, '{busy}', CONCAT('u', seq - 1)) AS user, 0 AS yuan, seq AS number
            FROM seq_0_to_{users} UNION ALL
            SELECT SUBSTRING(target, 8), amount, 0 FROM wallets_ledgerline
            WHERE LEFT(target, 7) = 'wallet:' UNION ALL
            SELECT SUBSTRING(source, 8), -amount, 0 FROM wallets_ledgerline
            WHERE LEFT(source, 7) = 'wallet:') AS moved
        GROUP BY user""",
    "wallets.dailysummary": f"""
        INSERT INTO wallets_dailysummary (day, closed_at)
        SELECT day, day + INTERVAL 1 DAY
        FROM (SELECT {FIRST_DAY} + INTERVAL seq DAY AS day FROM seq_0_to_{{days}}) AS d
        WHERE day < {TODAY} - INTERVAL {{unclosed}} DAY ORDER BY day""",
    "wallets.dailyfigure": """
        INSERT INTO wallets_dailyfigure (summary_id, kind, source, target, `lines`, amount)
        SELECT d.id, kind, CASE LEFT(source, 7) WHEN 'wallet:' THEN 'wallets' WHEN 'escrow:'
            THEN 'escrow' ELSE source END AS out_of, CASE LEFT(target, 7) WHEN 'wallet:'
            THEN 'wallets' WHEN 'escrow:' THEN 'escrow' ELSE target END AS into_it, COUNT(*),
            SUM(amount) FROM wallets_ledgerline l JOIN wallets_dailysummary d ON d.day = booked_on
        GROUP BY d.id, kind, out_of, into_it""",
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
            amount, status, trade_no, add_time, expire_time, confirmed_at, paid_at, billed_on,
            ended_at, chases)
        SELECT IF(s.seq = 21, order_no, CONCAT('hbtopup', p * 32 + s.seq)),
            IF(s.seq = 21, 'packet', 'topup'),
            IF(s.seq = 21, public_id, CONCAT('hbtopup', p * 32 + s.seq)),
            IF(s.seq = 21, sender, CONCAT('u', (p * {{topups}} + s.seq) MOD {{users}})),
            IF(s.seq = 21, pay_type, 1), 'app', IF(s.seq = 21, {{each}}, 50),
            IF(s.seq = 21, {ORDER_STATUS}, 2),
            CASE WHEN s.seq > 21 THEN CONCAT('tradet', p * 32 + s.seq)
                 WHEN {ORDER_STATUS} = 2 THEN CONCAT('trade', p) ELSE '' END,
            at, at + INTERVAL 30 MINUTE,
            IF(s.seq > 21 OR {ORDER_STATUS} = 2, at + INTERVAL 9 SECOND, NULL),
            IF(s.seq > 21 OR {ORDER_STATUS} = 2, at + INTERVAL 9 SECOND, NULL),
            IF((s.seq > 21 OR {ORDER_STATUS} = 2) AND {DAY} < {TODAY}, {DAY}, NULL),
            IF(s.seq = 21 AND {ORDER_STATUS} > 2, at + INTERVAL 1 HOUR, NULL), 0
        FROM plan p STRAIGHT_JOIN seq_21_to_{{paid}} s
        WHERE s.seq > 21 OR pay_type < 4""",
    "payments.notification": """
        INSERT INTO payments_notification (pay_type, headers, body, outcome, says, order_no,
            trade_no, created_at)
        SELECT pay_type, '{{}}', REPEAT('notify=', 40), 'confirmed', '', order_no, trade_no, paid_at
        FROM payments_paymentorder WHERE status = 2 AND id MOD 2 = 0""",
    # Each payment once: what our orders were paid by, and what came a second time.
    "payments.trade": f"""
        INSERT INTO payments_trade (pay_type, trade_no, paid, refunded)
        SELECT pay_type, trade_no, amount, 0 FROM payments_paymentorder WHERE status = 2 UNION ALL
        SELECT pay_type, CONCAT('again', p), {{each}}, {{each}} FROM plan WHERE {TWICE}""",
    "payments.case": f"""
        INSERT INTO payments_case (id, kind, reference, pay_type, order_no, trade_no, amount, held,
            says, status, created_at, resolved_at, resolution)
        SELECT p, 'second_payment', CONCAT({WORD}, ':again', p), pay_type, order_no,
            CONCAT('again', p), {{each}}, IF(p MOD 5 = 0, {{each}}, 0), '', p MOD 5 > 0, at,
            IF(p MOD 5 = 0, NULL, at), '' FROM plan WHERE {TWICE}""",
    "payments.channelrefund": f"""
        INSERT INTO payments_channelrefund (refund_no, pay_type, order_no, trade_no, paid, amount,
            source, reason, attachment, status, answer, proposed_at, decided_at, done_at, chases,
            checker_id, case_id)
        SELECT CONCAT('hr', p), pay_type, order_no, CONCAT('again', p), {{each}}, {{each}},
            'suspense', 'twice', '', IF(p MOD 5 = 0, 0, 3), '', at, IF(p MOD 5 = 0, NULL, at),
            IF(p MOD 5 = 0, NULL, at), 0, IF(p MOD 5 = 0, NULL, {{staff}}), p
        FROM plan WHERE {TWICE}""",
    "payments.bill": f"""
        INSERT INTO payments_bill (pay_type, day, state, `rows`, matched, differences, missing,
            total, refunded, reconciled_at, tries, says)
        SELECT s.seq, {FIRST_DAY} + INTERVAL d.seq DAY, 1, 700, 700, 0, 0, 35000, 0, '{{now}}', 0,
            '' FROM seq_0_to_{{days}} d JOIN seq_1_to_3 s
        WHERE {FIRST_DAY} + INTERVAL d.seq DAY < {TODAY}""",
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
    "kit.eventplace": "INSERT INTO kit_eventplace (id, last) VALUES (1, {packets})",
    "kit.idempotencyrecord": """
        INSERT INTO kit_idempotencyrecord (caller, `key`, fingerprint, status, body, created_at)
        SELECT sender, CONCAT('k', p), '', 201, '{{}}', at FROM plan""",
    "office.staffaction": f"""
        INSERT INTO kit_staffaction (user_id, action, model, `key`, subject, reason, created_at,
            booked_on)
        SELECT {{staff}}, 'freeze', 'packets.redpacket', p, public_id, 'reported', at, {DAY}
        FROM plan WHERE p MOD 10 = 0""",
    "office.staffevent": """
        INSERT INTO kit_staffevent (kind, username, agent, created_at)
        SELECT IF(p MOD 100 = 0, 'failed', 'login'), 'bench', '', at FROM plan
        WHERE p MOD 10 = 0""",
}


# What is filled at the same time, each lane in its order.
LANES = [
    ("packets.share",),
    ("wallets.ledgerline", "wallets.wallet", "wallets.dailysummary", "wallets.dailyfigure"),
    ("payments.paymentorder", "payments.notification", "payments.trade"),
]
LANES.append(tuple(name for name in ROWS if not any(name in lane for lane in LANES)))


def write(*, shares: int, staff: int, days: int = 365, unclosed: int = 0) -> dict[str, int]:
    """Empty the tables, fill them again; how many rows each has. All days are closed until today,
    or until so many before it; none is sealed."""
    packets = shares // EACH
    given = {
        "days": days,
        "unclosed": unclosed,
        "packets": packets,
        "users": max(200, shares // 100),
        "open": max(packets // 100, packets * 2 // days),
        "step_s": days * 86_400 // packets,
        "now": timezone.now().strftime("%F %T"),
        "each": EACH,
        "topups": TOPUPS,
        "paid": 21 + TOPUPS,
        "again": 22 + TOPUPS,
        "last": 23 + TOPUPS,
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
            # Unchecked rows that break a unique key are gone without a word.
            if not cursor.execute(f"SELECT 1 FROM {table} LIMIT 1"):
                raise RuntimeError(f"{table} has not taken its rows")
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
