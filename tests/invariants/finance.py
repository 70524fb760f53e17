"""What finance does in a history: refunds, cases, adjustments and bills, at random and then to the
end."""

from decimal import Decimal

from payments import ask, book, cases, channel_refund, conclude_refund
from payments.states import CHANNELS, PayType
from tests.invariants import oracle
from tests.invariants.world import Nothing
from wallets import adjust


class Finance:
    """Mixed into Steps."""

    WEIGHTS = {
        "propose_by_case": 3,
        "propose_by_order": 4,
        "approve_refund": 10,
        "reject_refund": 1,
        "send_refund": 3,
        "withdraw_refund": 1,
        "conclude_refund": 2,
        "ask_channel": 3,
        "book_from_bill": 2,
        "resolve_case": 2,
        "propose_adjustment": 1,
        "adjust_by_case": 3,
        "decide_adjustment": 4,
        "compare_bill": 2,
    }

    def somebody(self, but: int | None = None) -> int:
        return self.luck.choice([one for one in self.staff if one != but])

    def part_of(self, amount: Decimal) -> Decimal:
        fen = int(amount * 100)
        part = self.luck.choice((fen, fen, fen // 2, self.luck.randint(1, max(fen, 1)), fen + 1))
        return Decimal(max(part, 1)).scaleb(-2)

    def propose_by_case(self) -> None:
        cases = self.rows("SELECT id, amount FROM payments_case ORDER BY id DESC LIMIT 5")
        found = self.one_of(cases)
        self.propose(found[1], case_id=found[0])

    def propose_by_order(self) -> None:
        confirmed = "" if self.luck.random() < 0.1 else " AND status = 2"
        orders = self.rows(
            "SELECT order_no, amount FROM payments_paymentorder"
            f" WHERE purpose = 'topup'{confirmed} ORDER BY id DESC LIMIT 5"
        )
        found = self.one_of(orders)
        self.propose(found[1], order_no=found[0])

    def propose(self, paid, **of) -> None:
        channel_refund.propose(
            amount=self.part_of(Decimal(str(paid))),
            reason="test",
            maker_id=self.somebody(),
            now=self.now,
            **of,
        )

    def a_refund(self, where: str = "1 = 1") -> tuple:
        return self.one_of(
            self.rows(
                "SELECT id, refund_no, status FROM payments_channelrefund"
                f" WHERE {where} ORDER BY id DESC LIMIT 5"
            )
        )

    def approve_refund(self) -> None:
        found = self.a_refund("status = 0" if self.luck.random() < 0.9 else "1 = 1")
        channel_refund.approve(refund_no=found[1], checker_id=self.somebody(), now=self.now)

    def reject_refund(self) -> None:
        found = self.a_refund()
        channel_refund.reject(refund_no=found[1], checker_id=self.somebody(), now=self.now)

    def send_refund(self) -> None:
        """A task that comes again."""
        found = self.a_refund("status IN (1, 2)" if self.luck.random() < 0.8 else "1 = 1")
        self.world.run_task("payments.send_refund", (found[0],))

    def resolve_case(self) -> None:
        found = self.one_of(self.rows("SELECT id FROM payments_case ORDER BY id DESC LIMIT 5"))
        cases.resolve(case_id=found[0], staff_id=self.somebody(), resolution="test", now=self.now)

    def ask_channel(self) -> None:
        """Somebody of finance asks about any order, whatever became of it here."""
        ask.ask(order_id=self.an_order()[0], now=self.now)

    def book_from_bill(self) -> None:
        surplus = self.rows(
            "SELECT id FROM payments_case WHERE kind = 'bill_surplus' ORDER BY id DESC LIMIT 5"
        )
        self.book(case_id=self.one_of(surplus)[0])

    def book(self, case_id: int) -> bool:
        return book.book(
            case_id=case_id, staff_id=self.somebody(), reason="the bill says so", now=self.now
        )

    def withdraw_refund(self) -> None:
        found = self.a_refund()
        verb = channel_refund.withdraw
        verb(refund_no=found[1], maker_id=self.somebody(), now=self.now)

    def conclude_refund(self, found: tuple | None = None) -> None:
        """Somebody looks at the channel's own pages, and says what they show."""
        found = found or self.one_of(
            self.rows(
                "SELECT refund_no, pay_type, checker_id FROM payments_channelrefund"
                " WHERE status IN (2, 6) ORDER BY id DESC LIMIT 5"
            )
        )
        books = self.world.books[PayType(found[1])]
        if books.is_gone:
            raise Nothing
        shows = books.says_where(found[0], to_payer=self.luck.random() < 0.5)
        if self.world.honest and not shows:
            shows = "failed"  # whatever it is told of that, it does not take it
        if shows in ("done", "failed"):
            done = conclude_refund.conclude(
                refund_no=found[0],
                is_paid=shows == "done",
                staff_id=self.somebody(but=found[2]),
                says="looked",
                now=self.now,
            )
            self.met[f"concluded: {shows}"] += done

    def propose_adjustment(self) -> None:
        adjust.propose(
            user_id=self.user(),
            amount=Decimal(self.luck.randint(1, 500)).scaleb(-2),
            is_credit=self.luck.random() < 0.6,
            other="platform",
            reason="test",
            maker_id=self.somebody(),
            now=self.now,
        )

    def adjust_by_case(self) -> None:
        """A case's money goes to a user, or to the platform; or a user's comes back to it."""
        leaves = self.luck.random() < 0.7
        cases = self.rows("SELECT id, amount FROM payments_case ORDER BY id DESC LIMIT 5")
        found = self.one_of(cases)
        is_about = leaves or self.luck.random() < 0.5
        adjust.propose(
            user_id="" if leaves and self.luck.random() < 0.3 else self.user(),
            amount=self.part_of(Decimal(str(found[1]))),
            is_credit=leaves,
            other="suspense",
            case_id=found[0] if is_about else None,
            reason="test",
            maker_id=self.somebody(),
            now=self.now,
        )

    def decide_adjustment(self) -> None:
        made = self.rows(
            "SELECT reference, maker_id FROM wallets_adjustment"
            " ORDER BY CASE status WHEN 0 THEN 0 ELSE 1 END, id DESC LIMIT 5"
        )
        found = self.one_of(made)
        match self.luck.choice(("approve", "approve", "approve", "reject", "withdraw")):
            case "withdraw":
                adjust.withdraw(reference=found[0], maker_id=found[1], now=self.now)
            case verb:
                getattr(adjust, verb)(reference=found[0], checker_id=self.somebody(), now=self.now)

    def compare_bill(self) -> None:
        """As beat does: every day of a channel whose bill is to come."""
        self.compare(self.luck.choice(CHANNELS))

    def compare(self, pay_type) -> None:
        if "compare: killed" in self.world.off and self.world.is_doomed():
            raise Nothing
        last = self.rows("SELECT COALESCE(MAX(id), 0) FROM payments_case")[0][0]
        before = oracle.unbooked(self.world)
        self.world.run_task("payments.reconcile_channel", (pay_type.word,))
        new = self.rows(
            "SELECT kind, reference, says FROM payments_case WHERE id > %s AND kind LIKE 'bill%%'",
            last,
        )
        for kind, reference, says in new:
            self.met[f"bill says: {kind}"] += 1
            number = reference.rpartition(":")[2]
            was_true = kind == "bill_surplus" and number in before  # and is booked meanwhile
            if not was_true and not oracle.is_true(self.world, kind, number):
                self.world.false_words.append(f"{kind} {reference}: {says}")

    # --- to the end

    def compare_all(self) -> None:
        for pay_type in CHANNELS:
            self.compare(pay_type)

    def finance_decides(self) -> int:
        """Every proposal is approved by somebody else; how many were."""
        return sum(
            bool(
                self.tried(
                    verb, **{name: number}, checker_id=self.somebody(but=maker), now=self.now
                )
            )
            for verb, name, table in (
                (channel_refund.approve, "refund_no", "payments_channelrefund"),
                (adjust.approve, "reference", "wallets_adjustment"),
            )
            for number, maker in self.rows(
                f"SELECT {name}, maker_id FROM {table} WHERE status = 0 ORDER BY id"
            )
        )

    def finance_books(self) -> None:
        """What only the bill knows is asked about, or booked as the bill tells it."""
        surplus = self.rows(
            "SELECT c.id, o.id, c.trade_no FROM payments_case c LEFT JOIN payments_paymentorder o"
            " ON o.order_no = c.order_no WHERE c.kind = 'bill_surplus' AND c.status = 0"
            " ORDER BY c.id"
        )
        for case_id, order_id, trade_no in surplus:
            if order_id and self.luck.random() < 0.5:
                self.tried(ask.ask, order_id=order_id, now=self.now)
            else:
                self.tried(self.book, case_id=case_id)
            self.met["booked from the bill"] += trade_no not in oracle.unbooked(self.world)

    def finance_looks(self) -> None:
        for found in self.rows(
            "SELECT refund_no, pay_type, checker_id FROM payments_channelrefund"
            " WHERE status IN (2, 6) ORDER BY id"
        ):
            self.conclude_refund(found)

    def finance_clears(self) -> int:
        """What an open case still holds is proposed to go back; what cannot, the platform keeps.
        How many still hold something."""
        holding = {key: held for key, held in oracle.held_by_cases(oracle.Books()).items() if held}
        for case_id, held in holding.items():
            wish = {
                "case_id": case_id,
                "amount": Decimal(held).scaleb(-2),
                "reason": "the rest",
                "maker_id": self.staff[0],
                "now": self.now,
            }
            if held > 0 and not self.tried(channel_refund.propose, **wish):
                self.met["finance keeps the rest"] += 1
                self.tried(adjust.propose, user_id="", is_credit=True, other="suspense", **wish)
        return len(holding)

    def finance_closes(self) -> None:
        for (case_id,) in self.rows("SELECT id FROM payments_case WHERE status = 0 ORDER BY id"):
            self.tried(
                cases.resolve,
                case_id=case_id,
                staff_id=self.staff[0],
                resolution="done",
                now=self.now,
            )
