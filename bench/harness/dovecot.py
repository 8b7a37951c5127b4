"""Dovecot's authentication service, as Debian ships it, and its users."""

import subprocess
import tempfile
from pathlib import Path

from .users import REALM, everyone

DOVECOT = "/usr/sbin/dovecot"
PATIENCE = 10.0  # seconds to end

# Nothing but that service, with a password file in clear, which costs it least, and no penalty for an address.
CONF = """\
base_dir = {directory}/run
log_path = {directory}/log
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  client_limit = 10000
  unix_listener {socket} {{
    mode = 0666
  }}
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {directory}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/nonexistent
}}
"""


class Dovecot:
    """A context: it is up inside, and gone behind. Its processes are of users who must find their files."""

    def __init__(self, users):
        self.users = users

    def __enter__(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="dovecot-bench-")
        directory = Path(self.scratch.name)
        directory.chmod(0o755)
        self.socket = directory / "auth"
        lines = (f"{name}@{REALM}:{{PLAIN}}{password}\n" for name, password in everyone(self.users))
        (directory / "users").write_text("".join(lines))
        (directory / "conf").write_text(CONF.format(directory=directory, socket=self.socket))
        self.process = subprocess.Popen([DOVECOT, "-F", "-c", directory / "conf"])
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.scratch.cleanup()
