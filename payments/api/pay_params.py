"""What `pay_params` hold by channel and scene, for the schema."""

from typing import Any

from kit.http.describe import object_of

_TEXT: dict[str, Any] = {"type": "string"}
PAY_PARAMS: dict[str, dict[str, str]] = {
    "AlipayApp": {"order_string": "For Alipay's SDK, signed, as it is."},
    "PayPage": {"url": "Alipay's page on a phone."},
    "PayCode": {"qr_code": "What a code on another screen holds (Alipay, UnionPay)."},
    "WechatApp": {
        "appid": "For WeChat Pay's SDK.",
        "partnerid": "The merchant.",
        "prepayid": "The prepared payment.",
        "package": "Always Sign=WXPay.",
        "noncestr": "Random.",
        "timestamp": "Seconds, as text.",
        "sign": "Over the others.",
    },
    "WechatPage": {"h5_url": "WeChat Pay's page on a phone; good for 5 minutes."},
    "WechatCode": {"code_url": "What a code on another screen holds."},
    "UnionpayApp": {"tn": "For UnionPay's SDK."},
    "UnionpayPage": {"url": "Where to post the form to.", "fields": "The form, by name."},
}


def type_pay_params(shapes: dict) -> None:
    """Instead of any object at all: one of these, or nothing."""
    for name, fields in PAY_PARAMS.items():
        properties = {field: {**_TEXT, "description": words} for field, words in fields.items()}
        if "fields" in properties:
            properties["fields"] |= {"type": "object", "additionalProperties": _TEXT}
        shapes[name] = object_of(properties, f"`pay_params`: {', '.join(fields)}.") | {
            "additionalProperties": False
        }
    shapes["Order"]["properties"]["pay_params"] = {
        "anyOf": [
            *({"$ref": f"#/components/schemas/{name}"} for name in PAY_PARAMS),
            {"type": "null"},
        ],
    }
