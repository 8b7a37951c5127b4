"""One command, run to its end."""
import os
import signal
import subprocess
import tempfile

LIMIT = 20  # seconds


def run(scratch, step):
    """Gives exit status (or "TIMEOUT"), stdout and stderr."""
    with tempfile.TemporaryFile(dir=scratch.root) as out, tempfile.TemporaryFile(dir=scratch.root) as err:
        process = start(scratch, step, out, err)
        status = finish(process, bytes.fromhex(step.get("stdin_hex", "")), step.get("timeout", LIMIT))
        out.seek(0)
        err.seek(0)
        return status, out.read(), err.read()


def start(scratch, step, out, err):
    who = identity(int(step["user"])) if "user" in step else {}
    return subprocess.Popen(
        scratch.argv(step), stdin=subprocess.PIPE, stdout=out, stderr=err, env=scratch.environment(step.get("env")),
        umask=int(step.get("umask", "022"), 8), start_new_session=True, **who)


def identity(user):
    return {"user": user, "group": user, "extra_groups": []}


def finish(process, stdin, limit):
    try:
        process.communicate(stdin, timeout=limit)
        return process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return "TIMEOUT"
