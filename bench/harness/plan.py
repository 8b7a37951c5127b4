"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    rounds: int
    seconds: float  # of load that are measured, a window
    small: int  # users
    large: int
    huge: int
    exchanges: int  # of a mechanism, a round
    carried: int  # times 256 KiB through a layer, a round
    counted: tuple[int, int]  # logins under callgrind, a short and a long run, both beyond the first 1,000 lines of log
    hashed: int  # logins by SHA-512, a round
    counted_exchanges: tuple[int, int]  # the same of mechanisms


FULL = Plan(rounds=5, seconds=1.0, small=1_000, large=100_000, huge=1_000_000, exchanges=20_000, carried=200,
            counted=(3_000, 9_000), hashed=400, counted_exchanges=(200, 400))
QUICK = Plan(rounds=1, seconds=0.3, small=1_000, large=10_000, huge=50_000, exchanges=2_000, carried=20,
             counted=(1_600, 2_200), hashed=50, counted_exchanges=(200, 400))
