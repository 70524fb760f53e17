"""Every screen by its path; whatever else is asked for below /h5/ is not there."""

from django.urls import path

from h5.views import back, shell

urlpatterns = [
    path("send", shell, {"screen": "send"}),
    path("pay/<str:packet>", shell, {"screen": "pay"}),
    path("orders/<str:order_no>", shell, {"screen": "order"}),
    path("packet/<str:packet>", shell, {"screen": "packet"}),
    path("packet/<str:packet>/details", shell, {"screen": "packet"}),
    path("wallet", shell, {"screen": "wallet"}),
    path("wallet/topup", shell, {"screen": "topup"}),
    path("records", shell, {"screen": "records"}),
    path("back/<str:order_no>", back),
]
