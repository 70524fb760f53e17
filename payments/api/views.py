"""Doors: the app's orders and top-ups, and the channels' notifications."""

from functools import partial

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from kit import clock
from kit.http import address, idempotency, problems
from kit.http.api import UserViewSet, validated
from kit.http.caller import caller_of
from kit.http.describe import operation
from kit.refusals import NotFound
from payments import notify, order, topup
from payments.api import examples
from payments.api.serializers import (
    OrderSerializer,
    ReportSerializer,
    TopupSerializer,
)
from payments.channels import registry
from payments.channels.base import Notice
from payments.refusals import ChannelUnavailable, OrderClosed
from payments.states import CHANNELS, PAY_TYPE_OF, Scene


class OrderViewSet(UserViewSet):
    """The caller's own payments at a channel."""

    @operation(
        "getOrder",
        "A payment at a channel",
        OrderSerializer,
        examples=examples.ORDERS,
    )
    def retrieve(self, request: Request, order_no: str) -> Response:
        mine = order.mine(order_no=order_no, caller=caller_of(request))
        return Response(OrderSerializer(mine).data)

    @operation(
        "reportOrder",
        "The app says that its SDK says paid; moves nothing backwards",
        OrderSerializer,
        examples=examples.REPORTED,
        body=ReportSerializer,
        bodies=examples.REPORTS,
        refuses=[OrderClosed, ChannelUnavailable],
    )
    @action(detail=True, methods=["post"])
    def report(self, request: Request, order_no: str) -> Response:
        body = validated(ReportSerializer, request.data or {})
        reported = order.report(
            order_no=order_no,
            caller=caller_of(request),
            result=body.get("result"),
            now=clock.now(),
        )
        return Response(OrderSerializer(reported).data)


class TopupViewSet(UserViewSet):
    """Put money into the caller's wallet."""

    @operation(
        "createTopup",
        "Open an order that puts money into the caller's wallet",
        OrderSerializer,
        status=201,
        examples=examples.TOPUPS,
        body=TopupSerializer,
        bodies=examples.WANTED,
        refuses=[ChannelUnavailable],
        is_keyed=True,
    )
    def create(self, request: Request) -> Response:
        wanted = validated(TopupSerializer, request.data)
        pay_type = PAY_TYPE_OF[wanted["pay_type"]]
        if pay_type not in CHANNELS:
            raise ChannelUnavailable()
        once = idempotency.Once(request, lambda made: OrderSerializer(made).data, 201)
        verb = partial(
            topup.topup,
            caller=caller_of(request),
            amount=wanted["money"],
            pay_type=pay_type,
            scene=Scene(wanted["scene"]),
            key=once.digest,
            payer_ip=address.of(request) or address.HERE,
            now=clock.now(),
        )
        return idempotency.run(once, verb, look_first=True)


class ChannelResponse(HttpResponse):
    """In the channel's own words; the gateway leaves it as it is."""

    is_the_channels = True


@csrf_exempt  # a channel has no cookie; its signature is the proof
def channel_notice(request: HttpRequest, channel: str) -> HttpResponse:
    """POST /payments/notify/{channel}: body and answer are the channel's, so no DRF around it."""
    if request.method != "POST":
        problem = problems.MethodNotAllowed()
        problem.headers["Allow"] = "POST"
        return problems.render(request, problem)
    pay_type = PAY_TYPE_OF.get(channel)
    if pay_type is None or pay_type not in registry.heard():
        return problems.render(request, NotFound())
    body = request.body
    if len(body) > settings.BODY_MAX_BYTES:
        return problems.render(request, problems.TooLarge())
    headers = {name.lower(): value for name, value in request.headers.items()}
    said = notify.receive(
        pay_type=pay_type,
        notice=Notice(body=body, headers=headers),
        now=clock.now(),
        address=address.of(request) or "",
    )
    return ChannelResponse(said.body, status=said.status, content_type=said.content_type)
