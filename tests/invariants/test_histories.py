"""Histories of everybody at once, with kills, clocks that differ and channels that lie, against the
channels' own books. Any number of them: `python -m tests.invariants.histories --n 1000`."""

from collections import Counter

import pytest

from conftest import _empty
from payments import purposes
from payments.channels.base import ChannelDown, Refused
from payments.purposes import Fits
from tests.invariants import channel_books
from tests.invariants.histories import live
from wallets import accounts
from wallets.models import Kind

SEEDS, STEPS = range(1, 41), 40
CALLS = ("create", "query", "close", "refund", "query_refund", "bill")
ENOUGH = 40  # histories within which a missing guard shows

MET = {
    *("killed", "deaf", "meanwhile", "a slow call", "paid at a channel", "paid another amount"),
    *("stranger_pays", "notice", "forged_notice", "report", "grab: grabbed", "freeze_packet"),
    *("create: lost after", "query: lost after", "query: stale", "refund: lost after"),
    *("approve_refund", "propose_by_order", "compare_bill"),
}
KINDS_OF_LIES = 18  # met at least, of all that a channel can tell


def differences(seeds, met: Counter, *, theme: str = ""):
    """Every third one is about refunds: most can go wrong there."""
    for seed in seeds:
        _empty()
        about = theme or ("refunds" if seed % 3 == 0 else "")
        told = live(seed, met, steps=STEPS, theme=about)
        if told.differences:
            yield told


def test_every_yuan_is_in_one_place_after_any_history():
    met: Counter[str] = Counter()

    for told in differences(SEEDS, met):
        pytest.fail(str(told))

    lies = [name for name in met if name.partition(":")[0] in CALLS]
    assert MET - set(met) == set(), met
    assert len(lies) >= KINDS_OF_LIES, lies


# A guard is taken away; within so many histories the oracle must say so.


def lost_answers_are_refusals(monkeypatch):
    def answered(self, name, lie):
        if lie in channel_books.LOST:
            raise Refused(lie) if name == "refund" else ChannelDown(lie)

    monkeypatch.setattr(channel_books.ChannelBooks, "_answered", answered)
    return "refunds"


def nobody_voids(monkeypatch):
    owner = purposes.owner("packet")
    silent = purposes.Owner(owner.accepts, owner.confirmed, owner.reported, lambda *_: None)
    monkeypatch.setitem(purposes._owners, "packet", silent)
    return "packets"


def every_payment_fits(monkeypatch):
    owner = purposes.owner("packet")

    def accepts(order):
        return Fits(accounts.escrow(order.reference), Kind.CHANNEL_PAY)

    greedy = purposes.Owner(accepts, lambda *_: None, owner.reported, owner.ended)
    monkeypatch.setitem(purposes._owners, "packet", greedy)
    return "seconds"


TWINS = (lost_answers_are_refusals, nobody_voids, every_payment_fits)


@pytest.mark.broken_books
@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.__name__)
def test_every_yuan_is_in_one_place_without_the_guard(monkeypatch, twin):
    theme = twin(monkeypatch)

    found = next(differences(range(1, ENOUGH + 1), Counter(), theme=theme), None)

    assert found, f"{ENOUGH} histories and nothing was seen"
