"""Several threads in one world, on a server with concurrent writers: `--crowd` runs any number."""

from collections import Counter

import pytest

from conftest import _empty
from packets import void
from tests.invariants import crowd

CROWDS, MANY, ENOUGH = 4, 40, 40


def differences(number: int, met: Counter, **kwargs):
    for seed in range(1, number + 1):
        _empty()
        told = crowd.live(seed, met, **kwargs)
        if told.differences:
            yield told


def lived(number: int) -> None:
    met: Counter[str] = Counter()

    for told in differences(number, met):
        pytest.fail(str(told))

    assert {"paid at a channel", "killed", "notice", "report", "send_refund"} <= set(met)


def test_every_yuan_is_in_one_place_after_any_crowd(on_mariadb):
    lived(CROWDS)


@pytest.mark.nightly
def test_every_yuan_is_in_one_place_after_any_of_many_crowds(on_mariadb):
    lived(MANY)


@pytest.mark.broken_books
def test_every_yuan_is_in_one_place_without_turns_on_the_packet(on_mariadb, monkeypatch):
    """An order that ends while its report issues the packet: nobody would void it."""
    monkeypatch.setattr(void, "hold", lambda *_: True)
    scenes = (crowd.SCENES[1],)

    found = next(differences(ENOUGH, Counter(), scenes=scenes), None)

    assert found, f"{ENOUGH} crowds and nothing was seen"
