from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint
from django.utils.translation import gettext_lazy as _

from kit.columns import one_of
from kit.ids import AsciiField
from payments.states import PayType


class TradeState(models.IntegerChoices):
    OPEN = 0, _("to be paid")
    ARRIVING = 1, _("on its way")  # the payer has paid, the channel does not show it yet
    PAID = 2, _("paid")
    CLOSED = 3, _("closed")


class RefundState(models.IntegerChoices):
    PENDING = 0, _("pending")
    DONE = 1, _("done")
    FAILED = 2, _("failed")
    CLOSED = 3, _("closed")  # WeChat Pay's other end of a refund


class Says(models.TextChoices):
    """What a notification tells."""

    PAID = "paid", _("paid")
    UNPAID = "unpaid", _("not paid yet")
    REFUNDED = "refunded", _("refunded")


class SandboxTrade(models.Model):
    """One order as the pretend channel keeps it. Nothing of the product's own books is in it."""

    pay_type = one_of(PayType, _("channel"))
    order_no = AsciiField(_("order number"), max_length=64)
    # Who asked for it: he alone is told of it, with his keys. Empty: whoever is in force.
    merchant = AsciiField(_("merchant"), max_length=64, blank=True, default="", db_default="")
    # Prepay id, tn, or what the QR code holds: how the payer's app names it; unguessable.
    handle = AsciiField(_("handle"), max_length=64, unique=True)
    trade_no = AsciiField(_("trade number"), max_length=64, null=True, unique=True)
    scene = AsciiField(_("scene"), max_length=8)
    subject = models.CharField(_("subject"), max_length=256, blank=True, default="")
    amount_fen = models.PositiveBigIntegerField(_("amount (fen)"))
    paid_fen = models.PositiveBigIntegerField(_("paid (fen)"), null=True)
    refunded_fen = models.PositiveBigIntegerField(_("refunded (fen)"), default=0)
    state = one_of(TradeState, _("state"), default=TradeState.OPEN)
    asked = models.JSONField(_("request"), default=dict)  # the merchant's own fields, to echo
    notify_url = models.CharField(max_length=512, blank=True, default="")
    return_url = models.CharField(max_length=512, blank=True, default="")
    failure = models.CharField(max_length=64, blank=True, default="")  # of the last try to pay
    made_at = models.DateTimeField(_("made at"), db_index=True)
    seen_at = models.DateTimeField(null=True)  # the payer has opened it (Alipay knows it from then)
    expires_at = models.DateTimeField(_("payable until"), null=True)
    paid_at = models.DateTimeField(_("paid at"), null=True, db_index=True)
    closed_at = models.DateTimeField(_("closed at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("sandbox trade"), _("sandbox trades")
        constraints = [
            UniqueConstraint(fields=["pay_type", "order_no"], name="sandbox_order_once"),
            CheckConstraint(
                condition=Q(paid_fen=None, refunded_fen=0) | Q(refunded_fen__lte=F("paid_fen")),
                name="sandbox_refund_within_payment",
            ),
        ]

    def __str__(self) -> str:
        return self.order_no


class SandboxRefund(models.Model):
    """One refund as the pretend channel keeps it."""

    trade = models.ForeignKey(SandboxTrade, models.CASCADE, related_name="refunds")
    refund_no = AsciiField(_("refund number"), max_length=64)
    refund_id = AsciiField(max_length=64, unique=True)  # theirs
    amount_fen = models.PositiveBigIntegerField(_("amount (fen)"))
    state = one_of(RefundState, _("state"))
    asked = models.JSONField(_("request"), default=dict)
    made_at = models.DateTimeField(_("made at"))
    done_at = models.DateTimeField(_("done at"), null=True, db_index=True)

    class Meta:
        verbose_name, verbose_name_plural = _("sandbox refund"), _("sandbox refunds")
        constraints = [UniqueConstraint(fields=["trade", "refund_no"], name="sandbox_refund_once")]

    def __str__(self) -> str:
        return self.refund_no


class SandboxNotice(models.Model):
    """One notification to deliver, until acknowledged or given up."""

    trade = models.ForeignKey(SandboxTrade, models.CASCADE, related_name="notices")
    refund = models.ForeignKey(SandboxRefund, models.CASCADE, null=True)
    notice_id = AsciiField(max_length=64)  # duplicates share it
    says = AsciiField(max_length=16, choices=Says.choices)
    forge = models.JSONField(default=list)  # what is done to it (forge.py)
    url = models.CharField(max_length=512)
    due_at = models.DateTimeField(_("due at"))
    # Empty when nothing is left to do; moving it is the claim of one delivery.
    next_at = models.DateTimeField(_("next try at"), null=True, db_index=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    acknowledged_at = models.DateTimeField(_("acknowledged at"), null=True)
    answer = models.CharField(_("answer"), max_length=255, blank=True, default="")

    class Meta:
        verbose_name, verbose_name_plural = _("sandbox notification"), _("sandbox notifications")

    def __str__(self) -> str:
        return self.notice_id


class SandboxTrouble(models.Model):
    """What the next calls of one kind will suffer (trouble.py)."""

    pay_type = models.PositiveSmallIntegerField(choices=PayType.choices)
    call = AsciiField(max_length=16)
    how = AsciiField(max_length=129)
    after_s = models.FloatField(default=0)
    left = models.PositiveSmallIntegerField()

    def __str__(self) -> str:
        return f"{self.call} {self.how}"


class SandboxDefaults(models.Model):
    """One row: how the pretend channels behave when nobody says otherwise (control.py)."""

    values = models.JSONField(default=dict)

    def __str__(self) -> str:
        return "defaults"
