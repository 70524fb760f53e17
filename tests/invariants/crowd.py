"""True concurrency: several threads act in one world at once, each on a connection of its own.

Only a server with concurrent writers shows what READ COMMITTED lets happen between two statements
of two transactions. The order is the machine's, so a seed says what was tried, not how it met.
"""

import random
import threading
import time
import traceback
from collections import Counter
from copy import copy

from django.db import connections

from tests.invariants.histories import OFF, Told, end
from tests.invariants.steps import Steps
from tests.invariants.world import World

THREADS, BOUTS, EACH = 3, 8, 2
# What a bout is about: how it is set up, and what then happens at once.
SCENES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("send", "pay_by_channel"), ("report", "chase", "payer_pays", "report", "pay_by_balance")),
    (("send", "pay_by_channel", "an_hour"), ("report", "chase", "chase", "report", "notice")),
    (("send", "pay_by_channel", "payer_pays"), ("notice", "report", "chase", "grab", "sweep")),
    (
        ("send", "pay_by_channel", "payer_pays", "report"),
        ("notice", "everybody_grabs", "chase", "sweep", "pay_by_channel", "freeze_packet"),
    ),
    (
        ("send", "pay_by_channel", "payer_pays", "pay_by_channel", "payer_pays"),
        ("notice", "chase", "report", "notice", "pay_by_balance"),
    ),
    (("send", "pay_by_balance", "a_day"), ("grab", "refund_packet", "sweep", "freeze_packet")),
    (
        ("topup", "payer_pays", "notice", "propose_by_order"),
        ("approve_refund", "reject_refund", "approve_refund", "propose_by_order", "sweep"),
    ),
    (
        ("topup", "payer_pays", "notice", "propose_by_order", "approve_refund"),
        ("send_refund", "task", "sweep", "send_refund", "compare_bill"),
    ),
    (
        ("send", "pay_by_balance", "pay_by_channel", "stranger_pays", "notice"),
        ("propose_by_case", "approve_refund", "resolve_case", "propose_by_case"),
    ),
)
JITTER_S = 0.004  # a commit that waits for its disk, a call that waits for its channel


def live(
    seed: int,
    met: Counter,
    *,
    off: frozenset[str] = OFF,
    bouts: int = BOUTS,
    scenes: tuple = SCENES,
    threads: int = THREADS,
) -> Told:
    """One history of a crowd, and what the oracle says of it."""
    world = World(seed, met, off)
    told = Told(seed, [], world.steps)
    with world.running():
        try:
            people = Steps(world, "all")
            people.is_about_the_newest = True
            for _ in range(bouts):
                before, at_once = world.luck.choice(scenes)
                for name in before:
                    people.do_this(name)
                world.jitter = lambda: time.sleep(random.uniform(0, JITTER_S))
                told.differences += _together(people, at_once, threads)
                world.jitter = None
            told.differences += end(world, people)
        except Exception as error:
            told.differences += [f"crashed: {error!r}", traceback.format_exc()]
    met["differences"] += bool(told.differences)
    return told


def _together(people: Steps, names: tuple[str, ...], threads: int) -> list[str]:
    """Everybody does some of this at once; what ended in an exception that is no answer."""
    wrong: list[str] = []
    gate = threading.Barrier(threads)

    def act(seed: float) -> None:
        own = copy(people)
        own.luck = random.Random(seed)
        own.names = [name for name in names if name not in people.world.off]
        own.weights = [1] * len(own.names)
        try:
            gate.wait()
            for _ in range(EACH):
                own.step()
        except BaseException:
            wrong.append(traceback.format_exc())
        finally:
            connections.close_all()

    seeds = [people.luck.random() for _ in range(threads)]
    crowd = [threading.Thread(target=act, args=(seed,)) for seed in seeds]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    return wrong
