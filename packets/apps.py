from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PacketsConfig(AppConfig):
    name = "packets"
    verbose_name = _("Red packets")

    def ready(self) -> None:
        from kit import outbox
        from packets import audit, issue, pay, void
        from packets.tickets import queue
        from payments.purposes import Owner, owners
        from wallets import freeze
        from wallets.audit import register

        for rule in audit.RULES:
            register(rule)
        owner = Owner(
            accepts=issue.accepts,
            reported=issue.reported,
            confirmed=issue.confirmed,
            ended=void.ended,
        )
        owners.hang(pay.PURPOSE, owner)
        freeze.listeners.hang("packets", queue.forget_frozen_wallets)
        outbox.introduce(
            "packet",
            "packet.issued",
            "packet.grabbed",
            "share.credited|packet.finished|packet.expired|packet.voided",
        )
