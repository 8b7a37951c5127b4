"""How much is done: a short run, and one with the numbers that are promised."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    watched: int   # seconds that the original may keep a client that does nothing
    mutants: int   # of a request
    kills: int     # of helpers, and of the process that serves
    rounds: int    # ends with twenty requests in flight
    disturbed: float  # seconds of load under each signal
    flooded: int   # seconds of guessing by whoever is not throttled
    soak: int      # requests
    users: int     # that each of ten writers adds
    deaths: int    # of writers
    leeway: int    # how often as long as promised something may take: a machine that tests has more to do


SHORT = Plan(watched=13, mutants=2_000, kills=3, rounds=5, disturbed=.7, flooded=2, soak=12_000, users=20, deaths=40,
             leeway=20)
LONG = Plan(watched=45, mutants=20_000, kills=10, rounds=5, disturbed=3, flooded=10, soak=120_000, users=100,
            deaths=200, leeway=1)
