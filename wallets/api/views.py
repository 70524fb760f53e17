from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from kit.http import pages
from kit.http.api import UserViewSet
from kit.http.caller import caller_of
from kit.http.describe import operation, pageable, query
from kit.refusals import Invalid
from wallets import statement
from wallets.api.serializers import KINDS, FlowEntrySerializer, FlowSerializer, WalletSerializer

FLOW = {
    "id": "4211",
    "kind": "grab",
    "money": "3.21",
    "time": "2026-02-17T20:15:03.120394+08:00",
    "title": "抢到红包",
    "packet": "rp_agnkq4z2lm7xw3v5tq6yjr2abc",
    "order": None,
}
KIND = query("kind", "Only these; all when left out.", enum=KINDS)


class WalletViewSet(UserViewSet):
    """The caller's own wallet."""

    @operation(
        "getWallet",
        "The caller's balance",
        WalletSerializer,
        examples={"open": {"balance": "88.00", "is_frozen": False}},
    )
    def retrieve(self, request: Request) -> Response:
        return Response(WalletSerializer(statement.balance(caller_of(request).user_id)).data)

    @operation(
        "listFlow",
        "What moved in the caller's wallet (流水), newest first",
        FlowSerializer,
        examples={
            "more": {"results": [FLOW], "next": "NDIxMQ"},
            "last": {"results": [], "next": None},
        },
        query=pageable(KIND),
    )
    @action(detail=False)
    def flow(self, request: Request) -> Response:
        kind = request.query_params.get("kind") or None
        if kind not in (None, *KINDS):
            raise Invalid(errors={"kind": [", ".join(KINDS)]})
        limit, cursor = pages.limit_of(request), pages.cursor_of(request, parts=1)
        entries = statement.flow(
            user_id=caller_of(request).user_id,
            kind=kind,
            before=cursor[0] if cursor else None,
            limit=limit,
        )
        return Response(
            pages.page(
                entries,
                limit,
                position=lambda entry: (entry.id,),
                render=lambda entry: FlowEntrySerializer(entry).data,
            )
        )
