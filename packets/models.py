from decimal import Decimal

from django.db import models
from django.db.models import Case, CheckConstraint, F, Index, Q, UniqueConstraint, When
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kit.columns import one_of, staff
from kit.ids import AsciiField, OutsideIdField
from kit.lease import Leased
from kit.money import ZERO, MoneyField
from kit.moves import Moves
from packets.states import MOVES, REVIEW_MOVES, Kind, PayStatus, ReviewState
from payments.states import PayType


class RedPacket(models.Model):
    """One red packet: the envelope as a whole. Stores facts; its state is derived (states.py)."""

    # What the API calls `id`; not guessable in sequence.
    public_id = AsciiField(_("packet id"), max_length=32, unique=True)
    user_id = OutsideIdField(_("sender"))
    for_id = OutsideIdField(_("for"))  # a user (personal) or a group
    pay_status = one_of(PayStatus, _("payment"), default=PayStatus.UNPAID)
    MOVES = Moves("pay_status", MOVES)
    pay_type = one_of(PayType, _("paid by"), default=PayType.UNKNOWN)
    trade_no = AsciiField(_("trade number"), max_length=64, blank=True, default="")
    type = one_of(Kind, _("kind"))
    intro = models.CharField(_("greeting"), max_length=255)
    number = models.PositiveSmallIntegerField(_("number of shares"))
    total_money = MoneyField(_("total"), max_digits=10)
    single_money = MoneyField(_("one share"), max_digits=10, default=ZERO)  # 0 for lucky draw
    return_money = MoneyField(_("returned"), max_digits=10, default=ZERO)
    # The expiry sweep has nothing left to do here: returned, or all gone.
    is_cli_handle = models.BooleanField(_("expiry dealt with"), default=False)
    # Seconds from payment until the last share was taken; NULL until then (0 is a real value).
    expend_time = models.PositiveIntegerField(_("gone in (s)"), null=True)
    add_time = models.DateTimeField(_("made at"))
    pay_time = models.DateTimeField(_("issued at"), null=True)  # became grabbable; never moved
    expire_time = models.DateTimeField(_("expires at"), null=True)  # stored when issued
    # Emptied when paid or closed, so that the sweep's index holds only drafts.
    draft_until = models.DateTimeField(_("payable until"), null=True)
    closed_at = models.DateTimeField(_("closed at"), null=True)  # never paid in time
    # When what nobody needs of a closed one is dropped (close.py); emptied when that is done.
    forget_at = models.DateTimeField(_("dropped at"), null=True)
    voided_at = models.DateTimeField(_("voided at"), null=True)  # reported, never arrived
    is_frozen = models.BooleanField(_("frozen"), default=False)
    frozen_reason = models.CharField(_("reason"), max_length=255, blank=True, default="")
    # The limits that this packet was drawn within: a changed setting touches new packets only.
    share_min = MoneyField(_("least share"), max_digits=10, db_default=Decimal("0.01"))
    share_max = MoneyField(_("largest share"), max_digits=10, db_default=Decimal("200.00"))
    commitment = AsciiField(_("commitment"), max_length=64, blank=True, default="")
    seed = AsciiField(_("seed"), max_length=64, blank=True, default="")  # secret until finished

    class Meta:
        db_table = "red_packet"
        verbose_name, verbose_name_plural = _("red packet"), _("red packets")
        constraints = [
            CheckConstraint(condition=Q(number__gte=1), name="packet_number_positive"),
            CheckConstraint(condition=Q(total_money__gt=0), name="packet_total_positive"),
            CheckConstraint(
                condition=Q(return_money__gte=0, return_money__lte=F("total_money")),
                name="packet_return_within_total",
            ),
            CheckConstraint(
                condition=Q(pay_status=PayStatus.UNPAID, pay_time=None, expire_time=None)
                | (~Q(pay_status=PayStatus.UNPAID) & Q(pay_time__isnull=False))
                & Q(expire_time__isnull=False),
                name="packet_issued_has_times",
            ),
        ]
        indexes = [
            Index(fields=["user_id", "add_time"], name="packet_sender_made"),
            Index(fields=["user_id", "pay_time"], name="packet_sender_issued"),
            Index(
                fields=["pay_status", "is_cli_handle", "expire_time"], name="packet_expiry_sweep"
            ),
            Index(fields=["pay_time"], name="packet_pay_time"),
            # A list's filters, in the list's order.
            Index(fields=["pay_status", "id"], name="packet_status"),
            Index(fields=["type", "id"], name="packet_kind"),
            Index(fields=["is_frozen", "id"], name="packet_frozen"),
            Index(fields=["for_id", "id"], name="packet_whom"),
            Index(fields=["total_money"], name="packet_total"),
            Index(fields=["draft_until"], name="packet_draft_sweep"),
            Index(fields=["user_id", "draft_until"], name="packet_sender_drafts"),
            Index(fields=["forget_at"], name="packet_forget_sweep"),
        ]

    def __str__(self) -> str:
        return self.public_id


class Share(models.Model):
    """One portion of a packet (份额), drawn when the packet is made, taken by at most one user."""

    # The unique (rp, position) below is the index that the key would bring.
    rp = models.ForeignKey(
        RedPacket, models.PROTECT, related_name="shares", db_index=False, verbose_name=_("packet")
    )
    position = models.PositiveSmallIntegerField(_("position"))  # 1..n
    # Whose it is from the start, of an exclusive packet (专属红包); NULL: whoever is quick enough.
    for_user = OutsideIdField(_("for"), null=True)
    user_id = OutsideIdField(_("taker"), null=True)
    money = MoneyField(_("amount"), max_digits=10)
    is_good = models.BooleanField(_("best luck"), default=False)  # shown only once all are gone
    is_into_account = models.BooleanField(_("credited"), default=False)
    # Expiry gave it back: the column over which a late grab and the refund compete.
    is_returned = models.BooleanField(_("returned"), default=False)
    add_time = models.DateTimeField(_("made at"))
    update_time = models.DateTimeField(_("taken at"), null=True)
    # When it was taken, while nobody has credited it. The engine keeps it, so no writer can forget
    # it; its index holds only what is owed, and a grab that credits at once never touches it.
    owed_at = models.GeneratedField(
        expression=Case(When(is_into_account=False, then=F("update_time"))),
        output_field=models.DateTimeField(null=True),
        db_persist=False,
        verbose_name=_("owed since"),
    )

    class Meta:
        db_table = "red_packet_log"
        verbose_name, verbose_name_plural = _("share"), _("shares")
        constraints = [
            UniqueConstraint(fields=["rp", "position"], name="share_packet_position"),
            UniqueConstraint(fields=["rp", "user_id"], name="share_packet_taker"),
            UniqueConstraint(fields=["rp", "for_user"], name="share_packet_for"),
            CheckConstraint(condition=Q(money__gt=0), name="share_money_positive"),
            CheckConstraint(
                condition=Q(user_id=None, update_time=None, is_into_account=False)
                | Q(user_id__isnull=False, update_time__isnull=False, is_returned=False),
                name="share_taken_or_not",
            ),
            CheckConstraint(
                condition=Q(user_id=None) | Q(for_user=None) | Q(user_id=F("for_user")),
                name="share_for_its_taker",
            ),
        ]
        indexes = [
            Index(fields=["user_id", "update_time"], name="share_taker_time"),
            Index(fields=["owed_at"], name="share_owed"),
        ]

    def __str__(self) -> str:
        return f"{self.rp_id}/{self.position}"

    @property
    def reference(self) -> str:
        """What its ledger line is for; unique with the line's kind, so it is credited once."""
        return self.reference_of(self.rp.public_id, self.position)

    @staticmethod
    def reference_of(public_id: str, position: int) -> str:
        return f"{public_id}/{position}"

    @staticmethod
    def packet_of(reference: str) -> str:
        """The packet that a reference is of; a packet's own reference is its public id."""
        return reference.partition("/")[0]


class SettlementPass(Leased):
    """One of the two times that a packet's taken shares are credited (二次入账): the durable queue
    that a confirmation writes, and what came of it."""

    # The unique (packet, number) below is the index that the key would bring.
    packet = models.ForeignKey(
        RedPacket, models.PROTECT, related_name="passes", db_index=False, verbose_name=_("packet")
    )
    number = models.PositiveSmallIntegerField(_("pass"))  # 1 or 2
    due_at = models.DateTimeField(_("due at"))
    # When the sweep takes it: emptied once done, and while the packet is frozen, so that the
    # sweep's index holds only work. Frozen or not is decided under the packet's row lock.
    run_at = models.DateTimeField(_("runs at"), null=True)
    done_at = models.DateTimeField(_("done at"), null=True)
    shares = models.PositiveSmallIntegerField(_("shares credited"), default=0)
    money = MoneyField(_("money credited"), max_digits=10, default=ZERO)

    class Meta:
        verbose_name, verbose_name_plural = _("settlement pass"), _("settlement passes")
        constraints = [
            UniqueConstraint(fields=["packet", "number"], name="pass_packet_number"),
            CheckConstraint(condition=Q(number__in=(1, 2)), name="pass_one_or_two"),
            CheckConstraint(
                condition=Q(done_at=None) | Q(run_at=None), name="pass_done_runs_no_more"
            ),
        ]
        indexes = [Index(fields=["run_at"], name="pass_run")]

    def __str__(self) -> str:
        return f"{self.packet_id}/{self.number}"


class YearSoFar(models.Model):
    """What one user sent and received in a year until a moment before which nothing changes any
    more (years.py)."""

    user_id = OutsideIdField()
    year = models.PositiveSmallIntegerField()
    until = models.DateTimeField()
    sent_number = models.PositiveIntegerField(default=0)
    sent_money = MoneyField(default=ZERO)
    received_number = models.PositiveIntegerField(default=0)
    received_money = MoneyField(default=ZERO)
    best_luck = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [UniqueConstraint(fields=["user_id", "year"], name="year_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.year}"


class RefundReview(models.Model):
    """One expiry refund, for finance to look at (退款复核); made in the refund's transaction.

    Sender, amount and channel are the packet's, repeated so that each filter has its index.
    """

    packet = models.OneToOneField(
        RedPacket, models.PROTECT, related_name="review", verbose_name=_("packet")
    )
    user_id = OutsideIdField(_("sender"), db_index=True)
    amount = MoneyField(_("amount"), max_digits=10, db_index=True)
    pay_type = one_of(PayType, _("paid by"), db_index=True)
    state = one_of(ReviewState, _("state"), default=ReviewState.OPEN, db_index=True)
    MOVES = Moves("state", REVIEW_MOVES)
    note = models.CharField(_("note"), max_length=255, blank=True, default="")  # of the last move
    decided_by = staff(_("decided by"), null=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)
    created_at = models.DateTimeField(_("refunded at"), db_index=True)

    class Meta:
        verbose_name, verbose_name_plural = _("expiry refund"), _("expiry refunds")
        constraints = [
            CheckConstraint(condition=Q(amount__gt=0), name="review_amount_positive"),
            CheckConstraint(
                condition=Q(state=ReviewState.OPEN, decided_by=None, decided_at=None)
                | ~Q(state=ReviewState.OPEN)
                & Q(decided_by__isnull=False, decided_at__isnull=False),
                name="review_moved_by_somebody",
            ),
            CheckConstraint(
                condition=~Q(state=ReviewState.DISPUTED) | ~Q(note=""),
                name="review_dispute_has_a_note",
            ),
        ]
        # How old the open ones are.
        indexes = [Index(fields=["state", "created_at"], name="review_queue")]

    def __str__(self) -> str:
        return self.packet.public_id


class Group(models.Model):
    """A group whose members were replaced: the row on which those who replace them take turns."""

    group_id = OutsideIdField(pgettext_lazy("chat", "group"), primary_key=True)

    class Meta:
        verbose_name = pgettext_lazy("chat", "group")
        verbose_name_plural = pgettext_lazy("chat", "groups")

    def __str__(self) -> str:
        return self.group_id


class GroupMember(models.Model):
    """The chat server says that this user is in this group."""

    group_id = OutsideIdField(pgettext_lazy("chat", "group"))
    user_id = OutsideIdField(_("user"))

    class Meta:
        verbose_name, verbose_name_plural = _("group member"), _("group members")
        constraints = [UniqueConstraint(fields=["group_id", "user_id"], name="group_member")]
        indexes = [Index(fields=["user_id"], name="group_member_user")]

    def __str__(self) -> str:
        return f"{self.group_id}/{self.user_id}"


class Profile(models.Model):
    """How the chat server says that a user is called and looks."""

    user_id = OutsideIdField(_("user"), primary_key=True)
    nickname = models.CharField(_("nickname"), max_length=64, blank=True)
    avatar = models.CharField(_("avatar"), max_length=512, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("profile"), _("profiles")
        indexes = [Index(fields=["nickname"], name="profile_nickname")]

    def __str__(self) -> str:
        return self.nickname or self.user_id
