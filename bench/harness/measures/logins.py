"""Server CPU per login, logins a second, and their 99th percentile."""

from contextlib import ExitStack

from ..row import Row, at_least, at_most

USUAL = ("-n", "5")
CACHED = ("-n", "5", "-c", "-l")  # its best set-up
ALL_CACHED = (*CACHED, "-s", "32768")  # the same with room for 100,000 users; by default there is room for 10,000

CLIENTS = 8
CROWDS = (8, 32, 128)


class Logins:
    """Rows by what they show: users, clients, set-up of the original, figure of a window."""

    def __init__(self, bench):
        self.bench = bench
        self.rows = {}
        for users, setup, must, aim in [
            (bench.plan.small, USUAL, 0.25, 0.20),
            (bench.plan.large, USUAL, 0.25, 0.20),
            (bench.plan.small, CACHED, 0.60, 0.50),
            (bench.plan.large, CACHED, 0.60, 0.50),
            (bench.plan.large, ALL_CACHED, 0.60, 0.50),
        ]:
            measure = f"server CPU per login, {users:,} users, {CLIENTS} clients"
            self.rows[users, CLIENTS, setup, "cpu"] = row(measure, setup, "µs", at_most(must), at_most(aim))
        for clients in CROWDS:
            measure = f"logins per second, {clients} blocking clients"
            self.rows[bench.plan.small, clients, USUAL, "rate"] = row(measure, USUAL, "/s", at_least(3), at_least(4))
        for clients in CROWDS:
            measure = f"99th percentile, {clients} blocking clients"
            bounds = at_most(0.30), at_most(0.15)
            self.rows[bench.plan.small, clients, USUAL, "p99"] = row(measure, USUAL, "µs", *bounds)

    def run(self):
        """All daemons stay up through all rounds. In each round, each of them is measured once at each load."""
        loads = sorted({(users, clients) for users, clients, _, _ in self.rows})
        with ExitStack() as stack:
            daemons = self.start(stack)
            for number in self.bench.rounds("logins"):
                for load in loads:
                    self.measure(daemons, *load, number)

    def start(self, stack):
        """The daemons by users and set-up; None is ours. Every user logs in once."""
        daemons = {}
        for users, _, setup, _ in self.rows:
            for subject in (None, setup):
                if (users, subject) not in daemons:
                    daemons[users, subject] = daemon = stack.enter_context(self.daemon(users, subject))
                    self.bench.load.everyone(daemon, users)
        return daemons

    def daemon(self, users, setup):
        return self.bench.daemon(self.bench.original if setup else self.bench.ours, users, setup or USUAL)

    def measure(self, daemons, users, clients, number):
        setups = {setup for at_users, at_clients, setup, _ in self.rows if (at_users, at_clients) == (users, clients)}
        windows = {
            setup: self.bench.load.window(daemons[users, setup], users, clients, self.bench.plan.seconds)
            for setup in self.bench.turned([None, *sorted(setups)], number)
        }
        for (at_users, at_clients, setup, figure), its_row in self.rows.items():
            if (at_users, at_clients) == (users, clients):
                its_row.add(getattr(windows[None], figure), getattr(windows[setup], figure))


def row(measure, setup, *rest):
    return Row(measure, " ".join(["saslauthd", *setup]), *rest)
