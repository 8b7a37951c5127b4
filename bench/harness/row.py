"""A row of the table: what was measured, in pairs, and what is asked of the ratio."""

from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Bound:
    sense: str
    limit: float

    def holds(self, ratio):
        return ratio <= self.limit if self.sense == "≤" else ratio >= self.limit

    def __str__(self):
        return f"{self.sense} {self.limit:g}"


def at_most(limit):
    return Bound("≤", limit)


def at_least(limit):
    return Bound("≥", limit)


@dataclass
class Row:
    """Each pair holds ours and theirs of one round. Ratios are taken pair by pair, so that what else happens on the
    machine weighs on both."""

    measure: str
    against: str
    unit: str
    must: Bound | None = None  # None: for the reader to know, not to be judged
    aim: Bound | None = None
    pairs: list[tuple[float, float]] = field(default_factory=list)

    def add(self, ours, theirs):
        self.pairs.append((ours, theirs))

    @property
    def ours(self):
        return median(ours for ours, _ in self.pairs)

    @property
    def theirs(self):
        return median(theirs for _, theirs in self.pairs)

    @property
    def ratios(self):
        return [ours / theirs for ours, theirs in self.pairs]

    @property
    def ratio(self):
        return median(self.ratios)

    @property
    def verdict(self):
        if self.must is None:
            return "–"
        if self.aim.holds(self.ratio):
            return "aim"
        return "must" if self.must.holds(self.ratio) else "MISSED"
