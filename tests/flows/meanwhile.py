"""A request that is answered by and by, in a thread of its own."""

from concurrent.futures import ThreadPoolExecutor

from django.db import connections

from packets.api.service import EventViewSet
from packets.states import Kind
from testing.make import make_group, make_paid_packet, make_wallet


def apart(work):
    """work() in a thread of its own, which lets its connection go."""

    def run():
        try:
            return work()
        finally:
            connections.close_all()

    return run


def issued_meanwhile(ask) -> tuple:
    """What ask() is told, which has to wait for it, and the packet that is issued then."""
    make_group("alice", "bob")
    make_wallet("alice", "9.00")
    with ThreadPoolExecutor(1) as threads:
        reader = threads.submit(apart(ask))
        while not EventViewSet._waiting.locked():
            assert not reader.done()
        packet = make_paid_packet(Kind.EQUAL, 1, "1.00").public_id
        return reader.result(60), packet
