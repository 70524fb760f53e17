"""Where Django's admin looks for pages: all that the back office has."""

from office.pages import audit, exports, guesses, records  # noqa: F401
from office.pages.packets import chat, packet, review  # noqa: F401
from office.pages.payments import bill, case, notice, order, refund  # noqa: F401
from office.pages.staff import change, tries  # noqa: F401
from office.pages.wallets import adjustment, day, ledger, wallet  # noqa: F401
