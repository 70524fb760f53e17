"""The lucky draw: exact, within its limits, fair to every position, and repeatable by a stranger.

The statistics use fixed seeds: they give the same numbers on every run. Critical values: upper
0.1 % points of the chi-square distribution, NIST/SEMATECH e-Handbook of Statistical Methods,
section 1.3.6.7.4.
"""

import hashlib
import hmac
import random
from collections import Counter
from statistics import fmean, pstdev, variance

import pytest

from packets import draw

pytestmark = pytest.mark.once

MOST = 20_000  # fen a share
CHI_SQUARE_9 = 27.877
DRAWS, NUMBER, TOTAL = 20_000, 10, 10_000  # 100 yuan over 10 shares


def seed_of(i: int) -> bytes:
    return hashlib.sha256(f"draw {i}".encode()).digest()


def drawn(total: int, number: int, seed: bytes = bytes(32), minimum=1, maximum=MOST) -> list[int]:
    return draw.draw(total=total, number=number, minimum=minimum, maximum=maximum, seed=seed)


# --- exact and within the limits


@pytest.mark.parametrize("number", range(1, 101))
def test_n_fen_over_n_shares(number):
    assert drawn(number, number) == [1] * number


@pytest.mark.parametrize("number", range(1, 101))
def test_200_yuan_a_share(number):
    assert drawn(MOST * number, number) == [MOST] * number


@pytest.mark.parametrize("number", range(2, 101))
def test_one_fen_from_either_limit(number):
    assert sorted(drawn(number + 1, number)) == [1] * (number - 1) + [2]
    assert sorted(drawn(MOST * number - 1, number)) == [MOST - 1] + [MOST] * (number - 1)


@pytest.mark.parametrize(("total", "number"), [(100, 100), (50, 50)])
def test_one_yuan_over_100_and_half_a_yuan_over_50(total, number):
    assert drawn(total, number) == [1] * number


@pytest.mark.parametrize(
    ("total", "number"), [(0, 1), (2, 3), (MOST + 1, 1), (3 * MOST + 1, 3), (10, 0), (10, -1)]
)
def test_what_cannot_be_drawn_is_refused(total, number):
    with pytest.raises(ValueError, match="do not fit"):
        drawn(total, number)


def test_100_000_random_draws():
    """Of every number of shares, total and pair of limits; small packets more often."""
    luck = random.Random(20_261_125)
    for i in range(100_000):
        number = 1 + int(100 * luck.random() ** 12)
        minimum = luck.choice((1, 1, 1, luck.randint(1, 500)))
        maximum = luck.choice((MOST, MOST, luck.randint(minimum, minimum + 1000)))
        total = luck.randint(number * minimum, number * maximum)

        shares = drawn(total, number, i.to_bytes(32, "big"), minimum, maximum)

        assert len(shares) == number
        assert sum(shares) == total
        assert minimum <= min(shares)
        assert max(shares) <= maximum


# --- fair


def flatness(rows: list[list[float]]) -> float:
    """How far the positions' means lie apart, as a chi-square of number - 1 degrees.

    Shares of one draw hang together (their sum is fixed), so the yardstick is the variance within
    a draw: sum of (position's mean - mean of all)^2, times draws, over that variance.
    """
    means = [fmean(position) for position in zip(*rows, strict=True)]
    within = fmean(variance(row) for row in rows)
    centre = fmean(means)
    return len(rows) * sum((mean - centre) ** 2 for mean in means) / within


def spreads(rows: list[list[int]]) -> list[list[float]]:
    """How far each share lies from the average share, squared."""
    return [[(share - TOTAL / NUMBER) ** 2 for share in row] for row in rows]


def uneven_luck(rows: list[list[int]]) -> float:
    """Where the best luck fell, as a chi-square; draws with a tie for the largest are left out."""
    clear = [row for row in rows if row.count(max(row)) == 1]
    best = Counter(draw.best_luck(row) for row in clear)
    expected = len(clear) / NUMBER
    return sum((best[p] - expected) ** 2 / expected for p in range(1, NUMBER + 1))


def in_yuan_per_position(rows: list[list[int]]) -> list[float]:
    return [round(pstdev(position) / 100, 2) for position in zip(*rows, strict=True)]


@pytest.fixture(scope="module")
def ours() -> list[list[int]]:
    return [drawn(TOTAL, NUMBER, seed_of(i)) for i in range(DRAWS)]


@pytest.fixture(scope="module")
def live() -> list[list[int]]:
    """The usual draw at the moment of the grab: up to double the average of what is left."""
    luck, rows = random.Random(1), []
    for _ in range(DRAWS):
        row, rest = [], TOTAL
        for left in range(NUMBER, 1, -1):
            row.append(luck.randint(1, 2 * rest // left - 1))
            rest -= row[-1]
        rows.append([*row, rest])
    return rows


def test_no_position_gets_more(ours):
    assert flatness(ours) < CHI_SQUARE_9


def test_no_position_risks_more(ours):
    assert flatness(spreads(ours)) < CHI_SQUARE_9
    assert max(in_yuan_per_position(ours)) - min(in_yuan_per_position(ours)) < 0.15


def test_later_positions_risk_more_in_the_live_double_average(live):
    """The same mean for everybody, but a spread that rises from 5.78 to 7.67 yuan."""
    by_position = in_yuan_per_position(live)

    assert by_position[0] == pytest.approx(5.78, abs=0.05)
    assert by_position[-1] == pytest.approx(7.67, abs=0.1)
    assert by_position[2:9] == sorted(by_position[2:9])
    assert flatness(live) < CHI_SQUARE_9
    assert flatness(spreads(live)) > 20 * CHI_SQUARE_9


def test_best_luck_falls_anywhere(ours):
    assert uneven_luck(ours) < CHI_SQUARE_9


def test_best_luck_falls_anywhere_not_in_the_live_double_average(live):
    assert uneven_luck(live) > 10 * CHI_SQUARE_9


def test_best_luck_is_the_largest_and_on_a_tie_the_first():
    assert draw.best_luck([1]) == 1
    assert draw.best_luck([1, 2, 3]) == 3
    assert draw.best_luck([2, 3, 3]) == 2
    assert draw.best_luck([1] * 100) == 1


# --- repeatable by a stranger


def by_the_book(total: int, number: int, minimum: int, maximum: int, seedhex: str) -> list[int]:
    """Spec 2.5 once more, written from its sentences and sharing no line with draw.py."""
    calls = iter(range(10**6))

    def rand(k: int) -> int:
        message = b"%d" % next(calls)
        digest = hmac.new(bytes.fromhex(seedhex), message, hashlib.sha256).hexdigest()
        return int(digest, 16) % k

    amounts, rest, left = {}, total, number
    while left >= 2:
        low = rest - maximum * (left - 1)
        low = low if low > minimum else minimum
        ceilings = (maximum, rest - minimum * (left - 1), 2 * rest // left - 1)
        high = sorted(ceilings)[0]
        high = high if high > low else low
        amounts[len(amounts) + 1] = low + rand(high - low + 1)
        rest = total - sum(amounts.values())
        left -= 1
    amounts[len(amounts) + 1] = rest
    for i in reversed(range(1, number)):
        other = rand(i + 1)
        amounts[i + 1], amounts[other + 1] = amounts[other + 1], amounts[i + 1]
    return [amounts[position] for position in sorted(amounts)]


def test_a_stranger_draws_the_same():
    luck = random.Random(2)
    for i in range(2_000):
        number = luck.choice((1, 2, 3, 10, 100, luck.randint(1, 100)))
        minimum = luck.choice((1, 50))
        total = luck.choice(
            (number * minimum, number * MOST, luck.randint(number * minimum, number * MOST))
        )
        seed = seed_of(i)

        ours = drawn(total, number, seed, minimum)

        assert ours == by_the_book(total, number, minimum, MOST, seed.hex())


def test_an_example_that_never_changes():
    seed = bytes(range(32))

    assert drawn(1000, 5, seed) == by_the_book(1000, 5, 1, MOST, seed.hex()) == EXAMPLE
    text = f"rp_x:1000:5:1:20000:{seed.hex()}"
    published = hashlib.sha256(text.encode()).hexdigest()
    assert published == draw.commitment(
        public_id="rp_x", total=1000, number=5, minimum=1, maximum=MOST, seed=seed
    )


EXAMPLE = [340, 329, 69, 99, 163]


def test_commitment_tells_every_number_apart():
    facts = {
        "public_id": "rp_x", "total": 1000, "number": 5, "minimum": 1, "maximum": MOST,
        "seed": bytes(32),
    }  # fmt: skip
    others = [
        facts | {"public_id": "rp_y"},
        facts | {"total": 1001},
        facts | {"number": 6},
        facts | {"minimum": 2},
        facts | {"maximum": MOST + 1},
        facts | {"seed": bytes(31) + b"\1"},
    ]

    assert len({draw.commitment(**each) for each in [facts, *others]}) == 7


def test_seeds_are_32_fresh_bytes():
    seeds = {draw.new_seed() for _ in range(1000)}

    assert len(seeds) == 1000
    assert {len(seed) for seed in seeds} == {32}
