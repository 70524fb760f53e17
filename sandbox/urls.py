"""Everything under /sandbox/, in development only (redpacket_site/urls.py)."""

from django.urls import path
from django.views.i18n import set_language

from sandbox import gateway_alipay, gateway_unionpay, gateway_wechat, programs, views

DO = "unionpay/gateway/api"

urlpatterns = [
    path("", views.index),
    path("open", views.open_pasted),
    path("language", set_language, name="sandbox_language"),
    path("cashier/<str:handle>", views.cashier),
    path("cashier/<str:handle>/done", views.done),
    # --- for tests and load
    path("control/pay", programs.control_pay),
    path("control/close", programs.control_close),
    path("control/trade", programs.control_trade),
    path("control/deliver", programs.control_deliver),
    path("control/settings", programs.control_settings),
    path("control/trouble", programs.control_trouble),
    # --- Alipay
    path("alipay/gateway.do", gateway_alipay.gateway),
    path("alipay/bill/<str:token>", gateway_alipay.bill_file),
    # --- WeChat Pay API v3
    path("wechat/v3/pay/transactions/app", gateway_wechat.create, {"scene": "app"}),
    path("wechat/v3/pay/transactions/h5", gateway_wechat.create, {"scene": "h5"}),
    path("wechat/v3/pay/transactions/native", gateway_wechat.create, {"scene": "native"}),
    path("wechat/v3/pay/transactions/out-trade-no/<str:order_no>", gateway_wechat.query),
    path("wechat/v3/pay/transactions/out-trade-no/<str:order_no>/close", gateway_wechat.close),
    path("wechat/v3/pay/transactions/id/<str:trade_no>", gateway_wechat.query),
    path("wechat/v3/refund/domestic/refunds", gateway_wechat.refund),
    path("wechat/v3/refund/domestic/refunds/<str:refund_no>", gateway_wechat.refund_query),
    path("wechat/v3/bill/tradebill", gateway_wechat.bill),
    path("wechat/v3/billdownload/file", gateway_wechat.bill_file),
    path("wechat/v3/certificates", gateway_wechat.certificates),
    # --- UnionPay 5.1.0
    path(f"{DO}/appTransReq.do", gateway_unionpay.app_trans),
    path(f"{DO}/frontTransReq.do", gateway_unionpay.front_trans),
    path(f"{DO}/backTransReq.do", gateway_unionpay.back_trans),
    path(f"{DO}/queryTrans.do", gateway_unionpay.query_trans),
    path("unionpay/", gateway_unionpay.file_transfer),
    path("unionpay/fileTransfer/", gateway_unionpay.file_transfer),
]
