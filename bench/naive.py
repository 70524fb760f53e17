"""The rival: the grab as it is usually written, with select_for_update on the packet."""

from django.db import transaction
from django.db.models import F
from django.urls import path
from django.utils import timezone
from rest_framework.response import Response

from kit.http.api import UserViewSet
from kit.models import Event
from kit.refusals import NotFound
from packets.models import GroupMember, RedPacket, Share
from redpacket_site.urls import urlpatterns as product
from wallets.models import LedgerLine, Wallet
from wallets.states import LineKind


class NaiveViewSet(UserViewSet):
    schema = None  # no part of the API

    def grab(self, request, pk):
        user_id, now = request.user.user_id, timezone.now()
        with transaction.atomic():
            packet = RedPacket.objects.select_for_update().filter(public_id=pk).first()
            members = GroupMember.objects.filter(group_id=packet.for_id, user_id=user_id)
            if packet is None or not members.exists():
                raise NotFound()
            shares = Share.objects.filter(rp=packet)
            if shares.filter(user_id=user_id).exists():
                return Response({"outcome": "already_grabbed"})
            share = shares.filter(user_id=None).order_by("position").first()
            if share is None:
                return Response({"outcome": "too_slow"})
            share.user_id, share.update_time, share.is_into_account = user_id, now, True
            share.save()
            Wallet.objects.get_or_create(user_id=user_id, defaults={"created_at": now})
            Wallet.objects.filter(user_id=user_id).update(balance=F("balance") + share.money)
            LedgerLine.objects.bulk_create(
                [
                    LedgerLine(
                        kind=LineKind.GRAB,
                        reference=f"{packet.public_id}/{share.position}",
                        source=f"escrow:{packet.public_id}",
                        target=f"wallet:{user_id}",
                        amount=share.money,
                        created_at=now,
                    )
                ]
            )
            Event.objects.create(type="packet.grabbed", data={"packet": pk}, created_at=now)
        return Response({"outcome": "grabbed", "share": {"money": f"{share.money:.2f}"}})


urlpatterns = [path("bench/<str:pk>/grab", NaiveViewSet.as_view({"post": "grab"})), *product]
