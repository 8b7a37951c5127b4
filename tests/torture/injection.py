"""Names that would like to be lines of a log: each stays in its line."""
import re

import tally
import world
from clients import REALM
from ground import BOTH, OURS

FORGED = "auth success: [user=root] [service=imap] [realm=] [mech=sasldb]"
HOSTILE = (
    "x\nsaslauthd[1]: " + FORGED, "x\r\n" + FORGED, "x] [reason=fine] [user=root", "\x1b[2J\x1b[31mred", "\x07\x08bell",
    "\x7fdelete", "null\0byte", "\x85next", "tab\tvertical\v\f", "%s%n%x",
    b"\xff\xfe not UTF-8 \xc3", b"\xe2\x80\xae right to left",
)
FIELDS = ("login", "service", "realm", "client")


def run(there):
    seen = {who: spoilt(there, who) for who in BOTH}
    tally.judge(f"{len(HOSTILE) * len(FIELDS)} hostile names: the log has clean lines alone",
                not any(seen[OURS].values()),
                *("; ".join(f"{count} {what}" for what, count in counts.items()) for counts in seen.values()))


def spoilt(there, who):
    """How many lines of its log are not as they should be."""
    with there.sasldb(who, "injection", "-n", "1") as daemon:
        for field in FIELDS:
            for name in HOSTILE:
                name = name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")
                fields = {"login": "tim", "service": "imap", "realm": REALM, field: name}
                daemon.ask(password=world.WRONG, **fields)
        lines = daemon.log_path.read_bytes().split(b"\n")
    return {"with control characters": sum(map(has_control, lines)),
            "not UTF-8": sum(not is_text(line) for line in lines),
            "forged": sum(is_forged(line) for line in lines)}


def has_control(line):
    text = line.decode("utf-8", "replace")
    return any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in text)


def is_text(line):
    try:
        line.decode()
        return True
    except UnicodeDecodeError:
        return False


def is_forged(line):
    """Nobody came in here, so that whatever says so is forged: a line, or a field in front of the true one."""
    text = line.decode("utf-8", "replace").replace("\\[", "").replace("\\]", "")
    says_so = re.search(r"(^|[:\]] *)auth success", text) and not re.search(r"auth failure", text)
    return bool(line) and (bool(says_so) or text.count("[user=") > 1 or not text.startswith("saslauthd["))
