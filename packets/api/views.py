"""Doors of the REST API: read the request, call one verb, render the answer."""

import re
from functools import partial

from django.utils import timezone
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from kit import clock
from kit.http import address, idempotency, pages
from kit.http.api import UserViewSet, validated
from kit.http.caller import caller_of
from kit.http.describe import operation, pageable, query
from kit.refusals import Invalid, NotFound
from packets import pay, send, summaries, years
from packets.api import bubbles, examples, results, session
from packets.api.serializers import (
    BubblesSerializer,
    GroupSerializer,
    PacketPageSerializer,
    PacketSerializer,
    PaidSerializer,
    PaySerializer,
    SendSerializer,
    SessionSerializer,
    YearSerializer,
)
from packets.models import Share
from packets.refusals import PacketClosed, PacketFrozen
from payments.api.serializers import OrderSerializer
from payments.models import PaymentOrder
from payments.refusals import AlreadyPaid, ChannelUnavailable
from payments.states import CHANNELS, PAY_TYPE_OF, Scene
from wallets.refusals import InsufficientBalance, WalletFrozen

YEAR_LEAST, YEAR_MOST = 1970, 2999
BOXES = ("sent", "received")

# Up to so many, with commas between them; none of them need be an id.
IDS_PATTERN = f"^[^,]+(,[^,]+){{0,{bubbles.ASKED_MAX - 1}}}$"
_IDS = re.compile(IDS_PATTERN)

YEAR = query(
    "year",
    "A year of the service's time zone.",
    type_="integer",
    minimum=YEAR_LEAST,
    maximum=YEAR_MOST,
)


class PacketViewSet(UserViewSet):
    """Red packets, as the caller may see them."""

    @operation(
        "sendPacket",
        "Put money into a packet: a draft with all its shares drawn",
        PacketSerializer,
        status=201,
        examples=examples.DRAFTS,
        body=SendSerializer,
        bodies=examples.WISHES,
        refuses=[NotFound],
        is_keyed=True,
    )
    def create(self, request: Request) -> Response:
        wish = SendSerializer.wish(validated(SendSerializer, request.data))
        now = clock.now()
        return idempotency.answer(
            request,
            partial(send.send, caller=caller_of(request), wish=wish, now=now),
            render=lambda packet: results.fresh(packet, caller_of(request), now),
            status=201,
        )

    @operation(
        "getPacket",
        "The results page: the packet as this caller may see it",
        PacketSerializer,
        examples=examples.PACKETS,
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        now = clock.now()
        return Response(results.packet(public_id=pk, caller=caller_of(request), now=now))

    @operation(
        "listPackets",
        "The packets that the caller sent, or took a share of, newest first",
        PacketPageSerializer,
        examples=examples.PAGES,
        query=pageable(query("box", "Which of the two.", required=True, enum=list(BOXES)), YEAR),
    )
    def list(self, request: Request) -> Response:
        box = request.query_params.get("box")
        if box not in BOXES:
            raise Invalid(errors={"box": [", ".join(BOXES)]})
        year, limit = _year(request), pages.limit_of(request)
        after = pages.cursor_of(request, parts=2)
        caller = caller_of(request)
        find = summaries.sent if box == "sent" else summaries.received
        rows = find(caller=caller, year=year, after=after, limit=limit)
        packets = [row.rp if isinstance(row, Share) else row for row in rows]
        rendered = results.listed(packets[:limit], caller, clock.now())
        column = "add_time" if box == "sent" else "update_time"
        return Response(
            pages.page(
                list(zip(rows, [*rendered, None], strict=False)),
                limit,
                position=lambda pair: summaries.position(getattr(pair[0], column), pair[0].pk),
                render=lambda pair: pair[1],
            )
        )

    @operation(
        "getYear",
        "What the caller sent and received in a year, this one by default",
        YearSerializer,
        examples=examples.YEARS,
        query=[YEAR],
    )
    @action(detail=False)
    def summary(self, request: Request) -> Response:
        year = _year(request) or timezone.localtime(clock.now()).year
        figures = years.of_year(user_id=caller_of(request).user_id, year=year)
        return Response(YearSerializer({"year": year, "figures": figures}).data)

    @operation(
        "listBubbles",
        "What a chat shows of these packets to this caller; what is not for him is left out",
        BubblesSerializer,
        examples=examples.BUBBLES,
        query=[
            query(
                "ids",
                f"1 to {bubbles.ASKED_MAX} ids with commas between them.",
                required=True,
                pattern=IDS_PATTERN,
            )
        ],
    )
    @action(detail=False)
    def bubbles(self, request: Request) -> Response:
        asked = request.query_params.get("ids", "")
        if not _IDS.fullmatch(asked):
            raise Invalid(errors={"ids": [f"1..{bubbles.ASKED_MAX}"]})
        caller, now = caller_of(request), clock.now()
        found = bubbles.bubbles(public_ids=asked.split(","), caller=caller, now=now)
        return Response({"results": found})

    @operation(
        "payPacket",
        "Pay a draft; by balance it is issued at once",
        PaidSerializer,
        examples=examples.PAID,
        body=PaySerializer,
        bodies=examples.PAYMENTS,
        refuses=[
            WalletFrozen,
            PacketFrozen,
            AlreadyPaid,
            InsufficientBalance,
            PacketClosed,
            ChannelUnavailable,
        ],
        is_keyed=True,
    )
    @action(detail=True, methods=["post"])
    def pay(self, request: Request, pk: str) -> Response:
        wanted = validated(PaySerializer, request.data)
        pay_type, now = PAY_TYPE_OF[wanted["pay_type"]], clock.now()
        caller = caller_of(request)
        if pay_type not in CHANNELS:
            return idempotency.answer(
                request,
                partial(pay.by_balance, public_id=pk, caller=caller, now=now),
                render=lambda packet: {
                    "packet": results.fresh(packet, caller, now),
                    "order": None,
                },
            )
        verb = partial(
            pay.by_channel,
            public_id=pk,
            caller=caller,
            pay_type=pay_type,
            scene=Scene(wanted["scene"]),
            payer_ip=address.of(request) or address.HERE,
            now=now,
        )

        def render(order: PaymentOrder) -> dict:
            packet = results.packet(public_id=pk, caller=caller, now=now)
            return {"packet": packet, "order": OrderSerializer(order).data}

        return idempotency.run(idempotency.Once(request, render, 200), verb, look_first=True)


class SessionViewSet(UserViewSet):
    """What pages and apps must know before they draw their forms."""

    @operation(
        "getSession",
        "Who the caller is, the limits in force, and the channels offered",
        SessionSerializer,
        examples=examples.SESSIONS,
    )
    def retrieve(self, request: Request) -> Response:
        return Response(SessionSerializer(session.session(caller_of(request))).data)

    @operation(
        "getGroup",
        "How many members a group of the caller's has",
        GroupSerializer,
        examples=examples.GROUPS,
    )
    def group(self, request: Request, group_id: str) -> Response:
        return Response(GroupSerializer(session.group(group_id, caller_of(request))).data)


def _year(request: Request) -> int | None:
    if "year" not in request.query_params:
        return None
    return pages.whole(request, "year", 0, YEAR_MOST, least=YEAR_LEAST)
