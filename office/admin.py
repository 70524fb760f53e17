"""Where Django's admin looks for pages: all that the back office has."""

from office.pages import (  # noqa: F401
    account_change,
    adjustment,
    audit,
    bill,
    case,
    chat,
    day,
    exports,
    ledger,
    notice,
    order,
    packet,
    records,
    refund,
    review,
    tries,
    wallet,
)
