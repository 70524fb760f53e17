"""Take one share of a packet (抢红包): the hot path."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction

from kit import outbox, pause, retry, sql
from kit.http import throttle
from kit.http.caller import Caller
from kit.plumbing import metrics, redis
from kit.present import present
from kit.refusals import NotFound, Problem, Unavailable
from packets import finish, members
from packets.models import RedPacket, Share
from packets.refusals import NotIssued, PacketClosed, PacketFrozen
from packets.states import Kind, Outcome, PayStatus
from packets.tickets import claim, desk, queue
from packets.tickets.queue import Taken, Ticket
from wallets import accounts, ledger
from wallets.models import Wallet
from wallets.refusals import WalletFrozen
from wallets.states import LineKind

TRIES = 8  # a spent ticket costs a try; a table of untaken positions is exhausted sooner
SPENT_MAX = 2  # so many spent tickets in one request: the queue is stale, go by the table


@dataclass(frozen=True, slots=True)
class MyShare:
    """What the taker is told of his share; money in yuan."""

    money: Decimal
    is_into_account: bool
    update_time: datetime


@dataclass(frozen=True, slots=True)
class Grab:
    """How the grab ended; `share` is None unless it is the caller's."""

    outcome: Outcome
    share: MyShare | None = None


_WITHOUT = {outcome: Grab(outcome) for outcome in Outcome}  # a crowd hears the same


def grab(*, public_id: str, caller: Caller, now: datetime) -> Grab:
    """Take one share of a packet (抢红包).

    Money:   Decimal yuan. A paid packet credits the taker here; an awaiting one leaves that to the
             settlement.
    Races:   the share row's WHERE decides. A spent ticket means: take the next one. Two grabs of
             one user: (packet, taker) is unique, the loser's ticket goes back. A share of an
             exclusive packet (专属红包) is for one user from the start: he alone can spend it.
    Repeats: the same taker gets the first result again, as already_grabbed.
    Raises:  NotFound (404), OwnPacket, NotForYou, NotIssued, PacketClosed (409), PacketFrozen,
             WalletFrozen (403), Throttled (429), Unavailable (503).
    Spec:    1.5, 1.7, 2.2
    """
    user_id = caller.user_id
    again, spent = False, 0
    for attempt in range(TRIES):
        if spent == SPENT_MAX:
            queue.forget(public_id)
        answer = _take(public_id, user_id, now, again, attempt > 0, by_table=spent >= SPENT_MAX)
        match answer:
            case Outcome():
                return _WITHOUT[answer]
            case Taken():
                if mine := _share_of(answer.rp_id, user_id):
                    return Grab(Outcome.ALREADY_GRABBED, mine)
                if answer.in_flight:
                    return Grab(Outcome.TOO_SLOW)  # his own other grab is about to win, or to fail
                again = True
            case Ticket():
                if won := _use(answer, user_id, now):
                    return won
                again, spent = True, spent + 1
    raise Unavailable()


def _take(
    public_id: str, user_id: str, now: datetime, again: bool, counted: bool, *, by_table: bool
) -> Ticket | Taken | Outcome:
    """A ticket from the queue; without a queue that answers, from the table."""
    if redis.is_configured() and not by_table:
        try:
            return queue.take(
                public_id=public_id,
                user_id=user_id,
                now=now,
                again=again,
                counted=counted,
                member=_asked_member(public_id, user_id),
            )
        except redis.Down:
            metrics.FROM_TABLE.inc()
    if not counted:
        throttle.check(throttle.GRAB, user_id)
    return desk.take(public_id=public_id, user_id=user_id, now=now)


def _asked_member(public_id: str, user_id: str) -> bool | None:
    """The chat server's answer where it is the one to ask; None: the script knows."""
    if not members.asks_chat_server():
        return None
    packet = RedPacket.objects.filter(public_id=public_id).only("type", "for_id").first()
    if packet is None or packet.type == Kind.PERSONAL:
        return None
    return members.is_member(packet.for_id, user_id)


def _use(ticket: Ticket, user_id: str, now: datetime) -> Grab | None:
    """Try to turn the ticket into a share; None when it was spent."""
    try:
        mine = retry.again(lambda: _win(ticket, user_id, now))
    except IntegrityError:
        # This user won another share meanwhile, so this ticket is somebody else's.
        _give_back(ticket, user_id)
        mine = _share_of(ticket.rp_id, user_id)
        if mine is None:
            raise
        return Grab(Outcome.ALREADY_GRABBED, mine)
    except BaseException:
        _give_back(ticket, user_id)
        raise
    if mine is None:
        if earlier := _share_of(ticket.rp_id, user_id):  # he himself has spent it
            return Grab(Outcome.ALREADY_GRABBED, earlier)
        return _refuse_or_go_on(ticket, user_id, now)
    is_in_turn = ticket.is_queued and not ticket.is_named  # position n goes last
    if ticket.position == ticket.number if is_in_turn else desk.is_gone(ticket.rp_id):
        finish.if_gone(ticket.rp_id)
    return Grab(Outcome.GRABBED, mine)


def _win(ticket: Ticket, user_id: str, now: datetime) -> MyShare | None:
    """The winner's transaction: share, wallet balance, ledger line, event; never the packet row."""
    pause.here("grab: has a ticket")
    is_paid = ticket.pay_status == PayStatus.PAID  # the claim asks the row whether that is true
    in_group = ticket.kind != Kind.PERSONAL and not members.asks_chat_server()
    with transaction.atomic(durable=True):
        money = claim.claim(
            rp_id=ticket.rp_id,
            public_id=ticket.public_id,
            position=ticket.position,
            user_id=user_id,
            group_id=ticket.for_id if in_group else None,
            is_into_account=is_paid,
            now=now,
        )
        if money is None:
            return None
        if not is_paid and (is_paid := _is_paid_now(ticket.rp_id)):
            Share.objects.filter(rp_id=ticket.rp_id, position=ticket.position).update(
                is_into_account=True
            )
        news = outbox.news(
            "packet.grabbed",
            now=now,
            packet=ticket.public_id,
            for_id=ticket.for_id,
            user_id=user_id,
            taken_number=ticket.position,
            number=ticket.number,
            sender=ticket.sender,
        )
        if is_paid:
            credit(ticket.public_id, ticket.position, user_id, money, now, beside=[news])
        else:
            sql.run(news)
    return MyShare(money, is_paid, now)


def credit(
    public_id: str,
    position: int,
    user_id: str,
    money: Decimal,
    now: datetime,
    beside: Sequence[sql.Statement] = (),
) -> None:
    """One share into one wallet: the posting of a paid grab, and of the settlement.

    Repeats: the reference names the share, so neither order of events can pay twice.
    """
    ledger.post(
        kind=LineKind.GRAB,
        reference=Share.reference_of(public_id, position),
        source=accounts.escrow(public_id),
        target=accounts.wallet(user_id),
        amount=money,
        now=now,
        beside=beside,
    )


def _is_paid_now(rp_id: int) -> bool:
    """Awaiting is read again, fresh, after the share is won (Spec 1.7)."""
    is_paid = RedPacket.objects.filter(pk=rp_id, pay_status=PayStatus.PAID).exists()
    pause.here("grab: has looked whether it is paid")
    return is_paid


def _refuse_or_go_on(ticket: Ticket, user_id: str, now: datetime) -> Grab | None:
    """The claim changed no row: say why; None when the ticket was merely spent.

    A copy may be ahead of the row, when the database came back without its last commits: paid
    there and awaiting here, then the share is taken as an awaiting one.
    """
    try:
        packet = _grabbable(ticket, user_id)
    except Problem:
        _give_back(ticket, user_id)
        queue.forget(ticket.public_id)  # its copy believed otherwise
        raise
    if present(packet.expire_time) <= now:
        queue.forget(ticket.public_id)
        return Grab(Outcome.EXPIRED)
    if packet.pay_status != ticket.pay_status == PayStatus.PAID:
        queue.forget(ticket.public_id)
        return _use(replace(ticket, pay_status=packet.pay_status), user_id, now)
    return None


def _grabbable(ticket: Ticket, user_id: str) -> RedPacket:
    """The packet as its row says; raises what speaks against a grab."""
    packet = RedPacket.objects.filter(pk=ticket.rp_id, public_id=ticket.public_id).first()
    if packet is None:
        raise NotFound()
    if packet.voided_at or packet.closed_at:
        raise PacketClosed()
    if packet.pay_status == PayStatus.UNPAID:
        raise NotIssued()
    if packet.is_frozen:
        raise PacketFrozen()
    if Wallet.objects.filter(user_id=user_id, is_frozen=True).exists():
        raise WalletFrozen()
    if not members.may_see(packet, user_id):
        members.look_again(packet, user_id)
        raise NotFound()
    return packet


def _give_back(ticket: Ticket, user_id: str) -> None:
    if ticket.is_queued:
        queue.give_back(ticket, user_id)


def _share_of(rp_id: int, user_id: str) -> MyShare | None:
    row = claim.share_of(rp_id, user_id)
    return MyShare(*row) if row else None
