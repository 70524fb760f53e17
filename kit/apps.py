from django.apps import AppConfig
from django.conf import settings


class KitConfig(AppConfig):
    name = "kit"
    label = "kit"
    verbose_name = "Foundations"

    def ready(self) -> None:
        from kit import clock, tables  # noqa: F401  # registers itself, as the next one does
        from kit.http import checks  # noqa: F401

        clock.begin()
        if settings.REDPACKET_JWT_KEYS:
            from kit.http import caller

            # A key file that cannot be used stops the start, not the first user.
            caller.load_keys(settings.REDPACKET_JWT_KEYS, settings.REDPACKET_JWT_SECRET)
