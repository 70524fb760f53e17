"""Every route on one page."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularSwaggerSplitView

from h5 import playground, problems, welcome
from kit.http import health, schema
from packets.api.lean import GrabViewSet
from packets.api.service import (
    EventViewSet,
    GroupPacketViewSet,
    GroupViewSet,
    ProfileViewSet,
)
from packets.api.views import PacketViewSet, SessionViewSet
from payments.api.views import OrderViewSet, TopupViewSet, channel_notice
from wallets.api.views import WalletViewSet

API = "api/v1"

# What the chat app, its server and the channels ask for.
app = [
    # --- first, since a crowd asks for it
    path(f"{API}/packets/<str:pk>/grab", GrabViewSet.as_view({"post": "create"})),
    # --- the app's users
    path(f"{API}/packets", PacketViewSet.as_view({"get": "list", "post": "create"})),
    path(f"{API}/packets/summary", PacketViewSet.as_view({"get": "summary"})),
    path(f"{API}/packets/bubbles", PacketViewSet.as_view({"get": "bubbles"})),
    path(f"{API}/packets/<str:pk>", PacketViewSet.as_view({"get": "retrieve"})),
    path(f"{API}/packets/<str:pk>/pay", PacketViewSet.as_view({"post": "pay"})),
    path(f"{API}/session", SessionViewSet.as_view({"get": "retrieve"})),
    path(f"{API}/groups/<str:group_id>", SessionViewSet.as_view({"get": "group"})),
    path(f"{API}/wallet", WalletViewSet.as_view({"get": "retrieve"})),
    path(f"{API}/wallet/flow", WalletViewSet.as_view({"get": "flow"})),
    path(f"{API}/wallet/topups", TopupViewSet.as_view({"post": "create"})),
    path(f"{API}/orders/<str:order_no>", OrderViewSet.as_view({"get": "retrieve"})),
    path(f"{API}/orders/<str:order_no>/report", OrderViewSet.as_view({"post": "report"})),
    # --- the channels
    path(f"{API}/payments/notify/<str:channel>", channel_notice),
    # --- the chat server
    path(f"{API}/service/groups/<str:group_id>/members", GroupViewSet.as_view({"put": "replace"})),
    path(
        f"{API}/service/groups/<str:group_id>/members/<str:user_id>",
        GroupViewSet.as_view({"put": "add", "delete": "remove"}),
    ),
    path(f"{API}/service/profiles/<str:user_id>", ProfileViewSet.as_view({"put": "put"})),
    path(f"{API}/service/events", EventViewSet.as_view({"get": "list"})),
    path(f"{API}/service/packets/<str:pk>", GroupPacketViewSet.as_view({"get": "retrieve"})),
    # --- around it
    path("api/schema", schema.serve, name="schema"),
    path("api/docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
]
app += [
    path("", welcome.home),
    path("api/problems/<str:code>", problems.page),
    path("h5/", include("h5.urls")),
]
if not settings.PRODUCTION:
    app += [
        path("sandbox/", include("sandbox.urls")),
        path("try/", playground.desk),
        path("try/phone", playground.phone),
        path("try/api/", include("sandbox.playground.urls")),
    ]

# What staff ask for.
office = [
    path("admin/i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]

# What operators ask for, of every process.
around = [
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", health.metrics),
    # --- and browsers and robots of every host
    path("favicon.ico", welcome.icon),
    path("robots.txt", welcome.robots),
]

handler400, handler403 = "office.errors.malformed", "office.errors.forbidden"
handler404, handler500 = "office.errors.missing", "office.errors.broken"

serves = {"all": [*app, *office], "app": app, "office": office}[settings.REDPACKET_SERVES]
urlpatterns = [*serves, *around]
