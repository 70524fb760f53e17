"""The menu: by work rather than by app, and each role sees only its own."""

from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from office.shown import names

# (name, models); what is registered and in no row comes last.
MENU = [
    (
        _("Customers"),
        [
            "packets.RedPacket",
            "wallets.Wallet",
            "payments.PaymentOrder",
            "packets.Profile",
            "packets.GroupMember",
        ],
    ),
    (
        _("Finance"),
        [
            "packets.RefundReview",
            "payments.ChannelRefund",
            "wallets.Adjustment",
            "payments.Case",
            "payments.Bill",
            "wallets.DailySummary",
            "wallets.LedgerLine",
            "payments.Notification",
            "office.ExportJob",
        ],
    ),
    (
        _("Records"),
        [
            "wallets.AuditRun",
            "office.StaffAction",
            "office.StaffEvent",
            "admin.LogEntry",
            "kit.Event",
        ],
    ),
    (_("Staff"), ["auth.User", "office.AccountChange", "office.Role", "office.Tries"]),
]
REST = _("Other")


def sections(apps: dict) -> list[dict]:
    """Django's app list (label -> app with models), sorted by MENU instead of by app."""
    models = {
        f"{label}.{model['object_name']}": model | {"name": _called(model["model"])}
        for label, app in apps.items()
        for model in app["models"]
    }
    rows = [(name, [models.pop(key) for key in keys if key in models]) for name, keys in MENU]
    rows.append((REST, list(models.values())))
    return [
        {"name": name, "app_label": f"menu-{number}", "app_url": "", "models": found}
        for number, (name, found) in enumerate(rows)
        if found
    ]


def _called(model: Any) -> str:
    return capfirst(names.many(model._meta))
