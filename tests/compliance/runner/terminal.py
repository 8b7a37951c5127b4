"""One command on a terminal of its own, with somebody typing."""
import contextlib
import os
import pty
import select
import signal
import termios
import time

PROMPT_LIMIT = 20  # seconds to wait for a prompt
END_LIMIT = 20     # seconds to wait for the end
NO_PROMPT = .6     # seconds before typing where no prompt is awaited
TYPING = .15       # seconds between a prompt and the typing, in which a program sets its modes
MODES = ("ECHO", "ICANON", "ECHONL")


class Terminal:
    def __init__(self, argv, env):
        self.output = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.umask(0o22)
            os.execvpe(argv[0], argv, env)

    def read(self, seconds, until=None):
        """Takes in what is written, for some time or `until` it holds something; gives whether it does."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (until and until in self.output):
            if select.select([self.fd], [], [], .05)[0]:
                try:
                    self.output += os.read(self.fd, 4096)
                except OSError:  # the other side is closed
                    break
        return not until or until in self.output

    def type(self, text):
        os.write(self.fd, text.encode("latin1"))

    def modes(self):
        flags = termios.tcgetattr(self.fd)[3]
        return {mode: bool(flags & getattr(termios, mode)) for mode in MODES}

    def wait(self):
        """Reads to the end of the program; gives its exit status, or "TIMEOUT"."""
        end = time.monotonic() + END_LIMIT
        while time.monotonic() < end:
            self.read(.1)
            time.sleep(.02)  # reading returns at once when the program has closed its side
            done, code = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.read(.3)
                return os.waitstatus_to_exitcode(code)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return "TIMEOUT"


def run(scratch, step):
    """Plays a `tty` step: waits for each prompt, notes the terminal's modes, types the answer."""
    terminal, modes = Terminal(scratch.argv(step), scratch.environment()), []
    for prompt, typed in step["dialog"]:
        if not terminal.read(PROMPT_LIMIT if prompt else NO_PROMPT, prompt.encode()):
            break
        time.sleep(TYPING)
        with contextlib.suppress(OSError, termios.error):
            modes.append(terminal.modes())
            terminal.type(typed)
    status = terminal.wait()
    os.close(terminal.fd)
    return {"tty_output": scratch.plain(terminal.output), "exit": status, "tty_modes_at_prompt": modes}
