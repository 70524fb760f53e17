"""An account of the ledger in words: whose money it is, or where it lies."""

from typing import Any

from django.utils.translation import gettext as _

from office.frame.dossier import found
from packets.models import Share
from payments.states import CHANNELS
from wallets import accounts
from wallets.states import LineKind

# As the books of a day name them: of wallets and of packets' escrows there are many.
GROUPS = (
    "escrow",
    "wallets",
    *(accounts.clearing(channel.word) for channel in CHANNELS),
    accounts.SUSPENSE,
    accounts.PLATFORM,
)


def owed(name: str) -> bool:
    """Whether people count it the other way round: a channel's account is below zero by what it
    owes us."""
    return name.startswith(accounts.clearing(""))


def account_name(name: str) -> str:
    """Of one account, or of a group of them as the books of a day name it."""
    if user := accounts.owner(name):
        return _("the wallet of %(user)s") % {"user": user}
    if packet := accounts.held_for(name):
        return _("held for packet %(packet)s") % {"packet": packet}
    for channel in CHANNELS:
        if name == accounts.clearing(channel.word):
            return _("clearing: %(channel)s") % {"channel": channel.label}
    words = {
        accounts.SUSPENSE: _("suspense"),
        accounts.PLATFORM: _("our own money"),
        "wallets": _("wallets"),
        "escrow": _("escrow (in packets)"),
    }
    return words.get(name, name)


def reference_name(reference: str) -> str:
    """A business number; that of a payment nobody wanted begins with its channel."""
    word, colon, rest = reference.partition(":")
    channel = next((channel for channel in CHANNELS if channel.word == word), None)
    return f"{channel.label} {reference_name(rest)}" if channel and colon else reference


def account(name: str) -> str:
    """In a table: a link to whose it is."""
    whose = accounts.owner(name) or accounts.held_for(name)
    return found(whose, account_name(name)) if whose else account_name(name)


def about(line: Any) -> str:
    """What a ledger line is for: the packet of a share's line, else its own number."""
    of_packet = (LineKind.SEND, LineKind.GRAB, LineKind.EXPIRY_REFUND)
    reference = line.reference
    return found(Share.packet_of(reference) if line.kind in of_packet else reference)
