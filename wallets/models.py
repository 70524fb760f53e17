from typing import Any, NoReturn

from django.db import models
from django.db.models import CheckConstraint, F, Index, Q, UniqueConstraint
from django.utils.translation import gettext_lazy as _

from kit.columns import decided, one_of, staff
from kit.ids import AsciiField, OutsideIdField
from kit.money import ZERO, MoneyField
from kit.moves import Moves
from wallets.states import ADJUSTMENT_MOVES, UNDECIDED, AdjustmentStatus, LineKind


class Wallet(models.Model):
    """The running balance of one user: the result of the ledger lines that name the wallet."""

    user_id = OutsideIdField(_("user"), primary_key=True)
    balance = MoneyField(_("balance"), default=ZERO)
    is_frozen = models.BooleanField(_("frozen"), default=False, db_index=True)
    frozen_reason = models.CharField(_("reason"), max_length=255, blank=True, default="")
    created_at = models.DateTimeField(_("opened at"))

    class Meta:
        verbose_name, verbose_name_plural = _("wallet"), _("wallets")
        constraints = [
            CheckConstraint(condition=Q(balance__gte=0), name="wallet_balance_not_negative"),
        ]

    def __str__(self) -> str:
        return self.user_id


class LedgerLine(models.Model):
    """One movement of money (账本分录): immutable, from one account to another."""

    kind = one_of(LineKind, _("kind"))
    # What the line is for (业务单号); unique with the kind, so every movement happens at most once.
    reference = AsciiField(_("reference"), max_length=96)
    source = AsciiField(_("source"), max_length=80)
    target = AsciiField(_("target"), max_length=80)
    amount = MoneyField(_("amount"))
    note = models.CharField(_("note"), max_length=255, blank=True, default="")
    created_at = models.DateTimeField(_("time"))
    # In which day's books; given after the commit (book.py), since only then it is known.
    booked_on = models.DateField(_("booked on"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("ledger line"), _("ledger lines")
        constraints = [
            UniqueConstraint(fields=["kind", "reference"], name="ledger_kind_reference"),
            CheckConstraint(condition=Q(amount__gt=0), name="ledger_amount_positive"),
            CheckConstraint(condition=~Q(source=F("target")), name="ledger_two_accounts"),
        ]
        indexes = [
            # A page reads the newest of one side and kind; an account's sum reads its range.
            Index(fields=["source", "kind", "id"], name="ledger_source_kind"),
            Index(fields=["target", "kind", "id"], name="ledger_target_kind"),
            # What is in no books yet, and a day's lines in the order of the list.
            Index(fields=["booked_on", "id"], name="ledger_booked"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.reference}"

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("ledger lines are written by wallets.ledger.post alone")

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("ledger lines are never deleted")


class Adjustment(models.Model):
    """Money to be moved by hand (调账): proposed by one, decided by another, then one line."""

    reference = AsciiField(_("reference"), max_length=32, unique=True)  # the ledger line's
    source = AsciiField(_("source"), max_length=80)
    target = AsciiField(_("target"), max_length=80)
    amount = MoneyField(_("amount"))
    # Whose money in suspense this is about (差错单): the key of a row that is known above.
    case_id = models.PositiveBigIntegerField(_("case"), null=True, db_index=True)
    reason = models.CharField(_("reason"), max_length=255)
    attachment = models.CharField(_("attachment"), max_length=255, blank=True, default="")
    status = one_of(AdjustmentStatus, _("status"), default=AdjustmentStatus.PROPOSED)
    MOVES = Moves("status", ADJUSTMENT_MOVES)
    maker = staff(_("maker"))
    checker = staff(_("checker"), null=True)
    proposed_at = models.DateTimeField(_("proposed at"), db_index=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("adjustment"), _("adjustments")
        constraints = [
            CheckConstraint(condition=Q(amount__gt=0), name="adjustment_amount_positive"),
            CheckConstraint(
                condition=Q(checker=None) | ~Q(maker=F("checker")), name="adjustment_four_eyes"
            ),
            decided(UNDECIDED, "adjustment_decided_by_a_checker"),
        ]
        indexes = [
            Index(fields=["status", "proposed_at"], name="adjustment_queue"),
            Index(fields=["status", "id"], name="adjustment_status"),  # a list's filter
            Index(fields=["decided_at"], name="adjustment_decided"),  # a night's audit
        ]

    def __str__(self) -> str:
        return self.reference


class AuditRun(models.Model):
    """One run of all rules of money (账实核对), and what it found."""

    began_at = models.DateTimeField(_("began at"))
    took_ms = models.PositiveIntegerField(_("took (ms)"))
    rules = models.PositiveSmallIntegerField(_("rules"))
    findings = models.PositiveIntegerField(_("findings"))
    says = models.JSONField(_("says"), default=list)  # the first findings, as text
    # Which closed days it read: those behind `since` (empty: from the first on), up to `until`.
    since = models.DateField(_("behind the day"), null=True)
    until = models.DateField(_("up to the day"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("audit run"), _("audit runs")

    def __str__(self) -> str:
        return str(self.pk)


class OpeningBalance(models.Model):
    """What a wallet held at the end of a closed day that was audited (期初余额, opening.py)."""

    user_id = OutsideIdField(primary_key=True)
    day = models.DateField()
    balance = MoneyField()

    def __str__(self) -> str:
        return f"{self.user_id} {self.day}"


class OpenDay(models.Model):
    """One row: the first day whose books are open. Its lock puts those who book and those who close
    in line (book.py)."""

    day = models.DateField(null=True)  # empty: none was closed yet

    def __str__(self) -> str:
        return str(self.day)


class DailySummary(models.Model):
    """One closed day (日结): the ledger lines that are booked on it."""

    day = models.DateField(_("day"), unique=True)  # of the service's time zone
    closed_at = models.DateTimeField(_("closed at"))

    class Meta:
        verbose_name, verbose_name_plural = _("daily summary"), _("daily summaries")

    def __str__(self) -> str:
        return str(self.day)


class DailyFigure(models.Model):
    """What one kind of line moved between two accounts, or groups of them, on a closed day."""

    summary = models.ForeignKey(DailySummary, models.PROTECT, related_name="figures")
    kind = one_of(LineKind, _("kind"))
    source = AsciiField(_("source"), max_length=32)  # "wallets", "escrow", "clearing:alipay", ...
    target = AsciiField(_("target"), max_length=32)
    lines = models.PositiveIntegerField(_("lines"))
    amount = MoneyField(_("amount"))

    class Meta:
        verbose_name, verbose_name_plural = _("daily figure"), _("daily figures")
        constraints = [
            UniqueConstraint(
                fields=["summary", "kind", "source", "target"], name="daily_figure_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.source} {self.target}"


class Seal(models.Model):
    """One closed day of one table, as it was when it was sealed (seals.py)."""

    class Table(models.TextChoices):
        LINES = "lines", _("ledger lines")
        ACTIONS = "actions", _("staff actions")

    table = AsciiField(max_length=8, choices=Table.choices)
    day = models.DateField()
    rows = models.PositiveIntegerField()
    digest = AsciiField(max_length=64)
    seal = AsciiField(max_length=80)  # the key's name and an HMAC

    class Meta:
        verbose_name, verbose_name_plural = _("seal"), _("seals")
        constraints = [UniqueConstraint(fields=["table", "day"], name="seal_once")]

    def __str__(self) -> str:
        return f"{self.table} {self.day}"
