"""Check a lucky draw by hand; needs nothing but Python.

python3 check_draw.py ID TOTAL_YUAN NUMBER SEED COMMITMENT [SHARE_MIN SHARE_MAX]
"""

import hashlib
import hmac
import sys
from decimal import Decimal

packet, total, number, seed, commitment, *limits = sys.argv[1:]
minimum, maximum = (int(Decimal(yuan) * 100) for yuan in limits or ("0.01", "200.00"))
total, number = int(Decimal(total) * 100), int(number)

text = f"{packet}:{total}:{number}:{minimum}:{maximum}:{seed}"
if hashlib.sha256(text.encode()).hexdigest() != commitment:
    sys.exit("FORGED: the seed is not the one that was committed to")

calls = iter(range(10**9))


def rand(k):
    digest = hmac.digest(bytes.fromhex(seed), str(next(calls)).encode(), "sha256")
    return int.from_bytes(digest, "big") % k


shares, rest = [], total
for left in range(number, 1, -1):
    low = max(minimum, rest - maximum * (left - 1))
    high = max(low, min(maximum, rest - minimum * (left - 1), 2 * rest // left - 1))
    shares.append(low + rand(high - low + 1))
    rest -= shares[-1]
shares.append(rest)
for i in range(number - 1, 0, -1):
    j = rand(i + 1)
    shares[i], shares[j] = shares[j], shares[i]

best = shares.index(max(shares)) + 1
for position, fen in enumerate(shares, start=1):
    print(position, f"{fen // 100}.{fen % 100:02d}", *(["best luck"] if position == best else []))
