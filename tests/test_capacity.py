"""The model of bench/capacity.py keeps the laws that queues have, and the plan adds up."""

import json

import pytest

from bench import capacity
from bench.capacity import Costs, Machine

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("costs", "processes", "per_s"),
    [
        (Costs(0.0, 1e-3, 0.0, 0.0), 1, 1000),  # a process does one thing at a time
        (Costs(0.0, 1e-3, 0.0, 0.0), 2, 2000),  # two on two cores
        (Costs(0.0, 1e-3, 0.0, 0.0), 4, 2000),  # and four no more than the cores allow
        (Costs(0.0, 1e-3, 1e-3, 0.0), 2, 1000),  # whoever works on them
        (Costs(2e-3, 1e-3, 0.0, 0.0), 2, 500),  # nobody is asked faster than he asks
    ],
)
def test_what_is_busy_decides(costs, processes, per_s):
    assert Machine(costs, processes).per_s() == pytest.approx(per_s, rel=0.02)


def test_all_who_wait_are_in_one_flush():
    """Four threads a process: one flush takes all that came during the one before."""
    alone = Machine(Costs(0.0, 1e-6, 0.0, 5e-3), 1).per_s()
    four = Machine(Costs(0.0, 1e-6, 0.0, 5e-3), 4).per_s()

    assert four == pytest.approx(4 * alone, rel=0.05)


def test_the_plan_is_what_the_parts_cost():
    files = {name: capacity.read(name) for name in ("grab", "refusal", "settle")}

    one = capacity.plan(grabs=1000, wins=0.1, lines=10**6, **files)
    ten = capacity.plan(grabs=10_000, wins=0.1, lines=10**6, **files)

    web_us = one["a grab's parts, us"]
    used = 100 * web_us["web, win (refusal.json)"] + 900 * web_us["web, refusal (refusal.json)"]
    assert one["cores at 60 %"]["web"] == -(-used // 600_000)
    assert ten["cores at 60 %"]["web"] == pytest.approx(used * 10 / 600_000, abs=1)


def test_the_kept_result_is_of_the_kept_measurements():
    """Measured anew, it is to be reckoned anew: `python bench/capacity.py`."""
    kept = json.loads((capacity.RESULTS / "capacity.json").read_text())

    scaling = capacity.read("scaling")
    for kind, loads in kept["model against measured"].items():
        for name, load in loads.items():
            measured = capacity.figure(scaling, name, f"{kind}s per s")
            assert load["measured per s"] == round(measured)
