"""What the schema shows of orders. A test holds each to its own shape."""

_CREATED = {
    "order_no": "hbagnkq4z2lm7xw3v5tq6yjr2abc",
    "purpose": "packet",
    "packet": "rp_agnkq4z2lm7xw3v5tq6yjr2abc",
    "pay_type": "alipay",
    "status": "created",
    "money": "10.00",
    "pay_params": {"order_string": "app_id=2021000000000000&method=alipay.trade.app.pay&sign=..."},
    "add_time": "2026-02-17T20:14:58.120394+08:00",
    "expire_time": "2026-02-17T20:29:58.120394+08:00",
    "trade_no": None,
}
_TOPUP = {"purpose": "topup", "packet": None, "money": "50.00"}
REPORTED = {"reported": _CREATED | {"status": "reported"}}
ORDERS = {
    "created": _CREATED,
    **REPORTED,
    "confirmed": _CREATED
    | {"status": "confirmed", "pay_params": None, "trade_no": "2026021722001400001400000000"},
    "closed": _CREATED | {"status": "closed", "pay_params": None},
}
TOPUPS = {
    "alipay": _CREATED | _TOPUP,
    "wechat": _CREATED
    | _TOPUP
    | {"pay_type": "wechat", "pay_params": {"code_url": "weixin://wxpay/bizpayurl?pr=abc"}},
}
WANTED = {
    "alipay": {"money": "50.00", "pay_type": "alipay", "scene": "app"},
    "wechat": {"money": "50.00", "pay_type": "wechat", "scene": "native"},
}
REPORTS = {
    "signed": {"result": '{"alipay_trade_app_pay_response":{},"sign":"..."}'},
    "bare": {},
}
