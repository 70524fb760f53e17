from django.utils import translation
from rest_framework.decorators import action
from rest_framework.response import Response

from redpacket_site.kit import pages
from redpacket_site.kit.api import UserViewSet
from redpacket_site.kit.problems import Invalid
from wallets import statement
from wallets.serializers import FlowEntrySerializer, WalletSerializer


class WalletViewSet(UserViewSet):
    """The caller's own wallet."""

    def retrieve(self, request):
        return Response(WalletSerializer(statement.balance(request.user.user_id)).data)

    @action(detail=False)
    def flow(self, request):
        kind = request.query_params.get("kind") or None
        if kind not in (None, *statement.FLOW_KINDS):
            raise Invalid(errors={"kind": [", ".join(statement.FLOW_KINDS)]})
        limit, cursor = pages.limit_of(request), pages.cursor_of(request)
        with translation.override(translation.get_language_from_request(request)):
            entries = statement.flow(
                user_id=request.user.user_id,
                kind=kind,
                before=cursor and cursor[0],
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
