from django.contrib.auth.models import Group
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from kit.ids import AsciiField
from kit.moves import Moves
from kit.people import staff
from office import roles
from office.states import CHANGE_MOVES, UNDECIDED, ChangeStatus


class Tries(models.Model):
    """How often somebody has tried to log in within a span of time (tries.py): by one name from one
    address, from one address, or by one name from addresses that its owner never came from."""

    class Kind(models.TextChoices):
        PAIR = "pair", _("name and address")
        ADDRESS = "address", _("address")
        NAME = "name", _("name, elsewhere")

    key = AsciiField(max_length=80, unique=True, editable=False)
    kind = AsciiField(_("kind"), max_length=8, choices=Kind.choices)
    username = models.CharField(_("name given"), max_length=150, blank=True, db_index=True)
    address = AsciiField(_("address"), max_length=43, blank=True, db_index=True)
    used = models.PositiveIntegerField(_("tries"), default=0)
    until = models.DateTimeField(_("counted until"), db_index=True)
    is_locked = models.BooleanField(_("locked"), default=False, db_index=True)
    # When the name's owner came in from there, or who manages accounts said that he is there.
    known_at = models.DateTimeField(_("known since"), null=True)

    class Meta:
        verbose_name = _("log-in tries")
        verbose_name_plural = _("log-in tries")

    def __str__(self) -> str:
        return " @ ".join(filter(None, (self.username, self.address)))


class AccountChange(models.Model):
    """A change of a staff account: proposed by one, decided by another (accounts.py)."""

    class Kind(models.TextChoices):
        INVITE = "invite", _("invitation of somebody new")
        RESET = "reset", _("new password and device")
        ROLE = "role", _("another role")
        STOP = "stop", _("out of use")

    kind = AsciiField(_("kind"), max_length=8, choices=Kind.choices)
    user = staff(_("account"))
    role = AsciiField(_("role"), max_length=32, blank=True, default="")
    role_before = AsciiField(_("role before"), max_length=64, blank=True, default="")
    reason = models.CharField(_("reason"), max_length=255)
    status = models.PositiveSmallIntegerField(
        _("status"), choices=ChangeStatus.choices, default=ChangeStatus.PROPOSED
    )
    # The account's key while this waits: one change of an account at a time.
    open_key = AsciiField(max_length=20, null=True, unique=True, editable=False)
    maker = staff(_("maker"))
    checker = staff(_("checker"), null=True)
    proposed_at = models.DateTimeField(_("proposed at"), db_index=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)

    MOVES = Moves("status", CHANGE_MOVES)
    secret = ""  # no column: what is shown once, to who has just proposed or approved this

    class Meta:
        verbose_name = _("change of an account")
        verbose_name_plural = _("changes of accounts")
        constraints = [
            models.CheckConstraint(
                condition=Q(checker=None) | ~Q(maker=F("checker")) & ~Q(user=F("checker")),
                name="account_change_four_eyes",
            ),
            models.CheckConstraint(
                condition=Q(status__in=UNDECIDED, checker=None)
                | ~Q(status__in=UNDECIDED) & Q(checker__isnull=False),
                name="account_change_decided",
            ),
        ]
        indexes = [models.Index(fields=["status", "id"], name="account_change_status")]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_kind_display()}"


class Invitation(models.Model):
    """One use of a link and a code by the person of the account; both are kept as hashes. Who
    proposed has the link and who approved has the code, so that neither can be that person."""

    user = staff(_("account"))
    change = models.OneToOneField(AccountChange, models.PROTECT, null=True, related_name="+")
    link = AsciiField(max_length=64, unique=True, editable=False)
    code = AsciiField(max_length=64, blank=True, default="", editable=False)  # empty: not approved
    tries = models.PositiveSmallIntegerField(default=0)
    until = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.user}"


class Role(Group):
    """A role as people are shown it; roles.py says which there are and what each may."""

    class Meta:
        proxy = True
        verbose_name = _("role")
        verbose_name_plural = _("roles")

    def __str__(self) -> str:
        return roles.shown(self.name)


class RecoveryCode(models.Model):
    """Stands in for a telephone once; a hash, since it is long enough to need no more."""

    user = staff(_("account"))
    digest = AsciiField(max_length=64, editable=False)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user}"
