from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PacketsConfig(AppConfig):
    name = "packets"
    verbose_name = _("Red packets")

    def ready(self) -> None:
        from packets import audit, issue, void
        from packets.tickets import queue
        from payments import purposes
        from wallets import freeze

        audit.register_rules()
        purposes.register(
            "packet",
            accepts=issue.accepts,
            reported=issue.reported,
            confirmed=issue.confirmed,
            ended=void.ended,
        )
        freeze.listeners.append(queue.forget_frozen_wallets)
