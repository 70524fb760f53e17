"""What a kind of row is called, where its model's own name says something else to our readers."""

from typing import Any

from django.utils.translation import gettext_lazy as _

# Django's users are the staff; users in the house's words are customers.
OURS = {"auth.user": (_("staff account"), _("staff accounts"))}


def one(meta: Any) -> Any:
    return OURS[meta.label_lower][0] if meta.label_lower in OURS else meta.verbose_name


def many(meta: Any) -> Any:
    return OURS[meta.label_lower][1] if meta.label_lower in OURS else meta.verbose_name_plural
