"""A person is erased (删除个人信息): what names him goes, and the books stay under a pseudonym.

Every column of the database that can name a person is in one of the tables below, or in the list of
those that cannot of tests/office/test_erase.py: a new one stands in neither, and that fails.
"""
# Long: every column that can name a person, and what becomes of it, is read in one go.

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Case, F, Model, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Cast

from kit import pause, pseudonyms, retry, turns
from kit.ids import OutsideIdField
from kit.models import Event, IdempotencyRecord, Turn
from kit.moves import hold
from office.audit import text_of
from office.frame import staff
from office.models import ExportJob, ExportPart, SavedFilter, StaffAction
from office.person import Person
from packets import members
from packets.models import GroupMember, Profile, RedPacket, RefundReview, Share, YearSoFar
from packets.send import INTRO
from packets.states import Kind, PayStatus
from packets.tickets import queue
from payments import models as payments
from payments.models import Bill, ChannelRefund, Notification, PaymentOrder
from payments.states import PAYABLE, CaseStatus, RefundStatus
from wallets import accounts, freeze
from wallets.models import Adjustment, AuditRun, LedgerLine, OpeningBalance, Wallet
from wallets.states import AdjustmentStatus

AT_ONCE = 2000
ERASING = "erasing"  # the reason of a frozen wallet while this goes on

# Columns that are a user's id, beside a share's.
IDS: dict[type[Model], tuple[str, ...]] = {
    RedPacket: ("user_id",),  # and for_id, of a personal one
    RefundReview: ("user_id",),
    PaymentOrder: ("user_id",),
}
# Columns that name an account, which can be his wallet.
ACCOUNTS: dict[type[Model], tuple[str, ...]] = {
    LedgerLine: ("source", "target"),
    Adjustment: ("source", "target"),
    ChannelRefund: ("source",),
}
# Rows that are there for him alone.
DROPPED: dict[type[Model], str] = {
    GroupMember: "user_id",
    Profile: "user_id",
    YearSoFar: "user_id",
    IdempotencyRecord: "caller",
    Turn: "user_id",
}
# Words of people and of programs, in which he may be named: everywhere, or in rows that are his.
WORDS: dict[type[Model], tuple[str, ...]] = {
    RefundReview: ("note",),
    Adjustment: ("reason", "attachment"),
    AuditRun: ("says",),
    payments.Case: ("says", "resolution"),
    ChannelRefund: ("reason", "attachment", "answer"),
    Bill: ("says",),
    Notification: ("says",),
    ExportJob: ("query", "first", "last", "until", "says"),
    SavedFilter: ("name", "query"),
    LogEntry: ("change_message",),
}
# What is told to others, in which he stands by name (person.py).
TOLD: dict[type[Model], tuple[str, ...]] = {Event: ("data",), IdempotencyRecord: ("body",)}
# Rows that have his id as their key, and how what was noted of one names him.
HIS_KEY: tuple[type[Model], ...] = (Wallet, Profile)
NOTED = {LogEntry: ("object_id", "object_repr"), StaffAction: ("key", "subject")}
# Words under a seal: a text that names him becomes its pseudonym, whole.
SEALED = ("reason", "changes")


class Remains(Exception):
    """He cannot be erased yet; says why, in words for whoever asked."""


def erase(*, user_id: str, now: datetime, also: Callable[[Wallet], object]) -> str:
    """Erase a person; the pseudonym under which his lines stay. `also` notes who has asked for it,
    in the same transaction.

    Money:   moves none. Refused while he has some, or some is on its way to him or from him.
    Races:   his wallet is frozen first, so nothing of his begins; then his shares are changed,
             which waits for a grab that had begun: what that has won is seen, and refuses.
    Repeats: harmless, and takes along what has come since, should the chat platform let him in
             again. Killed in between: his wallet is left frozen, and the next one goes on.
    Raises:  Remains.
    """
    close_the_door(user_id, now)
    try:
        pseudonym, copied = _erase(user_id=user_id, now=now, note=also)
    except Remains:
        freeze.unfreeze(user_id=user_id, reason="", now=now)
        raise
    for public_id in copied:  # each of them: whoever asks for an old one has its copy built
        queue.forget(public_id)
    for listener in freeze.listeners.values():
        listener()
    return pseudonym


def close_the_door(user_id: str, now: datetime) -> None:
    frozen = Wallet.objects.filter(user_id=user_id, is_frozen=True).first()
    if frozen and frozen.frozen_reason != ERASING:
        raise Remains("His wallet is frozen: whoever froze it has a reason.")
    freeze.freeze(user_id=user_id, reason=ERASING, now=now)
    for group_id in GroupMember.objects.filter(user_id=user_id).values_list("group_id", flat=True):
        members.remove(group_id=group_id, user_id=user_id)


@retry.unit
def _erase(
    *, user_id: str, now: datetime, note: Callable[[Wallet], object]
) -> tuple[str, list[str]]:
    turns.take(user_id)
    person = _person(user_id)
    pseudonym = person.pseudonym
    _rename_shares(user_id, pseudonym)
    pause.here("erase: has changed his shares")
    for model, columns in IDS.items():
        for column in columns:
            _rename(model._default_manager.all(), column, user_id, pseudonym)
    personal = RedPacket.objects.filter(type=Kind.PERSONAL)
    _rename(personal, "for_id", user_id, pseudonym)
    hold(Wallet, user_id)
    if reasons := list(_remains(user_id, pseudonym)):
        raise Remains(" ".join(reasons))
    before, after = accounts.wallet(user_id), accounts.wallet(pseudonym)
    for model, columns in ACCOUNTS.items():
        for column in columns:
            _rename(model._default_manager.all(), column, before, after)
    wallet = _merge(user_id, pseudonym)
    for model, column in DROPPED.items():
        model._default_manager.filter(**{column: user_id}).delete()
    _of_his_rows(pseudonym)
    note(wallet)
    for model, columns in WORDS.items():
        _reword(model._default_manager.all(), columns, person)
    for model, columns in TOLD.items():
        _retell(model._default_manager.all(), columns, person)
    for frozen in (RedPacket, Wallet):
        _reword(frozen._default_manager.filter(is_frozen=True), ("frozen_reason",), person)
    _under_seal(person)
    _noted_of_him(person)
    drop_exports(now)
    his = Q(user_id=pseudonym) | Q(shares__user_id=pseudonym) | Q(shares__for_user=pseudonym)
    copied = RedPacket.objects.filter(his).values_list("public_id", flat=True)
    return pseudonym, list(copied.distinct())


def _person(user_id: str) -> Person:
    profile = Profile.objects.filter(pk=user_id).first()
    for_him = RedPacket.objects.filter(type=Kind.PERSONAL, for_id=user_id)
    packets = frozenset(for_him.values_list("public_id", flat=True))
    return Person(user_id, profile.nickname if profile else "", packets)


def _remains(user_id: str, pseudonym: str) -> Iterator[str]:
    """Why he must still be found, after a wait for whatever he had begun."""
    him = Q(user_id=pseudonym)
    if Wallet.objects.filter(user_id=user_id).exclude(balance=0).exists():
        yield "There is money in his wallet."
    over = Q(closed_at__isnull=False) | Q(voided_at__isnull=False)
    over |= Q(pay_status=PayStatus.PAID, is_cli_handle=True)
    going_on = RedPacket.objects.exclude(over)
    if going_on.filter(him | Q(type=Kind.PERSONAL, for_id=pseudonym)).exists():
        yield "A packet from him, or for him, is not over."
    shares = Share.objects.filter(him | Q(for_user=pseudonym))
    if shares.filter(rp__in=going_on).exists():
        yield "A packet that he has a share of is not over."
    if shares.filter(owed_at__isnull=False, rp__voided_at=None).exists():
        yield "A share of his is not credited yet."
    orders = PaymentOrder.objects.filter(him)
    if orders.filter(Q(status__in=PAYABLE) | Q(chase_at__isnull=False)).exists():
        yield "A payment of his is not decided."
    account = accounts.wallet(user_id)
    adjustments = Adjustment.objects.filter(Q(source=account) | Q(target=account))
    if adjustments.filter(status=AdjustmentStatus.PROPOSED).exists():
        yield "An adjustment of his wallet is proposed."
    under_way = (RefundStatus.PROPOSED, RefundStatus.APPROVED, RefundStatus.SENT)
    numbers = orders.values("order_no")
    about_him = Q(source=account) | Q(order_no__in=numbers)
    if ChannelRefund.objects.filter(about_him, status__in=under_way).exists():
        yield "A channel refund of his is under way."
    if payments.Case.objects.filter(order_no__in=numbers, status=CaseStatus.OPEN).exists():
        yield "A case about a payment of his is open."


def _rename_shares(user_id: str, pseudonym: str) -> None:
    """By the index of takers, in one statement: that waits for a grab of his that is under way. An
    exclusive packet's share is his taker's (`share_for_its_taker`), so both columns go together."""
    named = Case(
        When(for_user=user_id, then=Value(pseudonym)),
        default=F("for_user"),
        output_field=OutsideIdField(),
    )
    Share.objects.filter(user_id=user_id).update(user_id=pseudonym, for_user=named)
    _rename(Share.objects.filter(rp__type=Kind.EXCLUSIVE), "for_user", user_id, pseudonym)


def _rename(rows: QuerySet, column: str, before: str, after: str) -> None:
    """Found without a lock and changed by key: not each of these columns has an index."""
    keys = list(rows.filter(**{column: before}).values_list("pk", flat=True))
    for at in range(0, len(keys), AT_ONCE):
        piece = rows.model._default_manager.filter(pk__in=keys[at : at + AT_ONCE])
        piece.update(**{column: after})


def _merge(user_id: str, pseudonym: str) -> Wallet:
    """His wallet and its opening balance, which are their keys; or into those of an erasure of
    before. Frozen for good: nobody acts there."""
    opening = OpeningBalance.objects.filter(pk=user_id)
    if (earlier := OpeningBalance.objects.filter(pk=pseudonym)).exists():
        for row in opening:
            day = max(row.day, earlier.get().day)
            earlier.update(balance=F("balance") + row.balance, day=day)
        opening.delete()
    opening.update(user_id=pseudonym)
    wallet = Wallet.objects.filter(pk=user_id)
    if Wallet.objects.filter(pk=pseudonym).exists():
        wallet.delete()
    wallet.update(user_id=pseudonym, frozen_reason="erased")
    return Wallet.objects.get(pk=pseudonym)


def _of_his_rows(pseudonym: str) -> None:
    """What only his own rows can have: greetings, what channels told of the payer."""
    him = {"user_id": pseudonym}
    RedPacket.objects.filter(**him).exclude(intro=INTRO).update(intro="")
    orders = PaymentOrder.objects.filter(**him)
    orders.update(pay_params=None)
    notices = Notification.objects.filter(order_no__in=orders.values("order_no"))
    keys = list(notices.values_list("pk", flat=True))
    Notification.objects.filter(pk__in=keys).update(body=b"", headers={})


def _reword(rows: QuerySet, columns: tuple[str, ...], person: Person) -> None:
    for row in _naming(rows, columns, person.needles):
        _change(row, {column: person.out_of(getattr(row, column)) for column in columns})


def _retell(rows: QuerySet, columns: tuple[str, ...], person: Person) -> None:
    for row in _naming(rows, columns, (f'"{person.user_id}"',)):
        _change(row, {column: person.out_of_told(getattr(row, column)) for column in columns})


def _change(row: Model, new: dict[str, Any]) -> None:
    changed = {column: value for column, value in new.items() if value != getattr(row, column)}
    if changed:
        type(row)._default_manager.filter(pk=row.pk).update(**changed)


def _under_seal(person: Person) -> None:
    """Lines of his wallet, and what staff did: the seals go by these pseudonyms from the start."""
    account = accounts.wallet(person.pseudonym)
    his = LedgerLine.objects.filter(Q(source=account) | Q(target=account))
    for line in _naming(his, ("note",), person.needles):
        _change(line, {"note": pseudonyms.of(line.note)})
    for action in _naming(StaffAction.objects.all(), SEALED, person.needles):
        texts = {column: text_of(getattr(action, column)) for column in SEALED}
        named = {column: text for column, text in texts.items() if person.out_of(text) != text}
        _change(action, {column: pseudonyms.of(text) for column, text in named.items()})


def _noted_of_him(person: Person) -> None:
    """By the keys of his own rows: the same number can be the key of one that is not his."""
    types = ContentType.objects.get_for_models(*HIS_KEY).values()
    noted = LogEntry.objects.filter(content_type__in=types, object_id=person.user_id)
    noted.update(object_id=person.pseudonym, object_repr=person.pseudonym)
    for model in HIS_KEY:
        for action in staff.acts_on(model, [person.user_id]):
            _change(action, {"key": person.pseudonym, "subject": pseudonyms.of(action.subject)})


def _naming(rows: QuerySet, columns: tuple[str, ...], words: tuple[str, ...]) -> Iterator[Any]:
    """Rows with one of these words in one of these columns, or that look like it; in key order."""
    texts = {f"{column}_as_text": Cast(column, TextField()) for column in columns}
    named = Q()
    for name in texts:
        for word in words:
            named |= Q(**{f"{name}__contains": word})
    found, last = rows.annotate(**texts).filter(named).order_by("pk"), None
    while piece := list((found if last is None else found.filter(pk__gt=last))[:AT_ONCE]):
        yield from piece
        last = piece[-1].pk


def drop_exports(now: datetime) -> None:
    """Files of lists in which he may stand: whoever needs one asks for it again.

    Races: jobs first, and their leases: what a worker has read before is refused (jobs.py: _keep).
    """
    made = ExportJob.objects.exclude(state=ExportJob.State.GONE)
    made.update(state=ExportJob.State.GONE, run_at=None, lease=None, written=None, done_at=now)
    ExportPart.objects.all().delete()
