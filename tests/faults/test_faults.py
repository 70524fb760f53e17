"""The campaign's books notice what a fault could lose (`make faults` is the campaign)."""

from decimal import Decimal

import pytest
from django.db import OperationalError
from django.utils import timezone

from kit.http.caller import Caller
from packets import grab
from packets.models import RedPacket, Share
from packets.states import Kind
from testing.make import make_group, make_paid_packet
from testing.told import told_by
from tests.faults import auditor, check
from tests.faults.load import Books
from wallets.models import Wallet


@pytest.fixture
def books() -> Books:
    """Two have grabbed of alice's packet, and she and they remember it."""
    make_group("alice", "u1", "u2")
    packet = make_paid_packet(Kind.EQUAL, 3, "1.00")
    told = {}
    for user in ("u1", "u2"):
        share = grab.grab(public_id=packet.public_id, caller=Caller(user), now=timezone.now()).share
        told[packet.public_id, user] = share.money
    money = packet.total_money
    left = Wallet.objects.get(user_id="alice").balance
    return Books(
        put_in={"alice": left + money, "u1": Decimal(0), "u2": Decimal(0)},
        sent={packet.public_id: ("alice", money)},
        by_balance={packet.public_id},
        grabbed=told,
    )


def test_the_books_agree_when_nothing_was_lost(books):
    assert check.losses(books) == []
    assert check.reckoning(books) == []
    assert check.waits(books) == ""


@pytest.mark.broken_books
@pytest.mark.parametrize("what", ["grab", "packet", "payment", "yuan", "twice"])
def test_the_books_notice_what_was_lost(books, what):
    """Each of them by what people were told, whatever the audit says."""
    shares = Share.objects.filter(user_id="u1")
    if what == "grab":
        shares.update(user_id="u9")
        words = "grabbed and lost"
    elif what == "packet":
        RedPacket.objects.update(user_id="u9")
        words = "sent and lost"
    elif what == "payment":
        RedPacket.objects.update(pay_status=2)
        words = "paid and lost"
    elif what == "yuan":
        Wallet.objects.filter(user_id="u2").update(balance=0)
        words = "conservation"
    else:
        shares.update(is_into_account=False)
        words = "conservation"

    assert any(found.startswith(words) for found in check.losses(books))


@pytest.mark.broken_books
def test_the_reckoning_knows_whose_yuan_it_was(books):
    """Conservation holds when u1's money is u2's; each one's own books do not."""
    Wallet.objects.filter(user_id="u1").update(balance=0)
    Wallet.objects.filter(user_id="u2").update(balance=2)

    assert sorted(said.partition(" ")[0] for said in check.reckoning(books)) == ["u1", "u2"]


@pytest.mark.broken_books
def test_the_auditor_tells_what_it_finds_and_when_it_could_not_look(books, monkeypatch):
    assert auditor.audited() == []

    Wallet.objects.filter(user_id="u1").update(balance=0)
    assert [said.partition(":")[0] for said in auditor.audited()] == ["wallet_balance_is_its_lines"]

    def gone() -> list[str]:
        raise OperationalError(2013, "Lost connection to server during query")

    monkeypatch.setattr(check, "findings", gone)
    assert auditor.audited() is None


@pytest.mark.once
@pytest.mark.nightly
def test_two_hundred_faults_lose_nothing(tmp_path):
    many = ("--count", "200", "--seed", "1")

    told, said = told_by("tests.faults", tmp_path / "faults.json", *many)

    assert (told["faults"], told["lost"]) == (200, 0), said
