"""SIGKILL between any two statements of a verb: after the sweeps nothing is lost or paid twice."""

import pytest
from django.utils import timezone

from kit import sql
from kit.http.caller import Caller
from packets import finish, grab, pay, refund, send
from packets.models import RedPacket, Share
from packets.states import Kind, Outcome
from packets.tasks import finish_taken, refund_expired
from testing.forks import die_before_statement, killed
from testing.make import (
    let_leases_run_out,
    make_expired_packet,
    make_group,
    make_packet,
    make_paid_packet,
    make_wallet,
)
from wallets.audit import audit
from wallets.models import LedgerLine, Wallet

STATEMENTS_MAX = 90


def killed_at_each_statement(prepare, verb, check) -> int:
    """Run verb(prepare()) in a process that dies before its 1st, 2nd, ... statement, until it
    survives; check() after each; how many deaths there were."""
    for number in range(1, STATEMENTS_MAX):
        subject = prepare()

        def work(subject=subject, number=number):
            die_before_statement(number)
            verb(subject)

        died = killed(work)
        assert audit() == []
        check(subject)
        if not died:
            return number - 1
    raise AssertionError("the verb never ended")


def grab_it(packet, user: str = "u1") -> Outcome:
    now = timezone.now()
    return grab.grab(public_id=packet.public_id, caller=Caller(user), now=now).outcome


def test_killed_grab_loses_no_share():
    make_group("alice", "u1", "u2", "u3")

    def everybody_gets_his_share(packet):
        """A ticket that died with its process is found a lease after the last one went out."""
        let_leases_run_out()
        assert grab_it(packet, "u1") in (Outcome.GRABBED, Outcome.ALREADY_GRABBED)
        let_leases_run_out()
        assert grab_it(packet, "u2") is Outcome.GRABBED
        let_leases_run_out()
        assert grab_it(packet, "u3") is Outcome.TOO_SLOW
        finish_taken()
        packet.refresh_from_db()
        assert packet.expend_time is not None
        assert not Share.objects.filter(rp=packet, is_into_account=False).exists()

    deaths = killed_at_each_statement(
        lambda: make_paid_packet(Kind.EQUAL, 2, "1.00"), grab_it, everybody_gets_his_share
    )

    assert deaths >= (5 if sql.is_mysql() else 6)  # MariaDB hears the last ones in one piece


def test_killed_last_grab_is_finished_by_the_sweep():
    def last_one_left():
        packet = make_paid_packet(Kind.EQUAL, 2, "1.00")
        grab_it(packet, "u1")
        return packet

    def finished(packet):
        let_leases_run_out()
        grab_it(packet, "u2")
        finish_taken()
        packet.refresh_from_db()
        assert packet.expend_time is not None

    assert killed_at_each_statement(last_one_left, lambda p: grab_it(p, "u2"), finished) >= 8


def test_killed_refund_pays_once():
    def refunded_once(packet):
        refund_expired()
        refund_expired()
        packet.refresh_from_db()
        assert packet.return_money == packet.total_money
        lines = LedgerLine.objects.filter(source=f"escrow:{packet.public_id}")
        assert [line.amount for line in lines] == [packet.total_money]

    deaths = killed_at_each_statement(
        make_expired_packet,
        lambda packet: refund.refund_expired(rp_id=packet.pk, now=timezone.now()),
        refunded_once,
    )

    assert deaths >= 7


def test_killed_sweep_leaves_no_packet_behind():
    """It had claimed a page of packets: what it did not reach comes round again."""

    def both_refunded_once(packets):
        refund_expired()
        for packet in packets:
            packet.refresh_from_db()
            assert packet.return_money == packet.total_money
            assert LedgerLine.objects.filter(source=f"escrow:{packet.public_id}").count() == 1

    deaths = killed_at_each_statement(
        lambda: [make_expired_packet(Kind.EQUAL, 1, "1.00") for _ in range(2)],
        lambda packets: refund_expired(),
        both_refunded_once,
    )

    assert deaths >= 15


def test_killed_payment_pays_once():
    make_wallet("alice", "1000.00")

    def paid_once(packet):
        if RedPacket.objects.get(pk=packet.pk).pay_time is None:
            pay.by_balance(public_id=packet.public_id, caller=Caller("alice"), now=timezone.now())
        assert LedgerLine.objects.filter(target=f"escrow:{packet.public_id}").count() == 1
        assert grab_it(packet) is Outcome.GRABBED

    deaths = killed_at_each_statement(
        make_packet,
        lambda packet: pay.by_balance(
            public_id=packet.public_id, caller=Caller("alice"), now=timezone.now()
        ),
        paid_once,
    )

    assert deaths >= 6


def test_killed_finish_is_done_again():
    def taken():
        packet = make_paid_packet(Kind.EQUAL, 1, "1.00")
        grab_it(packet)
        RedPacket.objects.filter(pk=packet.pk).update(expend_time=None, is_cli_handle=False)
        return packet

    def finished(packet):
        finish_taken()
        packet.refresh_from_db()
        assert packet.is_cli_handle

    assert killed_at_each_statement(taken, lambda p: finish.finish(rp_id=p.pk), finished) >= 4


def test_killed_send_leaves_no_half_packet():
    make_group("alice", "u1", "u2", "u3")

    def whole_or_nothing(_):
        for packet in RedPacket.objects.all():
            assert Share.objects.filter(rp=packet).count() == packet.number

    wish = send.Wish(kind=Kind.EQUAL, for_id="g1", number=3, single_money=1)
    assert (
        killed_at_each_statement(
            lambda: None,
            lambda _: send.send(caller=Caller("alice"), wish=wish, now=timezone.now()),
            whole_or_nothing,
        )
        >= 4
    )


@pytest.fixture(autouse=True)
def nobody_is_richer():
    """What was put in is what is there: the sum of all wallets and escrows never changes."""
    yield
    put_in = sum(line.amount for line in LedgerLine.objects.filter(source="platform"))
    wallets = sum(Wallet.objects.values_list("balance", flat=True))
    waiting = sum(
        share.money
        for share in Share.objects.select_related("rp")
        if share.rp.pay_time and not share.is_into_account and not share.is_returned
    )
    assert wallets + waiting == put_in
