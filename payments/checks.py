"""What keeps the product from starting: channels with settings that cannot be loaded."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from payments.channels import config


@register()
def check_channels(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """One line a channel that has settings and cannot be offered; nothing when there are none."""
    try:
        entries = config.read(settings.REDPACKET_CHANNELS_FILE)
    except ImproperlyConfigured as error:
        return [Error(str(error), id="payments.E001")]
    found: list[CheckMessage] = []
    for entry in entries.values():
        try:
            for each in entry.sets:
                config.load(each)
        except ImproperlyConfigured as error:
            found.append(Error(str(error), id="payments.E001"))
    if entries and not settings.REDPACKET_PUBLIC_URL:
        found.append(
            Error(
                "REDPACKET_PUBLIC_URL is missing: no channel could notify us.", id="payments.E002"
            )
        )
    return found
