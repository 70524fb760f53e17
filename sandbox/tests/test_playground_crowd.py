"""A hundred bots race for a packet over HTTP, one crowd at a time."""

import threading

from kit import pause
from sandbox.playground import crowd
from sandbox.tests.playing import ask, read, sent


def test_a_hundred_bots_race_over_http_and_the_feed_tells(played, base):
    packet = sent(played)

    crowd.send(packet=packet, base=base).join()

    told = read(played["group"], played["after"])["results"]
    kinds = [one["type"] for one in told]
    last = [one["data"] for one in told if one["type"] == "try.crowd"][-1]
    assert kinds.count("packet.grabbed") == 5
    assert kinds.count("try.crowd") == 5
    assert {name: last[name] for name in ("bots", "done", "got", "late", "failed")} == {
        "bots": 100, "done": 100, "got": 5, "late": 95, "failed": 0,
    }  # fmt: skip
    assert last["packet"] == packet.public_id and last["took_s"] > 0


def test_one_crowd_at_a_time(played, base):
    packet, go_on = sent(played), threading.Event()
    with pause.at("crowd: a bot is about to grab", go_on.wait, is_each=True):
        first = crowd.send(packet=packet, base=base)
        refused = ask("crowd", {"packet": packet.public_id})
        go_on.set()
        first.join()

    assert refused.status_code == 409
    crowd.send(packet=packet, base=base).join()


def test_the_door_sends_them(played, monkeypatch):
    went = []
    monkeypatch.setattr(crowd, "send", lambda **what: went.append(what))
    packet = sent(played)

    assert ask("crowd", {"packet": packet.public_id}).status_code == 202
    assert went == [{"packet": packet, "base": "http://testserver"}]
