# Long: the tables of one app, where Django people look for them.

from decimal import Decimal

from django.db import models
from django.db.models import Case, F, Q, When
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from kit.ids import AsciiField, OutsideIdField
from kit.lease import Leased
from kit.money import ZERO, MoneyField
from kit.moves import Moves
from kit.people import staff
from packets.states import MOVES, REVIEW_MOVES, Kind, PayStatus, ReviewState
from payments.states import PayType


class RedPacket(models.Model):
    """One red packet: the envelope as a whole. Stores facts; its state is derived (states.py)."""

    # What the API calls `id`; not guessable in sequence.
    public_id = AsciiField(_("packet id"), max_length=32, unique=True)
    user_id = OutsideIdField(_("sender"))
    for_id = OutsideIdField(_("for"))  # a user (personal) or a group
    pay_status = models.PositiveSmallIntegerField(
        _("payment"), choices=PayStatus.choices, default=PayStatus.UNPAID
    )
    pay_type = models.PositiveSmallIntegerField(
        _("paid by"), choices=PayType.choices, default=PayType.UNKNOWN
    )
    trade_no = AsciiField(_("trade number"), max_length=64, blank=True, default="")
    type = models.PositiveSmallIntegerField(_("kind"), choices=Kind.choices)
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

    MOVES = Moves("pay_status", MOVES)

    class Meta:
        db_table = "red_packet"
        verbose_name = _("red packet")
        verbose_name_plural = _("red packets")
        constraints = [
            models.CheckConstraint(condition=Q(number__gte=1), name="packet_number_positive"),
            models.CheckConstraint(condition=Q(total_money__gt=0), name="packet_total_positive"),
            models.CheckConstraint(
                condition=Q(return_money__gte=0, return_money__lte=models.F("total_money")),
                name="packet_return_within_total",
            ),
            models.CheckConstraint(
                condition=Q(pay_status=PayStatus.UNPAID, pay_time=None, expire_time=None)
                | (~Q(pay_status=PayStatus.UNPAID) & Q(pay_time__isnull=False))
                & Q(expire_time__isnull=False),
                name="packet_issued_has_times",
            ),
        ]
        indexes = [
            models.Index(fields=["user_id", "add_time"], name="packet_sender_made"),
            models.Index(fields=["user_id", "pay_time"], name="packet_sender_issued"),
            models.Index(
                fields=["pay_status", "is_cli_handle", "expire_time"], name="packet_expiry_sweep"
            ),
            models.Index(fields=["pay_time"], name="packet_pay_time"),
            # A list's filters, in the list's order.
            models.Index(fields=["pay_status", "id"], name="packet_status"),
            models.Index(fields=["type", "id"], name="packet_kind"),
            models.Index(fields=["is_frozen", "id"], name="packet_frozen"),
            models.Index(fields=["for_id", "id"], name="packet_whom"),
            models.Index(fields=["total_money"], name="packet_total"),
            models.Index(fields=["draft_until"], name="packet_draft_sweep"),
            models.Index(fields=["user_id", "draft_until"], name="packet_sender_drafts"),
            models.Index(fields=["forget_at"], name="packet_forget_sweep"),
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
        verbose_name = _("share")
        verbose_name_plural = _("shares")
        constraints = [
            models.UniqueConstraint(fields=["rp", "position"], name="share_packet_position"),
            models.UniqueConstraint(fields=["rp", "user_id"], name="share_packet_taker"),
            models.UniqueConstraint(fields=["rp", "for_user"], name="share_packet_for"),
            models.CheckConstraint(condition=Q(money__gt=0), name="share_money_positive"),
            models.CheckConstraint(
                condition=Q(user_id=None, update_time=None, is_into_account=False)
                | Q(user_id__isnull=False, update_time__isnull=False, is_returned=False),
                name="share_taken_or_not",
            ),
            models.CheckConstraint(
                condition=Q(user_id=None) | Q(for_user=None) | Q(user_id=F("for_user")),
                name="share_for_its_taker",
            ),
        ]
        indexes = [
            models.Index(fields=["user_id", "update_time"], name="share_taker_time"),
            models.Index(fields=["owed_at"], name="share_owed"),
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
        verbose_name = _("settlement pass")
        verbose_name_plural = _("settlement passes")
        constraints = [
            models.UniqueConstraint(fields=["packet", "number"], name="pass_packet_number"),
            models.CheckConstraint(condition=Q(number__in=(1, 2)), name="pass_one_or_two"),
            models.CheckConstraint(
                condition=Q(done_at=None) | Q(run_at=None), name="pass_done_runs_no_more"
            ),
        ]
        indexes = [models.Index(fields=["run_at"], name="pass_run")]

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
        constraints = [models.UniqueConstraint(fields=["user_id", "year"], name="year_once")]

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
    pay_type = models.PositiveSmallIntegerField(
        _("paid by"), choices=PayType.choices, db_index=True
    )
    state = models.PositiveSmallIntegerField(
        _("state"), choices=ReviewState.choices, default=ReviewState.OPEN, db_index=True
    )
    note = models.CharField(_("note"), max_length=255, blank=True, default="")  # of the last move
    decided_by = staff(_("decided by"), null=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)
    created_at = models.DateTimeField(_("refunded at"), db_index=True)

    MOVES = Moves("state", REVIEW_MOVES)

    class Meta:
        verbose_name = _("expiry refund")
        verbose_name_plural = _("expiry refunds")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="review_amount_positive"),
            models.CheckConstraint(
                condition=Q(state=ReviewState.OPEN, decided_by=None, decided_at=None)
                | ~Q(state=ReviewState.OPEN)
                & Q(decided_by__isnull=False, decided_at__isnull=False),
                name="review_moved_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(state=ReviewState.DISPUTED) | ~Q(note=""),
                name="review_dispute_has_a_note",
            ),
        ]
        # How old the open ones are.
        indexes = [models.Index(fields=["state", "created_at"], name="review_queue")]

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
        verbose_name = _("group member")
        verbose_name_plural = _("group members")
        constraints = [
            models.UniqueConstraint(fields=["group_id", "user_id"], name="group_member"),
        ]
        indexes = [models.Index(fields=["user_id"], name="group_member_user")]

    def __str__(self) -> str:
        return f"{self.group_id}/{self.user_id}"


class Profile(models.Model):
    """How the chat server says that a user is called and looks."""

    user_id = OutsideIdField(_("user"), primary_key=True)
    nickname = models.CharField(_("nickname"), max_length=64, blank=True)
    avatar = models.CharField(_("avatar"), max_length=512, blank=True)

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")
        indexes = [models.Index(fields=["nickname"], name="profile_nickname")]

    def __str__(self) -> str:
        return self.nickname or self.user_id
