"""Where Django's admin looks for pages: all that the back office has."""

from office.pages import packets, payments, tries, wallets  # noqa: F401
