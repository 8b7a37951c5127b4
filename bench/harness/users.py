"""Who logs in. `saslbench` knows the same names."""

REALM = "example.org"


def everyone(count):
    """Names and passwords of so many users."""
    return ((f"user{number:07}", f"pass{number:07}") for number in range(count))
