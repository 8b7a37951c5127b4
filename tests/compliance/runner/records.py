"""What a listing of users, and a database seen from outside, have to show.

Each function gives what is wrong as a text, or None.
"""
from .quoting import quote


def listing_fault(users, text):
    """Compares what sasldblistusers2 printed with [[user, realm], ...], in any order.

    Lines are told apart by the names expected, because a name may hold any byte. Further properties of an
    expected user may be listed; any other user is a fault.
    """
    heads = sorted({f"{user}@{realm}: " for user, realm in users}, key=len, reverse=True)
    times, at = dict.fromkeys(heads, 0), 0
    while at < len(text):
        head = next((h for h in heads if text.startswith(h, at)), "")
        end = text.find("\n", at + len(head))
        if not head or end < 0:
            return "unexpected line " + quote(text[at:].split("\n")[0])
        times[head] += text[at + len(head):end] == "userPassword"
        at = end + 1
    for head, count in times.items():
        if count != 1:
            return f"line {quote(head + 'userPassword')} shown {count} times"


def records_fault(want, facts):
    """Compares [[user NUL realm NUL property, value], ...] by meaning with what was observed.

    The facts are `present`, `exit` and `listing` of sasldblistusers2, and `logins`: answers of the daemon.
    """
    users = passwords(want)
    must_list = users or (want == [] and facts["present"])
    if must_list and facts["exit"] != 0:
        return f"listing exits {facts['exit']}"
    return listing_fault(users, facts["listing"]) or logins_fault(users, facts["logins"])


def logins_fault(users, answers):
    for (user, realm), password in users.items():
        for attempt, wanted in attempts(password):
            got = answers.get("\0".join((user, realm, attempt)), wanted)
            if got != wanted:
                return f"login {quote([user, realm, attempt])} wants {wanted} got {got}"


def passwords(records):
    """{(user, realm): password} of the records that hold a password."""
    fields = [(key.split("\0"), value) for key, value in records or []]
    return {(user, realm): value for (user, realm, prop), value in fields if prop == "userPassword"}


def attempts(password):
    """The logins to try for a user, each with the answer it deserves."""
    changed = password[:-1] + ("x" if password[-1:] != "x" else "y")
    return [(password, "OK"), (changed, "NO"), ("wrong " + password[:200], "NO")]
