"""saslauthd: started, spoken to, stopped."""
import os
import socket
import subprocess
import time

START_LIMIT = 20  # seconds until the socket is there
STOP_LIMIT = 3    # seconds from the signal to the end
PATIENCE = 8      # seconds to wait for a reply, if the client does not say
CONNECT_TRIES, CONNECT_PAUSE = 60, .05


class Daemon:
    def __init__(self, scratch, arguments, run_dir, env=None, enter=None):
        """Starts it; `enter` is called in the new process, before the program."""
        self.run_dir, self.kept = run_dir, []
        argv = [scratch.programs["SASLAUTHD"], *map(scratch.fill, arguments), "-m", str(run_dir)]
        with open(f"{run_dir}.err", "wb") as err:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, preexec_fn=enter,
                env=scratch.environment(env), start_new_session=True)
        self.await_socket()

    def await_socket(self):
        end = time.monotonic() + START_LIMIT
        while not os.path.exists(f"{self.run_dir}/mux") and self.runs() and time.monotonic() < end:
            time.sleep(.02)
        time.sleep(.1)  # one that fails after making its socket has ended by then

    def runs(self):
        return self.process.poll() is None

    def exit_status(self):
        return self.process.returncode

    def stderr(self):
        with open(f"{self.run_dir}.err", "rb") as f:
            return f.read()

    def talk(self, client, execute):
        """Plays one client: does its steps, then reads until the daemon closes. `execute` runs a shell text."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(client.get("timeout", PATIENCE))
            reply, ending = bytearray(), "eof"
            try:
                connect(s, f"{self.run_dir}/mux")
                if not play(s, client["send"], execute):
                    return {"end": "closed by client"}
                receive(s, reply)
            except socket.timeout:
                ending = "timeout"
            except OSError as e:
                ending = "error: " + (e.strerror or str(e))
            if client.get("keep"):
                self.kept.append(s.dup())
            return {"reply": reply_text(bytes(reply)), "end": ending}

    def ask(self, user, realm, password):
        """OK or NO, or how else the connection ended."""
        fields = [field.encode("latin1") for field in (user, password, "imap", realm)]
        request = b"".join(len(field).to_bytes(2, "big") + field for field in fields)
        answer = self.talk({"send": [{"hex": request.hex()}]}, execute=None)
        return (answer["reply"] or answer["end"])[:2] if self.runs() else "no daemon"

    def release_clients(self):
        for s in self.kept:
            s.close()

    def stop(self):
        """Ends it; gives whether it was still running."""
        time.sleep(.4)  # the original can hang if the signal comes while it is logging
        if not self.runs():
            return False
        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return True


def connect(s, path):
    for left in reversed(range(CONNECT_TRIES)):
        try:
            return s.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            if not left:
                raise
            time.sleep(CONNECT_PAUSE)


def play(s, steps, execute):
    """Does the steps of a client; gives False if it closed the connection itself."""
    for step in steps:
        if "close" in step:
            return False
        if "hex" in step:
            s.sendall(bytes.fromhex(step["hex"]))
        elif "sleep" in step:
            time.sleep(step["sleep"])
        elif "shutdown" in step:
            s.shutdown(socket.SHUT_WR)
        else:
            execute(step["exec"])
    return True


def receive(s, reply):
    while part := s.recv(65536):
        reply += part


def reply_text(data):
    """The text of one whole counted reply; None for no reply at all."""
    if not data:
        return None
    whole = len(data) >= 2 and int.from_bytes(data[:2], "big") == len(data) - 2
    return data[2:].decode("latin1") if whole else "malformed: " + data.hex()
