"""What so many grabs a second and so many lines would take, from our own measured figures; write
bench/results/capacity.json.

    python bench/capacity.py [--grabs 1000000] [--wins 0.1] [--lines 1000000000]

First the model is held against what one machine has shown at 1, 2 and 4 web processes
(`results/scaling.json`): a simulation of load generator, processes, cores and log is told what a
request costs, and says how many a second follow; printed beside what was measured, with the error.
Then the plan: what each part costs a grab, and how many of each part there must be. Nothing is
measured here: run bench/scaling.py, refusal.py and settle.py before.
"""

import argparse
import heapq
import json
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
CONNECTIONS, THREADS, CORES = 32, 4, 2
REQUESTS = 6_000
LOADS = (1, 2, 4)
BUSY = 0.6  # of a core or a server, at most: beyond it waiting times grow fast
SPARE = 2  # each shard's server has one that follows
PAIR_BYTES = (
    600  # a share and its ledger line with their indexes: 5 million are 3 GB (bench/README)
)


@dataclass(frozen=True)
class Costs:
    """Of one request, in seconds."""

    client: float  # the load generator's, one thread, on a core
    web: float  # under its process' lock, on a core
    database: float  # on a core
    flush: float  # of the log: one at a time, for all who wait when it begins


class Machine:
    """A closed network: each connection sends its next request when it has its answer."""

    def __init__(self, costs: Costs, processes: int) -> None:
        self.costs, self.now, self.done = costs, 0.0, 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._idle_cores, self._wants_core = CORES, deque[tuple[float, Callable[[], None]]]()
        self._threads = [THREADS] * processes
        self._clients = processes  # the number of the generator's lock
        self._wants_thread = [deque[Callable[[], None]]() for _ in range(processes)]
        self._locked = [False] * (processes + 1)
        self._wants_lock = [deque[Callable[[], None]]() for _ in range(processes + 1)]
        self._waits_for_log: list[Callable[[], None]] = []
        self._is_flushing = False

    def per_s(self) -> float:
        for at in range(CONNECTIONS):
            self._send(at % len(self._threads))
        warm, begin = REQUESTS // 5, 0.0
        while self.done < REQUESTS:
            self.now, _, what = heapq.heappop(self._events)
            what()
            if self.done <= warm:
                begin = self.now
        return (REQUESTS - warm) / (self.now - begin)

    # --- a request's way

    def _send(self, process: int) -> None:
        def sent() -> None:
            self._unlock(self._clients)
            self._arrive(process)

        self._lock(self._clients, lambda: self._on_a_core(self.costs.client, sent))

    def _arrive(self, process: int) -> None:
        if self._threads[process]:
            self._threads[process] -= 1
            self._lock(process, lambda: self._work(process))
        else:
            self._wants_thread[process].append(lambda: self._work(process))

    def _work(self, process: int) -> None:
        def worked() -> None:
            self._unlock(process)
            self._on_a_core(self.costs.database, lambda: self._flush(lambda: self._answer(process)))

        self._on_a_core(self.costs.web, worked)

    def _answer(self, process: int) -> None:
        self.done += 1
        if self._wants_thread[process]:
            self._lock(process, self._wants_thread[process].popleft())
        else:
            self._threads[process] += 1
        self._send(process)

    # --- what there is one of, or two

    def _on_a_core(self, cost: float, then: Callable[[], None]) -> None:
        if not cost:
            then()
        elif self._idle_cores:
            self._begin(cost, then)
        else:
            self._wants_core.append((cost, then))

    def _begin(self, cost: float, then: Callable[[], None]) -> None:
        def ended() -> None:
            self._idle_cores += 1
            then()
            while self._idle_cores and self._wants_core:
                self._begin(*self._wants_core.popleft())

        self._idle_cores -= 1
        self._at(cost, ended)

    def _lock(self, process: int, then: Callable[[], None]) -> None:
        if self._locked[process]:
            self._wants_lock[process].append(then)
        else:
            self._locked[process] = True
            then()

    def _unlock(self, process: int) -> None:
        self._locked[process] = False
        if self._wants_lock[process]:
            self._lock(process, self._wants_lock[process].popleft())

    def _flush(self, then: Callable[[], None]) -> None:
        if not self.costs.flush:
            then()
            return
        self._waits_for_log.append(then)
        if not self._is_flushing:
            self._begin_flush()

    def _begin_flush(self) -> None:
        together, self._waits_for_log = self._waits_for_log, []
        self._is_flushing = True

        def flushed() -> None:
            self._is_flushing = False
            if self._waits_for_log:
                self._begin_flush()
            for then in together:
                then()

        self._at(self.costs.flush, flushed)

    def _at(self, after: float, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (self.now + after, self._count, what))


# --- the model against what was measured


def compared(scaling: dict, refusal: dict) -> dict:
    """For wins and refusals, what a request costs, and model and measured at each load.

    What the processors did for a request was measured at each load (it grows with what is
    crowded on them). The generator's own work is what the most that it ever sent leaves it, the
    same for both kinds; the log's wait is fitted where one process wins. The rest the model says.
    """
    most = max(figure(scaling, f"{count} processes", "refusals per s") for count in LOADS)
    client_s = 1 / most
    one = {kind: _costs(scaling, refusal, kind, 1, client_s, 0.0) for kind in ("win", "refusal")}
    flush_s = _fitted_flush(one["win"], figure(scaling, "1 processes", "wins per s"))
    found: dict = {}
    for kind in one:
        loads = {}
        for count in LOADS:
            waits = flush_s if kind == "win" else 0.0
            costs = _costs(scaling, refusal, kind, count, client_s, waits)
            model = Machine(costs, count).per_s()
            measured = figure(scaling, f"{count} processes", f"{kind}s per s")
            loads[f"{count} processes"] = {
                "costs, us": {name: round(cost * 1e6, 1) for name, cost in vars(costs).items()},
                "measured per s": round(measured),
                "model per s": round(model),
                "error": round(model / measured - 1, 3),
                "is": "fitted" if kind == "win" and count == 1 else "predicted",
            }
        found[kind] = loads
    return found


def _costs(
    scaling: dict, refusal: dict, kind: str, processes: int, client_s: float, flush_s: float
) -> Costs:
    """Web and database as the quieter file parts what this one has as one figure; a refusal has no
    database, and its Redis was counted by nobody."""
    cpu_s = figure(scaling, f"{processes} processes", f"{kind} CPU us") / 1e6
    whole_s = figure(scaling, "1 processes", f"{kind} CPU us") / 1e6
    web = min(1.0, refusal["figures"][f"{kind} CPU us"]["median"] / 1e6 / whole_s)
    return Costs(client_s, web * cpu_s, (1 - web) * cpu_s, flush_s)


def _fitted_flush(costs: Costs, wanted: float) -> float:
    """The wait with which one process does what was measured; none, when it does less anyway."""
    least, most = 0.0, 0.02
    for _ in range(18):
        middle = (least + most) / 2
        if Machine(replace(costs, flush=middle), 1).per_s() > wanted:
            least = middle
        else:
            most = middle
    return least


def figure(found: dict, case: str, what: str) -> float:
    return found["figures"][case][what]["median"]


# --- the plan


def plan(*, grabs: int, wins: float, lines: int, grab: dict, refusal: dict, settle: dict) -> dict:
    """How many of each part, busy to BUSY; one part's figures from one file, which is named."""
    won, late = grabs * wins, grabs * (1 - wins)
    web_win = refusal["figures"]["win CPU us"]["median"] / 1e6
    web_refusal = refusal["figures"]["refusal CPU us"]["median"] / 1e6
    hundred = settle["100 shares"]
    database_win = hundred["won by grabs"]["database CPU ms"]["median"] / 100 / 1e3
    settled = hundred["settled as a set"]
    database_settled = settled["database CPU ms"]["median"] / 100 / 1e3
    worker_settled = settled["process CPU ms"]["median"] / 100 / 1e3
    # All cores of that machine, without what the web processes took: Redis and load generator.
    ticket_most = CORES / grab["figures"]["refusal per s"]["median"] - (
        grab["figures"]["refusal CPU us"]["median"] / 1e6
    )
    cores = {
        "web": won * web_win + late * web_refusal,
        "Redis, at most": grabs * ticket_most,
        "workers: settlement": won * worker_settled,
        "database: shares, wallets and lines at once": won * database_win,
        "database: shares now, wallets and lines by settlement": won
        * (database_win / 2 + database_settled),
    }
    return {
        "asked": {"grabs per s": grabs, "of which wins": wins, "lines": lines},
        "a grab's parts, us": {
            "web, win (refusal.json)": round(web_win * 1e6),
            "web, refusal (refusal.json)": round(web_refusal * 1e6),
            "ticket in Redis, at most (grab.json)": round(ticket_most * 1e6),
            "database, win (settle.json)": round(database_win * 1e6),
            "database, share settled in a set (settle.json)": round(database_settled * 1e6),
            "worker, share settled in a set (settle.json)": round(worker_settled * 1e6),
        },
        "cores at 60 %": {name: math.ceil(needed / BUSY) for name, needed in cores.items()},
        "Redis masters (one core each)": math.ceil(cores["Redis, at most"] / BUSY),
        "shares and lines, GB": round(lines * PAIR_BYTES / 1e9),
        "the same with followers, GB": round(lines * PAIR_BYTES * SPARE / 1e9),
        "days of that rush until then": round(lines / won / 86_400, 2),
    }


def read(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grabs", type=int, default=1_000_000)
    parser.add_argument("--wins", type=float, default=0.1)
    parser.add_argument("--lines", type=int, default=1_000_000_000)
    asked = vars(parser.parse_args())
    scaling, refusal = read("scaling"), read("refusal")
    model = compared(scaling, refusal)
    planned = plan(**asked, grab=read("grab"), refusal=refusal, settle=read("settle"))
    sources = {
        name: read(name).get("load average", "not noted")
        for name in ("scaling", "refusal", "grab", "settle")
    }
    result = {
        "command": "python bench/capacity.py",
        "from, at a load average of": sources,
        "rounds of scaling": scaling["rounds"],
        "model against measured": model,
        "plan": planned,
    }
    text = json.dumps(result, indent=2, ensure_ascii=False)
    (RESULTS / "capacity.json").write_text(f"{text}\n")
    print(f"{'':10}{'processes':>12}{'measured/s':>12}{'model/s':>12}{'error':>8}")
    for kind, one in model.items():
        for name, load in one.items():
            print(
                f"{kind:10}{name.split()[0]:>12}{load['measured per s']:>12}"
                f"{load['model per s']:>12}{load['error']:>+8.0%}  {load['is']}"
            )
    print(json.dumps(planned, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
