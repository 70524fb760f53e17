"""Who of the staff may do what: five groups and their permissions, kept by `migrate`.

Whatever is written below holds from the next `migrate` on, whether it brings a migration or not:
`grant` runs after each, and is repeatable.

A role's name is what the database, `invite_staff` and staff's actions know it by; people are shown
`shown` of it.
"""

from collections.abc import Sequence
from typing import Any

from django.apps.registry import Apps
from django.utils.translation import gettext_noop, pgettext_lazy

from kit.marks import named

SUPPORT, MAKER, CHECKER, AUDITOR = "support", "finance maker", "finance checker", "auditor"
ACCOUNTS = "accounts"
SUPERUSER = "superuser"  # a flag of the account, said where its roles are

SHOWN = {
    SUPPORT: pgettext_lazy("role", "support"),
    MAKER: pgettext_lazy("role", "finance maker"),
    CHECKER: pgettext_lazy("role", "finance checker"),
    AUDITOR: pgettext_lazy("role", "auditor"),
    ACCOUNTS: pgettext_lazy("role", "accounts"),
    SUPERUSER: pgettext_lazy("role", "superuser"),
}

# Our own permissions: "app.model" -> {codename: what it allows}. Django keeps the English.
OWN = {
    "packets.redpacket": {
        "freeze_packet": gettext_noop("Can freeze and unfreeze red packets"),
        "settle_now": gettext_noop("Can run the settlement of a red packet now"),
        "refund_now": gettext_noop("Can run the expiry refund of a red packet now"),
        "review_refund": gettext_noop("Can review expiry refunds"),
    },
    "wallets.wallet": {
        "freeze_wallet": gettext_noop("Can freeze and unfreeze wallets"),
        "propose_adjustment": gettext_noop("Can propose adjustments"),
        "check_adjustment": gettext_noop("Can approve and reject adjustments"),
    },
    "payments.paymentorder": {"ask_channel": gettext_noop("Can ask a channel about an order")},
    "payments.case": {"resolve_case": gettext_noop("Can mark cases resolved")},
    "payments.bill": {"reconcile": gettext_noop("Can compare a day with a channel's bill")},
    "payments.channelrefund": {
        "propose_refund": gettext_noop("Can propose channel refunds"),
        "check_refund": gettext_noop("Can approve and reject channel refunds"),
        "conclude_refund": gettext_noop("Can say what became of a channel refund"),
    },
    "office.staffaction": {
        "export": gettext_noop("Can export lists"),
        "manage_accounts": gettext_noop("Can look after the accounts of staff"),
    },
}

_MONEY = (
    "packets.redpacket",
    "wallets.wallet",
    "wallets.ledgerline",
    "payments.paymentorder",
    "payments.notification",
    "payments.case",
)
_DAY = ("wallets.dailysummary", "wallets.auditrun", "payments.bill", "packets.refundreview")
_CHAT = ("packets.groupmember", "packets.profile")
_FINANCE = (*_MONEY, *_DAY, "payments.channelrefund", "wallets.adjustment")
_BOOKS = ("office.staffaction", "office.staffevent", "kit.event", "admin.logentry")
_PEOPLE = ("auth.user", "office.accountchange")

# role -> what it may look at, what it may do.
ROLES = {
    SUPPORT: (
        (*_MONEY, *_CHAT),
        (
            "packets.freeze_packet",
            "packets.settle_now",
            "packets.refund_now",
            "wallets.freeze_wallet",
            "payments.ask_channel",
        ),
    ),
    MAKER: (
        _FINANCE,
        (
            "packets.review_refund",
            "payments.ask_channel",
            "payments.resolve_case",
            "payments.reconcile",
            "payments.propose_refund",
            "payments.conclude_refund",
            "wallets.propose_adjustment",
            "office.export",
        ),
    ),
    CHECKER: (
        _FINANCE,
        (
            "packets.review_refund",
            "payments.ask_channel",
            "payments.resolve_case",
            "payments.check_refund",
            "payments.conclude_refund",
            "wallets.check_adjustment",
            "office.export",
        ),
    ),
    AUDITOR: ((*_FINANCE, *_CHAT, *_BOOKS, *_PEOPLE), ("office.export",)),
    ACCOUNTS: (
        (*_PEOPLE, "office.role", "office.tries", "office.staffaction", "office.staffevent"),
        ("office.manage_accounts",),
    ),
}


def joined(names: Sequence[str]) -> str:
    """Somebody's roles as they are kept in one column."""
    return ", ".join(names)


def shown(names: str | None) -> str:
    """A role, or what `joined` made, in the reader's words; what is no role of ours as it is."""
    if not names:
        return "-"
    return named(SHOWN.get(name, name) for name in names.split(", "))


def grant(apps: Apps) -> None:
    """Make the groups hold exactly what the table says, creating what does not exist yet."""
    Group = apps.get_model("auth", "Group")
    own = {
        f"{label.partition('.')[0]}.{codename}": _permission(apps, label, codename, name)
        for label, permissions in OWN.items()
        for codename, name in permissions.items()
    }
    for role, (models, acts) in ROLES.items():
        group, _ = Group.objects.get_or_create(name=role)
        views = [_view(apps, label) for label in models]
        group.permissions.set([*views, *(own[act] for act in acts)])


def after_migrate(apps: Apps, **_: Any) -> None:
    """Of `post_migrate`, with `apps` as far as was migrated: nothing while a table is missing."""
    labels = {*OWN, *(label for models, _ in ROLES.values() for label in models)}
    here = {model._meta.label_lower for model in apps.get_models()}
    if labels <= here:
        grant(apps)


def _view(apps: Apps, label: str) -> Any:
    model = label.partition(".")[2]
    return _permission(apps, label, f"view_{model}", f"Can view {model}")


def _permission(apps: Apps, label: str, codename: str, name: str) -> Any:
    app, _, model = label.partition(".")
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    kind, _ = ContentType.objects.get_or_create(app_label=app, model=model)
    permission, _ = Permission.objects.get_or_create(
        content_type=kind, codename=codename, defaults={"name": name}
    )
    return permission
