"""Says the lines of standard input to the server behind COMMAND..., each once the reply to the last is whole; prints what both say."""

import re
import signal
import subprocess
import sys


def main(command):
    signal.alarm(30)
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    listen(server)
    for line in sys.stdin.buffer:
        show(line)
        try:
            server.stdin.write(line.rstrip(b"\n") + b"\r\n")
            server.stdin.flush()
        except BrokenPipeError:
            return
        listen(server)


def listen(server):
    for line in server.stdout:
        show(line.replace(b"\r\n", b"\n"))
        if re.match(rb"\d{3} ", line):
            return


def show(line):
    sys.stdout.buffer.write(line)


main(sys.argv[1:])
