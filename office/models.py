from django.contrib.auth.models import Group
from django.db import models
from django.db.models import CheckConstraint, F, Index, Q, UniqueConstraint
from django.utils.translation import gettext_lazy as _

from kit.columns import decided, one_of, staff
from kit.ids import AsciiField
from kit.lease import Leased
from kit.marks import labelled
from kit.moves import Moves
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
        verbose_name, verbose_name_plural = _("log-in tries"), _("log-in tries")

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
    status = one_of(ChangeStatus, _("status"), default=ChangeStatus.PROPOSED)
    MOVES = Moves("status", CHANGE_MOVES)
    # The account's key while this waits: one change of an account at a time.
    open_key = AsciiField(max_length=20, null=True, unique=True, editable=False)
    maker = staff(_("maker"))
    checker = staff(_("checker"), null=True)
    proposed_at = models.DateTimeField(_("proposed at"), db_index=True)
    decided_at = models.DateTimeField(_("decided at"), null=True)
    secret = ""  # no column: what is shown once, to who has just proposed or approved this

    class Meta:
        verbose_name, verbose_name_plural = _("change of an account"), _("changes of accounts")
        constraints = [
            CheckConstraint(
                condition=Q(checker=None) | ~Q(maker=F("checker")) & ~Q(user=F("checker")),
                name="account_change_four_eyes",
            ),
            decided(UNDECIDED, "account_change_decided"),
        ]
        indexes = [Index(fields=["status", "id"], name="account_change_status")]

    def __str__(self) -> str:
        return labelled(self.user, self.get_kind_display())


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
        verbose_name, verbose_name_plural = _("role"), _("roles")

    def __str__(self) -> str:
        return roles.shown(self.name)


class RecoveryCode(models.Model):
    """Stands in for a telephone once; a hash, since it is long enough to need no more."""

    user = staff(_("account"))
    digest = AsciiField(max_length=64, editable=False)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["user", "digest"], name="recovery_code_once")]

    def __str__(self) -> str:
        return f"{self.user}"


class StaffAction(models.Model):
    """One thing that a member of staff did, written in the transaction of what was done."""

    user = staff(_("staff"))
    action = AsciiField(_("action"), max_length=48, db_index=True)
    # On what: no foreign key, since it can be a row of any app.
    model = AsciiField(max_length=64)  # "packets.redpacket"
    key = AsciiField(max_length=96)
    subject = models.CharField(_("on"), max_length=128)  # as people call it
    reason = models.CharField(_("reason"), max_length=255)
    # What it was and became, by name: no secrets. Empty where the row itself keeps it.
    changes = models.JSONField(_("changes"), null=True)
    # The form's own token: what is sent twice is done once (proposals.py).
    once = AsciiField(max_length=32, null=True, unique=True, editable=False)
    ip = models.GenericIPAddressField(_("address"), null=True)
    created_at = models.DateTimeField(_("time"), db_index=True)
    # In which day's books, that is, with which day it is sealed; given after the commit.
    booked_on = models.DateField(null=True, editable=False)

    class Meta:
        db_table = "kit_staffaction"
        verbose_name, verbose_name_plural = _("staff action"), _("staff actions")
        indexes = [
            Index(fields=["key", "model"], name="staff_action_subject"),
            Index(fields=["booked_on", "id"], name="staff_action_booked"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class StaffEvent(models.Model):
    """One log-in, refusal, lock-out or log-out of staff."""

    class Kind(models.TextChoices):
        LOGIN = "login", _("logged in")
        FAILED = "failed", _("wrong name or password")
        CODE = "code", _("wrong one-time code")
        RECOVERY = "recovery", _("logged in by a recovery code")
        LOCKED = "locked", _("locked out")
        LOGOUT = "logout", _("logged out")
        TIMEOUT = "timeout", _("session timed out")

    kind = AsciiField(_("event"), max_length=8, choices=Kind.choices, db_index=True)
    username = models.CharField(_("name given"), max_length=150, blank=True, db_index=True)
    ip = models.GenericIPAddressField(_("address"), null=True)
    agent = models.CharField(_("browser"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("time"), db_index=True)

    class Meta:
        db_table = "kit_staffevent"
        verbose_name, verbose_name_plural = _("log-in event"), _("log-in events")

    def __str__(self) -> str:
        return f"{self.kind} {self.username}"


class ExportJob(Leased):
    """A list as somebody filtered it, being written to a file a page at a time (export/jobs.py)."""

    class State(models.IntegerChoices):
        RUNNING = 0, _("being written")
        DONE = 1, _("ready")
        FAILED = 2, _("failed")
        GONE = 3, _("removed")

    token = AsciiField(max_length=32, unique=True, editable=False)
    user = staff(_("staff"))
    model = AsciiField(_("list"), max_length=64)
    query = models.TextField(_("filters"), blank=True)
    format = AsciiField(_("format"), max_length=4)
    language = AsciiField(max_length=8)
    state = one_of(State, _("state"), default=State.RUNNING, db_index=True)
    rows = models.PositiveIntegerField(_("rows"), default=0)
    # What is written: parts of the file, its bytes, and those that its compressed parts take.
    parts = models.PositiveIntegerField(db_default=0, default=0, editable=False)
    size = models.PositiveBigIntegerField(default=0)
    stored = models.PositiveBigIntegerField(db_default=0, default=0, editable=False)
    written = models.JSONField(null=True, editable=False)  # what a writer goes on from (files.py)
    # There were more rows than an export may hold; those behind `last` are not in it.
    is_cut = models.BooleanField(_("shortened"), db_default=False, default=False)
    first = AsciiField(max_length=64, blank=True, default="")  # keys: where it begins, and ends
    last = AsciiField(max_length=64, blank=True, default="")
    until = AsciiField(max_length=64, blank=True, default="")
    # When a worker takes it. Empty: nothing left to do.
    run_at = models.DateTimeField(null=True, db_index=True)
    says = models.CharField(_("says"), max_length=255, blank=True, default="")
    created_at = models.DateTimeField(_("asked for at"), db_index=True)
    done_at = models.DateTimeField(_("done at"), null=True, db_index=True)

    class Meta:
        db_table = "kit_exportjob"
        verbose_name, verbose_name_plural = _("export"), _("exports")

    def __str__(self) -> str:
        return f"{self.model} {self.format} {self.pk}"


class ExportPart(models.Model):
    """A piece of an export's file, compressed; in the order of their numbers they are the file."""

    job = models.ForeignKey(ExportJob, models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    body = models.BinaryField()

    class Meta:
        default_permissions = ()
        constraints = [UniqueConstraint(fields=["job", "number"], name="export_part_number")]

    def __str__(self) -> str:
        return f"{self.job_id} {self.number}"


class SavedFilter(models.Model):
    """A list as somebody of the staff narrowed it, under a name of his own."""

    user = staff(_("staff"))
    model = AsciiField(max_length=64)  # "packets.redpacket"
    name = models.CharField(_("name"), max_length=40)
    query = AsciiField(max_length=500)

    class Meta:
        constraints = [
            UniqueConstraint(fields=["user", "model", "query"], name="saved_filter_once")
        ]

    def __str__(self) -> str:
        return self.name
