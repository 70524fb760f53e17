"""What finance does in a history: refunds, cases, adjustments and bills, at random and then to the
end."""

from datetime import date, timedelta
from decimal import Decimal

from payments import cases, channel_refund, reconcile
from payments.channels.base import ChannelDown
from payments.states import CHANNELS
from tests.invariants import oracle
from tests.invariants.bill_files import SHANGHAI
from wallets import adjust

MONEY_CASES = ("unknown_order", "wrong_amount", "second_payment", "late_payment", "refund_failed")


class Finance:
    """Mixed into Steps."""

    WEIGHTS = {
        "propose_by_case": 3,
        "propose_by_order": 4,
        "approve_refund": 10,
        "reject_refund": 1,
        "send_refund": 3,
        "resolve_case": 1,
        "propose_adjustment": 1,
        "decide_adjustment": 1,
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
        channel_refund.propose(
            case_id=found[0],
            amount=self.part_of(Decimal(str(found[1]))),
            reason="test",
            maker_id=self.somebody(),
            now=self.now,
        )

    def propose_by_order(self) -> None:
        confirmed = "" if self.luck.random() < 0.1 else " AND status = 2"
        orders = self.rows(
            "SELECT order_no, amount FROM payments_paymentorder"
            f" WHERE purpose = 'topup'{confirmed} ORDER BY id DESC LIMIT 5"
        )
        found = self.one_of(orders)
        channel_refund.propose(
            order_no=found[0],
            amount=self.part_of(Decimal(str(found[1]))),
            reason="test",
            maker_id=self.somebody(),
            now=self.now,
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

    def propose_adjustment(self) -> None:
        other = self.luck.choice(("platform", "suspense"))
        if f"adjustment: {other}" in self.world.off:
            other = "platform"
        adjust.propose(
            user_id=self.user(),
            amount=Decimal(self.luck.randint(1, 500)).scaleb(-2),
            is_credit=self.luck.random() < 0.6,
            other=other,
            reason="test",
            maker_id=self.somebody(),
            now=self.now,
        )

    def decide_adjustment(self) -> None:
        made = self.rows("SELECT reference FROM wallets_adjustment ORDER BY id DESC LIMIT 5")
        found = self.one_of(made)
        verb = self.luck.choice((adjust.approve, adjust.approve, adjust.reject))
        verb(reference=found[0], checker_id=self.somebody(), now=self.now)

    def compare_bill(self) -> None:
        """Yesterday's, as beat does, or any day's that is over."""
        (day,) = self.one_of([(day,) for day in reversed(self.days())])
        self.compare(self.luck.choice(CHANNELS), day)

    def compare(self, pay_type, day: date) -> None:
        try:
            content = reconcile.download(pay_type=pay_type, day=day)
        except ChannelDown:
            self.met["bill: not there"] += 1
            return
        result = reconcile.reconcile(pay_type=pay_type, day=day, content=content, now=self.now)
        for difference in result.differences:
            self.met[f"bill says: {difference.kind.value}"] += 1
            if not oracle.is_true(self.world, difference.kind.value, difference.reference):
                self.world.false_words.append(f"bill of {day}: {difference}")

    def days(self) -> list[date]:
        """Those that are over, in the channels' time."""
        first = self.world.began.astimezone(SHANGHAI).date()
        today = self.now.astimezone(SHANGHAI).date()
        return [first + timedelta(days=n) for n in range((today - first).days)]

    # --- to the end

    def compare_all(self) -> None:
        """Every day that this has not done yet."""
        for day in self.days()[self.world.days_compared :]:
            self.world.days_compared += 1
            for pay_type in CHANNELS:
                self.compare(pay_type, day)

    def finance_decides(self) -> int:
        """Every proposal is approved by somebody else; how many were."""
        proposed = self.rows(
            "SELECT refund_no, maker_id FROM payments_channelrefund WHERE status = 0 ORDER BY id"
        )
        return sum(
            bool(
                self.tried(
                    channel_refund.approve,
                    refund_no=refund_no,
                    checker_id=self.somebody(but=maker),
                    now=self.now,
                )
            )
            for refund_no, maker in proposed
        )

    def finance_clears(self) -> None:
        """What an open case still holds is proposed to go back."""
        for case_id, held in self.cases_with_money():
            if held > 0:
                self.tried(
                    channel_refund.propose,
                    case_id=case_id,
                    amount=Decimal(held).scaleb(-2),
                    reason="the rest",
                    maker_id=self.staff[0],
                    now=self.now,
                )

    def finance_closes(self) -> None:
        for (case_id,) in self.rows("SELECT id FROM payments_case WHERE status = 0 ORDER BY id"):
            self.tried(
                cases.resolve,
                case_id=case_id,
                staff_id=self.staff[0],
                resolution="done",
                now=self.now,
            )
