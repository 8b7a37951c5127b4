"""The outcomes that a case accepts, and the verdict.

The original is held to the letter of `expected`. Ours may answer with any of the alternatives in `ours`, each
of which replaces parts of `expected`, and its databases and file modes are compared by meaning.
"""
from .compare import differences
from .records import attempts, passwords

MAX_FIELD = 256  # bytes in a field of a request to the daemon: a longer name or password cannot be tried
MAX_LOGINS = 24  # logins tried for a database; of more, the first and the last ones


def judge(case, got, ours):
    """The differences from the nearest acceptable outcome; an empty list if the case passes."""
    got = {"log": None, **got}
    return min((differences({"log": {"$anything": True}, **want}, got) for want in outcomes(case, ours)), key=len)


def outcomes(case, ours):
    expected = case["expected"]
    if not ours:
        return [expected]
    alternatives = case.get("ours", {})
    alternatives = alternatives if isinstance(alternatives, list) else [alternatives]
    return [by_meaning(replaced(expected, alternative)) for alternative in alternatives]


def replaced(expected, alternative):
    outcome = {**expected, **alternative}
    if "checks" in expected:
        outcome["checks"] = {**expected["checks"], **alternative.get("checks", {})}
    return outcome


def by_meaning(outcome):
    if "checks" not in outcome:
        return outcome
    return {**outcome, "checks": {name: check_by_meaning(name, want) for name, want in outcome["checks"].items()}}


def check_by_meaning(name, want):
    if name.startswith("records:") and (want is None or isinstance(want, list)):
        return {"$records": want}
    if name.startswith("mode:") and isinstance(want, str):
        return {"$mode": want}
    return want


def logins_to_try(case, check):
    """[[user, realm, password], ...] from the records that our database may hold by any accepted outcome."""
    tries = [[user, realm, attempt]
             for outcome in outcomes(case, ours=True)
             for (user, realm), password in passwords(outcome["checks"].get(check, {}).get("$records")).items()
             for attempt, _ in attempts(password)]
    tries = [login for login in tries if all(0 < len(field) <= MAX_FIELD and "\0" not in field for field in login)]
    return tries if len(tries) <= MAX_LOGINS else tries[:MAX_LOGINS // 2] + tries[-MAX_LOGINS // 2:]
