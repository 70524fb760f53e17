"""The oracle: raw SQL over our tables, held against the channels' own books.

It shares nothing with `wallets.audit`. Amounts are fen. Everything is asked once every sweep has
run to quiet: each yuan that a channel took is then in exactly one place, whoever was killed.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from django.db import connection

from payments.states import PayType
from tests.invariants import bill_files
from tests.invariants.world import World

# What the numbers in our tables mean (docs/states.md, docs/money.md); written out, not imported.
CREATED, REPORTED, CONFIRMED = 0, 1, 2
UNPAID, PAID, AWAITING = 0, 1, 2
PROPOSED, APPROVED, SENT, DONE, FAILED, REJECTED, PARKED, WITHDRAWN = range(8)
NOT_OUT = (PROPOSED, FAILED, REJECTED, WITHDRAWN)  # such a refund has moved nothing, or it is back
GRAB, EXPIRY_REFUND, TOPUP, CHANNEL_PAY, SUSPENSE = 2, 3, 4, 6, 7


def rows(sql: str, *values) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def fen(column: str) -> str:
    """Exact on both engines: SQLite keeps decimals as floats."""
    kind = "SIGNED" if connection.vendor == "mysql" else "INTEGER"
    return f"CAST(ROUND({column} * 100) AS {kind})"


class Books:
    """Our tables, read once."""

    def __init__(self):
        self.lines = rows(
            f"SELECT kind, reference, source, target, {fen('amount')} FROM wallets_ledgerline"
        )
        self.held: dict[str, int] = defaultdict(int)
        for _, _, source, target, amount in self.lines:
            self.held[source] -= amount
            self.held[target] += amount
        self.wallets = dict(rows(f"SELECT user_id, {fen('balance')} FROM wallets_wallet"))
        self.orders = {
            row[0]: row
            for row in rows(
                f"SELECT order_no, pay_type, status, purpose, reference, user_id, {fen('amount')},"
                " trade_no, chase_at FROM payments_paymentorder"
            )
        }
        self.refunds = {
            row[0]: row
            for row in rows(
                f"SELECT refund_no, pay_type, status, {fen('amount')}, source, trade_no, chase_at,"
                " case_id FROM payments_channelrefund"
            )
        }
        self.cases = rows(
            "SELECT id, kind, reference, order_no, trade_no, status FROM payments_case"
        )
        self.counted = dict(rows(f"SELECT id, {fen('held')} FROM payments_case"))
        self.bills = {
            PayType(pay_type): day if isinstance(day, date) else date.fromisoformat(day)
            for pay_type, day in rows(
                "SELECT pay_type, MIN(day) FROM payments_bill GROUP BY pay_type"
            )
        }
        self.adjusted = dict(rows("SELECT reference, case_id FROM wallets_adjustment"))
        self.packets = rows(
            f"SELECT id, public_id, user_id, pay_status, {fen('total_money')},"
            f" {fen('return_money')}, voided_at, closed_at, is_frozen, expire_time, draft_until"
            " FROM red_packet"
        )
        self.named = rows(
            "SELECT rp_id, position, for_user, user_id FROM red_packet_log"
            " WHERE for_user IS NOT NULL"
        )
        self.shares: dict[int, list[tuple]] = defaultdict(list)
        for rp_id, *share in rows(
            f"SELECT rp_id, position, user_id, {fen('money')}, is_into_account, is_returned"
            " FROM red_packet_log"
        ):
            self.shares[rp_id].append(tuple(share))

        self.aside = self._in_suspense()
        self.own: dict[tuple[str, str], list[tuple]] = defaultdict(list)
        for kind, reference, source, target, amount in self.lines:
            if kind in (CHANNEL_PAY, TOPUP):
                self.own[source.partition(":")[2], reference].append((target, amount))

    def _in_suspense(self) -> dict[tuple[str, str], int]:
        """(channel, trade number) -> what came to suspense for it and was not taken out again as
        never told. Such a line names its case, with "/back" behind it."""
        found: dict[tuple[str, str], int] = defaultdict(int)
        for kind, reference, _, target, amount in self.lines:
            plain = reference.removesuffix("/back")
            if kind != SUSPENSE or reference in self.refunds:
                continue
            if plain in self.refunds:
                _, pay_type, _, _, _, trade_no, *_ = self.refunds[plain]
                key = PayType(pay_type).word, trade_no
            else:
                channel, _, number = plain.partition(":")
                key = channel, number.partition("/")[0]
            found[key] += amount if target == "suspense" else -amount
        return {key: amount for key, amount in found.items() if amount}

    def open_cases_about(self, *numbers: str) -> list[tuple]:
        """Open cases that name one of these order, trade or refund numbers."""
        numbers = set(filter(None, numbers))
        return [
            case
            for case in self.cases
            if case[5] == 0 and (numbers & {case[3], case[4]} or _ends(case[2], numbers))
        ]


def _ends(reference: str, numbers: set[str]) -> bool:
    return any(reference.endswith(number) for number in numbers)


def differences(world: World) -> list[str]:
    """What does not agree; empty: not a fen is missing."""
    ours = Books()
    checks = (
        sums,
        channels,
        payments,
        refunds,
        packets,
        shares,
        named,
        promises,
        suspense,
        somebody_asks,
        bills,
    )
    return [
        f"{check.__name__}: {says}"
        for check in checks
        if f"rule: {check.__name__}" not in world.off
        for says in check(world, ours)
    ]


def sums(world: World, ours: Books) -> Iterator[str]:
    """In at the channels - back at the channels = wallets + live shares + suspense + platform."""
    taken = sum(took(books, ours) for books in world.books.values())
    back = sum(books.given_back() for books in world.books.values())
    live = sum(
        money
        for rp_id, _, _, pay_status, *_ in ours.packets
        if pay_status == PAID
        for _, _, money, is_credited, is_returned in ours.shares[rp_id]
        if not is_credited and not is_returned
    )
    here = sum(ours.wallets.values()) + live + ours.held["suspense"] + ours.held["platform"]
    way = sum(amount for _, amount in _on_their_way(world, ours))
    missing = sum(trade.paid for _, trade in _not_booked(world, ours))
    if taken - back != here + way + missing:
        yield (
            f"taken {taken} - back {back} != here {here} + refunds under way {way}"
            f" + known only by the bill {missing}"
        )


def took(books, ours: Books) -> int:
    return sum(believed(books, trade, ours) for trade in books.trades.values())


def believed(books, trade, ours: Books) -> int:
    """What a channel took for this order; or what stands in our books when a notice of it was
    wrong, some of that is on its way already, and a case says that the channel contradicts it."""
    kinds = {case[1] for case in ours.cases if trade.trade_no and case[4] == trade.trade_no}
    if trade.order_no in getattr(books, "misnamed", ()) and "contradicted" in kinds:
        return booked(books, trade, ours)
    return trade.paid


def booked(books, trade, ours: Books) -> int:
    word = books.pay_type.word
    own = sum(amount for _, amount in ours.own.get((word, trade.order_no), ()))
    return own + ours.aside.get((word, trade.trade_no), 0)


def _on_their_way(world: World, ours: Books) -> Iterator[tuple[str, int]]:
    """Refunds that left our accounts and are not yet final at their channel."""
    for number, pay_type, status, amount, *_ in ours.refunds.values():
        back = world.books[PayType(pay_type)].backs.get(number)
        is_gone = back is not None and back.is_out
        if status not in NOT_OUT and not is_gone:
            yield number, amount


def _not_booked(world: World, ours: Books) -> Iterator[tuple]:
    """Payments whose notice was lost and that nobody asked about, with a case that says so."""
    booked = _booked(ours)
    for pay_type, books in world.books.items():
        for trade in books.trades.values():
            if trade.paid and (pay_type.word, trade.order_no, trade.trade_no) not in booked:
                yield pay_type, trade


def _booked(ours: Books) -> set[tuple[str, str, str]]:
    """(channel, order number, trade number) of every line out of clearing for a payment."""
    found = {(word, number, ours.orders[number][7]) for word, number in ours.own}
    for word, trade_no in ours.aside:
        for _, _, reference, order_no, of, _ in ours.cases:
            if of == trade_no and reference.startswith(f"{word}:{trade_no}"):
                found.add((word, order_no, trade_no))
    return found


def channels(world: World, ours: Books) -> Iterator[str]:
    """What the ledger says that each channel owes us is what the channel's books say."""
    way, missing = defaultdict(int), defaultdict(int)
    for number, amount in _on_their_way(world, ours):
        way[PayType(ours.refunds[number][1])] += amount
    for pay_type, trade in _not_booked(world, ours):
        missing[pay_type] += trade.paid
    for pay_type, books in world.books.items():
        owes = took(books, ours) - books.given_back() - missing[pay_type] - way[pay_type]
        says = -ours.held[f"clearing:{pay_type.word}"]
        if owes != says:
            yield f"{pay_type.word}: the ledger says {says}, the channel {owes}"


def payments(world: World, ours: Books) -> Iterator[str]:
    """Every payment is one line out of clearing, of its amount, to the one who is owed it."""
    own, apart = dict(ours.own), dict(ours.aside)
    escrows = {packet[1] for packet in ours.packets}
    for pay_type, books in world.books.items():
        for trade in books.trades.values():
            here = own.pop((pay_type.word, trade.order_no), [])
            waits = apart.pop((pay_type.word, trade.trade_no), 0) if trade.trade_no else 0
            aside = [("suspense", waits)] if waits else []
            order = ours.orders.get(trade.order_no)
            if not trade.paid:
                if here or aside:
                    yield f"{trade.order_no} was never paid: {here + aside}"
                continue
            if not here and not aside:
                if is_before_the_bills(books, trade, ours):
                    continue
                if not ours.open_cases_about(trade.order_no, trade.trade_no):
                    yield f"{trade.order_no} was paid {trade.paid}, and nobody knows"
                continue
            fits = [("suspense", believed(books, trade, ours))]
            if order and here:
                owner = f"wallet:{order[5]}" if order[3] == "topup" else f"escrow:{order[4]}"
                fits = [(owner, trade.paid)] if trade.paid == order[6] else []
                if order[3] == "packet" and order[4] not in escrows:
                    fits = []
            if here + aside != fits:
                yield f"{trade.order_no} was paid {trade.paid}: {here + aside}, not {fits}"
    for (channel, number), found in [*own.items(), *apart.items()]:
        yield f"{channel} knows nothing of {number}: {found}"


def is_before_the_bills(books, trade, ours: Books) -> bool:
    """Under a number that we never gave out, to an account that was not in force when its day's
    bill was asked for, or before our first order and our first bill there: nobody can know."""
    if trade.order_no in ours.orders:
        return False
    first = ours.bills.get(books.pay_type)
    is_before = first is None or bill_files.day_of(books.pay_type, trade.paid_at) < first
    return is_before or trade.merchant != getattr(books, "merchants", [trade.merchant])[-1]


def refunds(world: World, ours: Books) -> Iterator[str]:
    """What a channel gave back has left us once; what it did not is here, or on its way."""
    net = defaultdict(int)
    for _, reference, source, target, amount in ours.lines:
        reference = reference.removesuffix("/late")  # paid after all: the platform carries it
        if reference in ours.refunds:
            net[reference] += amount * (target.startswith("clearing:"))
            net[reference] -= amount * (source.startswith("clearing:"))
    for number, pay_type, status, amount, *_ in ours.refunds.values():
        back = world.books[PayType(pay_type)].backs.get(number)
        state = back.state if back else "never heard of"
        says = f"refund {number} of {amount}, status {status}, at the channel: {state}"
        if state in ("done", "abnormal") and net[number] != amount:
            yield f"{says}; yet {net[number]} left us"
        if state == "done" and status != DONE and not ours.open_cases_about(number):
            yield f"{says}; no case says so"
        if status == DONE and state != "done":
            yield f"{says}; done here alone"
        if status in NOT_OUT and net[number] != 0:
            yield f"{says}; {net[number]} left us"
        if status in (APPROVED, SENT, PARKED) and not ours.open_cases_about(number):
            yield f"{says}; it still waits, and there is no case"
    for books in world.books.values():
        for back in books.backs.values():
            if back.refund_no not in ours.refunds:
                yield f"{back.refund_no} was never ours"


def packets(world: World, ours: Books) -> Iterator[str]:
    """A paid packet was paid once; what is in its escrow is what its shares say."""
    into = defaultdict(list)
    for _, _, _, target, amount in ours.lines:
        if target.startswith("escrow:"):
            into[target].append(amount)
    for rp_id, public_id, _, pay_status, total, _, _, closed, *_ in ours.packets:
        account = f"escrow:{public_id}"
        shares = ours.shares[rp_id]
        is_forgotten = closed and not shares  # nobody paid it in time
        if not is_forgotten and sum(share[2] for share in shares) != total:
            yield f"{public_id}: its shares are not its total {total}"
        if into[account] != ([total] if pay_status == PAID else []):
            yield f"{public_id} of {total}, pay_status {pay_status}: paid {into[account]}"
        waits = sum(share[2] for share in shares if not share[3] and not share[4])
        expected = waits if pay_status == PAID else 0
        if ours.held[account] != expected:
            yield f"{public_id}: escrow {ours.held[account]}, its shares {expected}"


def shares(world: World, ours: Books) -> Iterator[str]:
    """Every taken share of a paid packet was credited once; the rest went back."""
    into = defaultdict(list)
    for kind, reference, _, target, amount in ours.lines:
        if kind in (GRAB, EXPIRY_REFUND):
            into[reference].append((target, amount))
    for rp_id, public_id, sender, pay_status, _, returned, voided, _, frozen, *_ in ours.packets:
        rest = 0
        for position, user, money, is_credited, is_returned in ours.shares[rp_id]:
            paid = into[f"{public_id}/{position}"]
            if paid != ([(f"wallet:{user}", money)] if is_credited else []):
                yield f"{public_id}/{position} of {user}, credited {is_credited}: {paid}"
            if pay_status == PAID and user and not is_credited and not frozen:
                yield f"{public_id}/{position}: {user} waits for his {money}"
            if pay_status == PAID and not user and not is_returned and not frozen:
                yield f"{public_id}/{position} of {money}: nobody took it, nobody has it back"
            rest += money if is_returned and not voided else 0
        back = into[public_id]
        if back != ([(f"wallet:{sender}", rest)] if rest else []) or returned != rest:
            yield f"{public_id}: {rest} not taken, {returned} returned, {back} in the ledger"


def named(world: World, ours: Books) -> Iterator[str]:
    """What is one person's own is his, or nobody's."""
    for rp_id, position, for_user, user_id in ours.named:
        if user_id not in (None, for_user):
            yield f"packet {rp_id}, share {position}: for {for_user}, taken by {user_id}"


def promises(world: World, ours: Books) -> Iterator[str]:
    """Who was told that he has won has won, and that amount."""
    names = {packet[0]: packet[1] for packet in ours.packets}
    taken = {
        (names[rp_id], share[1]): share[2]
        for rp_id, own in ours.shares.items()
        for share in own
        if share[1]
    }
    for key, said in world.promised.items():
        if taken.get(key) != int(said * 100):
            yield f"{key} was told {said}, and has {taken.get(key)}"


def suspense(world: World, ours: Books) -> Iterator[str]:
    """What waits in suspense is each time an open case's; none holds less than nothing."""
    holds = held_by_cases(ours)
    open_ones = {case[0] for case in ours.cases if case[5] == 0}
    for case_id, money in holds.items():
        if money < 0:
            yield f"of case {case_id or 'none'} there is {money}"
        if money > 0 and case_id not in open_ones:
            yield f"{money} of case {case_id or 'none'} wait, and it is not open"
    for case_id, counted in ours.counted.items():
        if counted != holds.get(case_id, 0):
            yield f"case {case_id} says {counted}, its lines {holds.get(case_id, 0)}"
    if sum(holds.values()) != ours.held["suspense"]:
        yield f"suspense {ours.held['suspense']}, its cases {sum(holds.values())}"


def held_by_cases(ours: Books) -> dict[int, int]:
    """What suspense holds for each case, by the lines; 0: for none."""
    about = {case[2]: case[0] for case in ours.cases if not case[1].startswith("bill")}
    holds: dict[int, int] = defaultdict(int)
    for kind, reference, source, target, amount in ours.lines:
        if "suspense" not in (source, target):
            continue
        if kind == SUSPENSE:
            case_id = about.get(reference.removesuffix("/back"))
        elif reference in ours.refunds:
            case_id = ours.refunds[reference][7]
        else:
            case_id = ours.adjusted.get(reference)
        holds[case_id or 0] += amount if target == "suspense" else -amount
    return dict(holds)


def somebody_asks(world: World, ours: Books) -> Iterator[str]:
    """Nothing waits for ever: it is asked about, or a person has a case."""
    for number, _, status, *_, trade_no, chase_at in ours.orders.values():
        if status in (CREATED, REPORTED) and not ours.open_cases_about(number, trade_no):
            yield f"order {number}, status {status}, next question {chase_at}"
    for _, public_id, _, pay_status, _, _, voided, closed, *_ in ours.packets:
        if pay_status == AWAITING and not voided:
            orders = [one[0] for one in ours.orders.values() if one[4] == public_id]
            if not ours.open_cases_about(*orders):
                yield f"packet {public_id} is awaiting; its orders {orders}"
        if pay_status == UNPAID and not closed:
            yield f"draft {public_id} is still open"
    for number, done_at, run_at in rows(
        "SELECT packet_id, done_at, run_at FROM packets_settlementpass"
    ):
        if done_at is None:
            yield f"a pass of packet {number} was never run, next {run_at}"


def bills(world: World, ours: Books) -> Iterator[str]:
    """What a bill's comparing said was true when it was said."""
    yield from world.false_words


def unbooked(world: World) -> set[str]:
    """The trade numbers that channels were paid under and that no line of ours names."""
    return {trade.trade_no for _, trade in _not_booked(world, Books())}


def is_true(world: World, kind: str, number: str) -> bool:
    """Whether this difference between a right bill and our books is one: a payment or a refund that
    the channel made and we have not booked."""
    ours = Books()
    if number in ours.refunds:
        _, pay_type, status, *_ = ours.refunds[number]
        back = world.books[PayType(pay_type)].backs.get(number)
        is_out = back is not None and back.is_out
        return kind == "bill_surplus" and is_out and status != DONE
    if kind == "bill_amount":
        return any(
            trade.trade_no == number and booked(books, trade, ours) != trade.paid
            for books in world.books.values()
            for trade in books.trades.values()
        )
    if kind == "bill_missing":  # a day that nobody asked about while its bill was to be had
        return not rows("SELECT 1 FROM payments_bill WHERE state IN (1, 2) AND day = %s", number)
    missing = {trade.trade_no for _, trade in _not_booked(world, ours)}
    return kind == "bill_surplus" and number in missing
