# Long: the tables of one app, where Django people look for them.

from django.conf import settings
from django.db import models
from django.db.models import CheckConstraint, F, Index, Q, UniqueConstraint
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kit.columns import decided, one_of, staff
from kit.ids import AsciiField, OutsideIdField
from kit.lease import Leased
from kit.money import ZERO, MoneyField
from kit.moves import Moves
from payments.states import (
    BILL_MOVES,
    CASE_MOVES,
    ORDER_MOVES,
    REFUND_MOVES,
    UNDECIDED,
    BillState,
    CaseKind,
    CaseStatus,
    NoticeOutcome,
    OrderStatus,
    PayType,
    RefundStatus,
    Scene,
)


class PaymentOrder(Leased):
    """One order at a channel: what somebody wants to pay, how, and what the channel said of it."""

    order_no = AsciiField(_("order number"), max_length=32, unique=True)  # ours (商户订单号)
    purpose = AsciiField(_("purpose"), max_length=16)
    # What is paid for, in the owner's words: a packet's public id, the order number of a top-up.
    reference = AsciiField(_("paid for"), max_length=64)
    user_id = OutsideIdField(_("payer"))
    pay_type = one_of(PayType, _("channel"))
    scene = AsciiField(_("scene"), max_length=8, choices=Scene.choices)
    # Who we were at the channel when it was made: it is ended by that one's keys. Empty: made
    # before this was kept, by whoever is in force. (A default of the database's own, so that a
    # worker of the old release can still insert.)
    merchant = AsciiField(_("merchant"), max_length=96, blank=True, default="", db_default="")
    amount = MoneyField(_("amount"))
    status = one_of(OrderStatus, _("status"), default=OrderStatus.CREATED)
    MOVES = Moves("status", ORDER_MOVES)
    trade_no = AsciiField(_("trade number"), max_length=64, blank=True, default="")  # theirs
    pay_params = models.JSONField(_("payment parameters"), null=True)  # for the app's SDK
    add_time = models.DateTimeField(_("made at"))
    expire_time = models.DateTimeField(_("payable until"))
    reported_at = models.DateTimeField(_("reported at"), null=True)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    paid_at = models.DateTimeField(_("paid at (the channel's clock)"), null=True)
    settle_date = models.DateField(_("settled on"), null=True)  # where the channel says so
    billed_on = models.DateField(_("in the bill of"), null=True)  # the day whose bill names it
    ended_at = models.DateTimeField(_("ended at"), null=True)  # closed, unpaid or failed
    # When the channel is asked next; empty when there is nothing to ask (chase.py).
    chase_at = models.DateTimeField(_("next question at"), null=True)
    chases = models.PositiveSmallIntegerField(_("questions"), default=0)
    # "purpose:reference:channel" while payable, so that there is one open order of each.
    open_key = AsciiField(max_length=96, null=True, unique=True, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("payment order"), _("payment orders")
        constraints = [
            CheckConstraint(condition=Q(amount__gt=0), name="order_amount_positive"),
            CheckConstraint(
                condition=Q(status=OrderStatus.CONFIRMED, confirmed_at__isnull=False)
                & ~Q(trade_no="")
                | ~Q(status=OrderStatus.CONFIRMED) & Q(confirmed_at=None),
                name="order_confirmed_has_trade",
            ),
        ]
        indexes = [
            Index(fields=["reference"], name="order_reference"),
            Index(fields=["user_id", "status"], name="order_payer_status"),
            Index(fields=["chase_at"], name="order_chase"),
            Index(fields=["trade_no"], name="order_trade"),
            Index(fields=["confirmed_at"], name="order_confirmed"),  # a night's audit
            Index(fields=["pay_type", "billed_on", "paid_at"], name="order_billed"),
            # A list's filters, in the list's order, and a payer's newest.
            Index(fields=["pay_type", "id"], name="order_channel"),
            Index(fields=["status", "id"], name="order_status"),
            Index(fields=["amount", "id"], name="order_amount"),
            Index(fields=["add_time"], name="order_made"),
            Index(fields=["user_id", "id"], name="order_payer"),
        ]

    def __str__(self) -> str:
        return self.order_no


class Notification(models.Model):
    """One message from a channel about a payment (异步通知), as it came: once verified, before
    anything is done about it. Of what nobody verified only a head is kept (strangers.py)."""

    pay_type = one_of(PayType, _("channel"))
    headers = models.JSONField(_("headers"), default=dict)  # those that the signature is made of
    body = models.BinaryField(_("body"))
    outcome = AsciiField(
        _("outcome"),
        max_length=16,
        choices=[(outcome.value, outcome.value) for outcome in NoticeOutcome],
        default=NoticeOutcome.STORED,
    )
    says = models.CharField(_("says"), max_length=255, blank=True, default="")
    # By whose keys it was genuine; a refund of a payment that no order of ours names goes by them.
    merchant = AsciiField(_("merchant"), max_length=96, blank=True, default="", db_default="")
    order_no = AsciiField(_("order number"), max_length=64, blank=True, default="", db_index=True)
    trade_no = AsciiField(_("trade number"), max_length=64, blank=True, default="", db_index=True)
    created_at = models.DateTimeField(_("received at"), db_index=True)
    # Of a stranger's, whose body is a head alone: how long it was, its SHA-256, who sent it.
    size = models.PositiveIntegerField(_("bytes"), null=True)
    digest = AsciiField(_("SHA-256"), max_length=64, blank=True, default="", db_default="")
    address = AsciiField(_("address"), max_length=45, blank=True, default="", db_default="")
    emptied_at = models.DateTimeField(_("emptied at"), null=True)  # its body was dropped

    class Meta:
        verbose_name, verbose_name_plural = _("notification"), _("notifications")
        indexes = [
            Index(fields=["outcome", "created_at"], name="notice_drop"),
            Index(fields=["emptied_at", "created_at"], name="notice_empty"),
        ]

    def __str__(self) -> str:
        return f"{PayType(self.pay_type).word} {self.outcome}"


class Case(models.Model):
    """Something that no rule decides (差错单): finance does."""

    kind = AsciiField(_("kind"), max_length=24, choices=CaseKind.choices)
    # What it is about, unique with the kind, so that saying it again opens no second case.
    reference = AsciiField(_("reference"), max_length=96)
    pay_type = one_of(PayType, _("channel"), db_index=True)
    order_no = AsciiField(_("order number"), max_length=64, blank=True, default="", db_index=True)
    trade_no = AsciiField(_("trade number"), max_length=64, blank=True, default="", db_index=True)
    amount = MoneyField(_("amount"), db_index=True)
    # What of it is in suspense now; empty: opened by the release before, and not counted yet.
    held = MoneyField(_("in suspense"), null=True)
    says = models.CharField(_("says"), max_length=255, blank=True, default="")
    status = one_of(CaseStatus, _("status"), default=CaseStatus.OPEN)
    MOVES = Moves("status", CASE_MOVES)
    created_at = models.DateTimeField(pgettext_lazy("case", "opened at"), db_index=True)
    resolved_at = models.DateTimeField(_("resolved at"), null=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, verbose_name=_("resolved by")
    )
    resolution = models.CharField(_("resolution"), max_length=255, blank=True, default="")
    # Who has taken it upon himself (own_case.py); no key of the database's, which the table could
    # not be given while it is in use.
    owner = staff(pgettext_lazy("case", "owner"), null=True, db_constraint=False, db_index=False)

    class Meta:
        verbose_name, verbose_name_plural = _("case"), _("cases")
        constraints = [
            UniqueConstraint(fields=["kind", "reference"], name="case_once"),
            CheckConstraint(
                condition=Q(held=None) | Q(held__gte=0, held__lte=F("amount")),
                name="case_holds_what_it_is_about",
            ),
            CheckConstraint(
                condition=Q(held=None) | Q(held=0) | Q(status=CaseStatus.OPEN),
                name="case_resolved_holds_nothing",
            ),
        ]
        indexes = [
            Index(fields=["status", "created_at"], name="case_queue"),
            # A list's filters, in the list's order.
            Index(fields=["status", "id"], name="case_status"),
            Index(fields=["kind", "id"], name="case_kind"),
            Index(fields=["owner", "id"], name="case_owner"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class ChannelRefund(Leased):
    """Money going back the way it came (原路退款): proposed by one, approved by another."""

    refund_no = AsciiField(_("refund number"), max_length=32, unique=True)  # the same at each try
    # Its number at the channel, when it was made there and not by us (book_refund.py); else empty.
    their_no = AsciiField(
        _("number at the channel"),
        max_length=64,
        blank=True,
        default="",
        db_default="",
        db_index=True,
    )
    pay_type = one_of(PayType, _("channel"))
    order_no = AsciiField(_("order number"), max_length=64, db_index=True)
    trade_no = AsciiField(_("trade number"), max_length=64)
    paid = MoneyField(_("paid"))  # the payment's whole amount, which channels want to hear
    amount = MoneyField(_("amount"))
    source = AsciiField(_("source"), max_length=80)  # the account that the money leaves
    reason = models.CharField(_("reason"), max_length=255)
    attachment = models.CharField(_("attachment"), max_length=255, blank=True, default="")
    status = one_of(RefundStatus, _("status"), default=RefundStatus.PROPOSED)
    MOVES = Moves("status", REFUND_MOVES)
    case = models.ForeignKey(Case, models.PROTECT, null=True, verbose_name=_("case"))
    # Empty: proposed by the rule that opened the case.
    maker = staff(_("maker"), null=True)
    checker = staff(_("checker"), null=True)
    answer = models.CharField(_("the channel's answer"), max_length=255, blank=True, default="")
    proposed_at = models.DateTimeField(_("proposed at"), db_index=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)
    done_at = models.DateTimeField(_("done at"), null=True)
    settle_date = models.DateField(_("settled on"), null=True)  # where the channel says so
    billed_on = models.DateField(_("in the bill of"), null=True)  # the day whose bill names it
    chase_at = models.DateTimeField(_("next try at"), null=True, db_index=True)
    chases = models.PositiveSmallIntegerField(_("tries"), default=0)
    # Workers of the release before look here for a refund under way; Trade knows of all. What was
    # made at the channel stands here with its number, so that it is booked once.
    open_key = AsciiField(max_length=96, null=True, unique=True, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = _("channel refund"), _("channel refunds")
        constraints = [
            CheckConstraint(
                condition=Q(amount__gt=0, amount__lte=F("paid")), name="refund_within_payment"
            ),
            CheckConstraint(
                condition=Q(maker=None) | Q(checker=None) | ~Q(maker=F("checker")),
                name="refund_four_eyes",
            ),
            decided(UNDECIDED, "refund_decided_by_a_checker"),
        ]
        indexes = [
            Index(fields=["status", "proposed_at"], name="refund_queue"),
            Index(fields=["pay_type", "billed_on", "done_at"], name="refund_billed"),
            # A list's filters, in the list's order.
            Index(fields=["status", "id"], name="refund_status"),
            Index(fields=["pay_type", "id"], name="refund_channel"),
            Index(fields=["trade_no"], name="refund_trade"),
            Index(fields=["decided_at"], name="refund_decided"),  # a night's audit
        ]

    def __str__(self) -> str:
        return self.refund_no


class Trade(models.Model):
    """One payment at a channel, by its number there (渠道交易号): what the channel took, as far as
    it has told us, and what of that has gone back or is proposed to. Whoever hears of it or gives
    it back takes turns on its row, so it is booked once (trades.py). What the release before has
    booked has none: its first refund makes the row."""

    pay_type = one_of(PayType, _("channel"))
    trade_no = AsciiField(_("trade number"), max_length=64)
    paid = MoneyField(_("paid"))
    refunded = MoneyField(_("refunded"))

    class Meta:
        constraints = [
            UniqueConstraint(fields=["pay_type", "trade_no"], name="refunded_payment"),
            CheckConstraint(
                condition=Q(refunded__gte=0, refunded__lte=F("paid")), name="trade_refunded_within"
            ),
        ]

    def __str__(self) -> str:
        return f"{PayType(self.pay_type).word} {self.trade_no}"


class Bill(Leased):
    """A channel's bill of one day: whether it came, and what comparing it came to the last time."""

    pay_type = one_of(PayType, _("channel"))
    day = models.DateField(_("day"), db_index=True)  # in the channels' time zone
    # A row of the release before stands for one that was compared.
    state = one_of(BillState, _("state"), default=BillState.WAITING, db_default=BillState.COMPARED)
    MOVES = Moves("state", BILL_MOVES)
    rows = models.PositiveIntegerField(_("rows"), default=0)
    matched = models.PositiveIntegerField(_("matched"), default=0)
    differences = models.PositiveIntegerField(_("differences"), default=0)
    # Of the differences those of ours that no bill names; the next day's bill may tell more.
    missing = models.PositiveIntegerField(_("missing"), default=0, db_default=0)
    total = MoneyField(_("paid in all"), default=ZERO)
    refunded = MoneyField(_("refunded in all"), default=ZERO, db_default=ZERO)
    reconciled_at = models.DateTimeField(_("reconciled at"), null=True)
    # The comparison whose rows apart are kept; another one than the last was the release before's.
    apart_at = models.DateTimeField(_("told apart at"), null=True)
    tries = models.PositiveIntegerField(_("tries"), default=0, db_default=0)
    # Why it is missing.
    says = models.CharField(_("says"), max_length=255, blank=True, default="", db_default="")
    due_at = models.DateTimeField(_("next try at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("bill"), _("bills")
        constraints = [
            UniqueConstraint(fields=["pay_type", "day"], name="bill_once"),
            CheckConstraint(
                condition=Q(matched__lte=F("rows"), missing__lte=F("differences")),
                name="bill_figures",
            ),
            CheckConstraint(
                condition=Q(
                    state__in=(BillState.COMPARED, BillState.EMPTY), reconciled_at__isnull=False
                )
                | Q(state__in=(BillState.WAITING, BillState.FAILED), reconciled_at=None),
                name="bill_compared_at",
            ),
        ]
        indexes = [
            Index(fields=["pay_type", "id"], name="bill_channel"),
            Index(fields=["state", "id"], name="bill_state"),
        ]

    def __str__(self) -> str:
        return f"{PayType(self.pay_type).word} {self.day}"

    @property
    def is_told_apart(self) -> bool:
        """Whether each row of its last comparison is an order or a refund of ours, or is Apart."""
        return self.apart_at is not None and self.apart_at == self.reconciled_at


class Apart(models.Model):
    """A row of a bill that stands for no order or refund of ours, or for another amount: all of a
    bill is what it names of ours and what of it is apart."""

    bill = models.ForeignKey(Bill, models.PROTECT, related_name="apart", verbose_name=_("bill"))
    number = AsciiField(_("number"), max_length=64)  # a refund's or a trade's
    order_no = AsciiField(_("order number"), max_length=64, blank=True, default="")
    is_refund = models.BooleanField(_("is a refund"))
    amount = MoneyField(_("amount"))  # the bill's
    ours = MoneyField(_("our amount"), default=ZERO)  # what of ours the row names

    class Meta:
        verbose_name, verbose_name_plural = _("row apart"), _("rows apart")

    def __str__(self) -> str:
        return self.number
