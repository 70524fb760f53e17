"""What somebody sent and received in a year: kept as far as nothing changes it any more.

A row of `YearSoFar` holds the figures until a moment; what is behind it is summed when it is asked
for. So nothing is added to a grab, and the year of somebody with a hundred thousand shares costs
what anybody's does.
"""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet
from django.utils import timezone

from kit import later, pause, sweeps
from kit.money import ZERO, fen_sum, from_fen, plus
from kit.moves import move
from kit.present import present
from packets.models import RedPacket, Share, YearSoFar
from packets.states import Kind, PayStatus

KEPT_AT = 200  # rows: fewer are summed each time
AT_ONCE = 5000  # rows a statement
# A row tells its writer's time and not when it was there: clocks differ, and transactions last.
SURE_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one user in a span of time; money in yuan."""

    sent_number: int = 0
    sent_money: Decimal = ZERO
    received_number: int = 0
    received_money: Decimal = ZERO
    best_luck: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def rows(self) -> int:
        return self.sent_number + self.received_number


@dataclass(frozen=True, slots=True)
class Span:
    """One user's rows from one moment to another."""

    user_id: str
    begin: datetime
    end: datetime

    def sent(self) -> QuerySet[RedPacket]:
        """Issued, by the time of that."""
        issued = ~Q(pay_status=PayStatus.UNPAID)
        within = {"pay_time__gte": self.begin, "pay_time__lt": self.end}
        return RedPacket.objects.filter(issued, user_id=self.user_id, **within)

    def received(self) -> QuerySet[Share]:
        within = {"update_time__gte": self.begin, "update_time__lt": self.end}
        return Share.objects.filter(user_id=self.user_id, **within)

    def figures(self) -> Figures:
        """Neither side counts what is void; best luck is known once all shares are taken."""
        sent = self.sent().filter(voided_at=None)
        out = sent.aggregate(number=Count("pk"), fen=fen_sum("total_money"))
        received = self.received().filter(rp__voided_at=None)
        into = received.aggregate(number=Count("pk"), fen=fen_sum("money"))
        untaken = Share.objects.filter(rp=OuterRef("rp"), user_id=None)
        best = received.filter(~Exists(untaken), is_good=True, rp__type=Kind.LUCKY).count()
        money = from_fen(out["fen"]), from_fen(into["fen"])
        return Figures(out["number"], money[0], into["number"], money[1], best)

    def until_open(self) -> datetime:
        """The first moment with a row that may still change: whose packet is neither void nor both
        paid and over."""
        sent = self.sent().exclude(_over("")).aggregate(first=Min("pay_time"))["first"]
        received = self.received().exclude(_over("rp__")).aggregate(first=Min("update_time"))
        return min(filter(None, (self.end, sent, received["first"])))

    def is_much(self) -> bool:
        """By indexes alone."""
        sides = (self.sent(), self.received())
        return sum(rows.values("pk")[: KEPT_AT + 1].count() for rows in sides) > KEPT_AT

    def pieces(self) -> Iterator["Span"]:
        """The same rows, as many at once as one statement may read."""
        begin = self.begin
        while begin < self.end:
            piece = Span(self.user_id, begin, self.end)._piece()
            yield piece
            begin = piece.end

    def _piece(self) -> "Span":
        """Rows of one moment stay together."""
        times = (
            self.sent().order_by("pay_time").values_list("pay_time", flat=True),
            self.received().order_by("update_time").values_list("update_time", flat=True),
        )
        last = min(
            filter(None, (self.end, *(each[AT_ONCE - 1 : AT_ONCE].first() for each in times)))
        )
        return Span(self.user_id, self.begin, min(self.end, last + timedelta.resolution))


def of_year(*, user_id: str, year: int) -> Figures:
    """What a user sent and received in a year.

    Races: what is kept is read first, and nothing changes before its moment; the rest is summed
           from there on, so a row is in one of both, whoever keeps more meanwhile.
    """
    kept, until = _kept(user_id, year)
    rest = Span(user_id, until, bounds(year)[1]).figures()
    if rest.rows > KEPT_AT:
        later.run("packets.keep_year", user_id, year)
    return kept + rest


def keep(*, user_id: str, year: int, now: datetime) -> int:
    """Keep the figures of rows that can change no more, where there are many; how many pieces.

    Races:   of two who keep the same rows the moment that both went on from lets one through.
    Repeats: what is kept is behind that moment.
    """
    return sweeps.drain(lambda: int(_keep_piece(user_id, year, now)))


def keep_of(*, rp_id: int, now: datetime) -> int:
    """Keep the year of everybody who had to do with a packet; how many pieces."""
    packet = RedPacket.objects.get(pk=rp_id)
    takers = Share.objects.filter(rp=packet, user_id__isnull=False)
    users = {packet.user_id, *takers.values_list("user_id", flat=True)}
    year = timezone.localtime(present(packet.pay_time)).year
    return sum(keep(user_id=str(user), year=year, now=now) for user in sorted(filter(None, users)))


def over_lately(now: datetime) -> QuerySet[RedPacket]:
    """Whoever sends or takes many is in one of these."""
    since, until = now - timedelta(days=3), now - timedelta(days=1)
    return RedPacket.objects.filter(pay_time__gte=since, pay_time__lt=until)


def counted_again(row: YearSoFar) -> Figures:
    """What a kept row should say: for the audit."""
    kept = Span(row.user_id, bounds(row.year)[0], row.until)
    return sum((piece.figures() for piece in kept.pieces()), Figures())


def figures_of(row: YearSoFar) -> Figures:
    return Figures(*(getattr(row, field.name) for field in fields(Figures)))


def bounds(year: int) -> tuple[datetime, datetime]:
    """A year of the service's time zone."""
    zone = timezone.get_default_timezone()
    return datetime(year, 1, 1, tzinfo=zone), datetime(year + 1, 1, 1, tzinfo=zone)


def _keep_piece(user_id: str, year: int, now: datetime) -> bool:
    _, begin = _kept(user_id, year)
    sure = Span(user_id, begin, min(bounds(year)[1], now - SURE_AFTER))
    if not sure.is_much():
        return False
    piece = next(sure.pieces())
    done = Span(user_id, begin, piece.until_open())
    return done.is_much() and _add(user_id, year, done)


def _add(user_id: str, year: int, done: Span) -> bool:
    pause.here("years: has chosen a piece")
    figures = done.figures()
    with transaction.atomic(durable=True):
        YearSoFar.objects.get_or_create(user_id=user_id, year=year, defaults={"until": done.begin})
    so_far = YearSoFar.objects.filter(user_id=user_id, year=year, until=done.begin)
    return move(
        so_far,
        until=done.end,
        sent_number=F("sent_number") + figures.sent_number,
        sent_money=plus("sent_money", figures.sent_money),
        received_number=F("received_number") + figures.received_number,
        received_money=plus("received_money", figures.received_money),
        best_luck=F("best_luck") + figures.best_luck,
    )


def _kept(user_id: str, year: int) -> tuple[Figures, datetime]:
    """The figures that are kept, and until when they are."""
    row = YearSoFar.objects.filter(user_id=user_id, year=year).first()
    return (figures_of(row), row.until) if row else (Figures(), bounds(year)[0])


def _over(packet: str) -> Q:
    """Void, or paid and with no share left to take: neither state is left again."""
    over = {f"{packet}pay_status": PayStatus.PAID, f"{packet}is_cli_handle": True}
    return Q(**over) | Q(**{f"{packet}voided_at__isnull": False})
