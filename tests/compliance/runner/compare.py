"""Compares what was observed with what a case wants."""
from .matchers import is_matcher, matcher_fault
from .quoting import quote


def differences(want, got, name=""):
    """A list of texts, one for each place where `got` is not what `want` asks for."""
    if is_matcher(want):
        faults = [fault(key, value, got) for key, value in want.items()]
        return [f"{name}: {text}" for text in faults if text]
    if isinstance(want, dict) and isinstance(got, dict):
        return [text for key in {**want, **got}
                for text in differences(want.get(key), got.get(key), f"{name}.{key}" if name else key)]
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        return [text for n, pair in enumerate(zip(want, got)) for text in differences(*pair, f"{name}[{n}]")]
    return [] if want == got else [f"{name}: want {quote(want)} got {quote(got)}"]


def fault(matcher, want, got):
    """What is wrong with `got`, or None."""
    if matcher != "$any":
        return matcher_fault(matcher, want, got)
    if all(differences(choice, got) for choice in want):
        return f"want any of {quote(want)} got {quote(got)}"
