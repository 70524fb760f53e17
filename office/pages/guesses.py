"""What may be meant by what nothing bears: a name's beginning, words of a greeting, an amount on a
day, a part of a number. Each by an index, and bounded."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from django.conf import settings
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from kit import clock
from kit.ids import is_outside_id
from kit.marks import listed
from office.frame.dossier import list_of, page_of
from office.frame.find import SHOWN, Hit, Typed, finder
from office.shown.accounts import account_name
from packets.models import Profile, RedPacket
from packets.states import Kind
from payments.models import ChannelRefund, PaymentOrder
from payments.states import CHANNELS, PayType
from wallets import accounts
from wallets.models import LedgerLine, Wallet

RECENT_DAYS = 7  # of an amount without a day
SENT = 500  # of a sender's packets, whose greetings are read
ENDINGS = 5000  # of the newest rows, whose numbers' ends are compared
LAST_ASCII = "\x7f"


def _customer(profile: Profile) -> Hit:
    return Hit(page_of(Wallet(user_id=profile.user_id)), profile.nickname, profile.user_id)


def _packet(packet: RedPacket) -> Hit:
    at = f"{timezone.localtime(packet.pay_time or packet.add_time):%F %T}"
    kind = Kind(packet.type).label
    note = listed([packet.user_id, kind, f"{packet.total_money:,.2f}", at, packet.intro])
    return Hit(page_of(packet), packet.public_id, note)


def _order(order: PaymentOrder) -> Hit:
    at = f"{timezone.localtime(order.add_time):%F %T}"
    channel, status = PayType(order.pay_type).label, order.get_status_display()
    note = listed([order.user_id, channel, f"{order.amount:,.2f}", status, at])
    return Hit(page_of(order), order.order_no, note)


# --- names


@finder(_("nicknames"), "wallets.view_wallet", by="name")
def called(typed: Typed) -> Iterator[Hit]:
    yield from map(_customer, _called(typed.text))


def _called(nickname: str) -> list[Profile]:
    """A database may take two emoji for one another."""
    rows = Profile.objects.filter(nickname=nickname)[:SHOWN]
    return [row for row in rows if row.nickname.casefold() == nickname.casefold()]


@finder(_("nicknames that begin so"), "wallets.view_wallet", by="guess")
def named_so(typed: Typed) -> Iterator[Hit]:
    begun = typed.text.casefold()
    for row in Profile.objects.filter(nickname__istartswith=typed.text).order_by("nickname")[
        :SHOWN
    ]:
        if row.nickname.casefold().startswith(begun):
            yield _customer(row)


@finder(_("a sender's greetings"), "packets.view_redpacket", by="guess")
def greetings(typed: Typed) -> Iterator[Hit]:
    """The newest packets of whoever is named first, that greet with the rest."""
    if not typed.rest:
        return
    wanted = typed.rest.casefold()
    senders = {typed.head} if is_outside_id(typed.head) else set()
    senders |= {profile.user_id for profile in _called(typed.head)}
    for sender in sorted(senders)[:SHOWN]:
        sent = RedPacket.objects.filter(user_id=sender).order_by("-add_time")[:SENT]
        yield from [_packet(each) for each in sent if wanted in each.intro.casefold()][:SHOWN]


# --- amounts


@finder(_("packets of an amount"), "packets.view_redpacket", by="guess")
def packets_of(typed: Typed) -> Iterator[Hit]:
    """By amount and key: the key tells when a packet was made, which is before it was issued, by as
    long as a draft may wait."""
    if typed.amount is None:
        return
    since, until = _span(typed.day)
    wait = timedelta(seconds=settings.REDPACKET_DRAFT_S, hours=1)
    rows = RedPacket.objects.filter(
        total_money=typed.amount, pay_time__gte=since, pay_time__lt=until
    )
    rows = _between(rows, "pay_time", since - wait, until + wait)
    yield from map(_packet, rows.order_by("-pk")[:SHOWN])


@finder(_("orders of an amount"), "payments.view_paymentorder", by="guess")
def orders_of(typed: Typed) -> Iterator[Hit]:
    if typed.amount is None:
        return
    since, until = _span(typed.day)
    minute = timedelta(minutes=1)  # keys are given a moment before or after others
    rows = PaymentOrder.objects.filter(amount=typed.amount, add_time__gte=since, add_time__lt=until)
    rows = _between(rows.defer("pay_params"), "add_time", since - minute, until + minute)
    yield from map(_order, rows.order_by("-pk")[:SHOWN])


def _span(day: date | None) -> tuple[datetime, datetime]:
    last = day or clock.today()
    first = day or last - timedelta(days=RECENT_DAYS - 1)
    since, until = (datetime.combine(d, time.min) for d in (first, last + timedelta(days=1)))
    return timezone.make_aware(since), timezone.make_aware(until)


def _between(rows: QuerySet, column: str, since: datetime, until: datetime) -> QuerySet:
    """Narrowed to the keys of that time, since an index of amounts holds keys and no times."""
    every = rows.model._default_manager
    before = every.filter(**{f"{column}__lt": since}).order_by(f"-{column}")
    behind = every.filter(**{f"{column}__gte": until}).order_by(column)
    if first := before.values_list("pk", flat=True).first():
        rows = rows.filter(pk__gt=first)
    if last := behind.values_list("pk", flat=True).first():
        rows = rows.filter(pk__lt=last)
    return rows


# --- parts of numbers


@finder(_("users whose id begins so"), "wallets.view_wallet", by="guess")
def users_so(typed: Typed) -> Iterator[Hit]:
    for wallet in _begun(Wallet, "user_id", typed.begun):
        yield Hit(page_of(wallet), wallet.user_id, f"{wallet.balance:,.2f}")


@finder(_("packets whose id begins or ends so"), "packets.view_redpacket", by="guess")
def packets_so(typed: Typed) -> Iterator[Hit]:
    yield from map(_packet, _begun(RedPacket, "public_id", typed.part))
    yield from map(_packet, _ended(RedPacket, ("public_id",), typed.part))


@finder(_("orders whose number begins or ends so"), "payments.view_paymentorder", by="guess")
def orders_so(typed: Typed) -> Iterator[Hit]:
    for column in ("order_no", "trade_no"):
        yield from map(_order, _begun(PaymentOrder, column, typed.part))
    yield from map(_order, _ended(PaymentOrder, ("order_no", "trade_no"), typed.part))


@finder(_("refunds whose number begins so"), "payments.view_channelrefund", by="guess")
def refunds_so(typed: Typed) -> Iterator[Hit]:
    for refund in _begun(ChannelRefund, "refund_no", typed.part):
        yield Hit(page_of(refund), refund.refund_no, f"{refund.amount:,.2f}")


def _begun(model: type[Model], column: str, part: str) -> list:
    """As a range, which every engine reads from an index that compares byte by byte."""
    if not part:
        return []
    within = {f"{column}__gte": part, f"{column}__lt": part + LAST_ASCII}
    return list(model._default_manager.filter(**within).order_by(f"-{column}")[:SHOWN])


def _ended(model: type[Model], columns: tuple[str, ...], part: str) -> list:
    """No index holds endings: only the newest rows are looked at."""
    newest = model._default_manager.order_by("-pk").values_list("pk", *columns)[:ENDINGS]
    keys = [key for key, *of in newest if any(each.endswith(part) for each in of)] if part else []
    return list(model._default_manager.filter(pk__in=keys[:SHOWN]).order_by("-pk"))


# --- accounts


@finder(_("accounts"), "wallets.view_ledgerline", by="name")
def accounts_of(typed: Typed) -> Iterator[Hit]:
    """Ours and the channels', by their names here or in words."""
    ours = [accounts.PLATFORM, accounts.SUSPENSE]
    ours += [accounts.clearing(channel.word) for channel in CHANNELS if channel.word]
    wanted = typed.text.casefold()
    for name in ours:
        shown = account_name(name)
        if wanted == name or (len(wanted) > 1 and wanted in shown.casefold()):
            url = f"{list_of(LedgerLine)}?{urlencode({'q': name})}"
            yield Hit(url, shown, _("ledger lines"))
