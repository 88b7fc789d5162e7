# SPDX-License-Identifier: Apache-2.0
"""Daemons as child processes: readiness is awaited, logs are kept, everything is stopped."""
import os
import pwd
import signal
import socket
import subprocess
import threading
import time


def free_port(kind=socket.SOCK_STREAM):
    """A port of 127.0.0.1 that was free a moment ago, for daemons that cannot bind port 0."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, timeout=20.0, interval=0.02):
    """Poll a state that nobody announces; the value of `condition`, or an error naming `what`."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:.0f} s for {what}")
        time.sleep(interval)


def as_user(name):
    """preexec function: drop root for this user; nothing to do when we are not root."""
    if os.geteuid() != 0 or name is None:
        return None
    account = pwd.getpwnam(name)

    def drop():
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    return drop


class Daemon:
    """One child process. With `notify` it is ready when it says READY=1 (sd_notify)."""

    def __init__(self, name, command, log_path, user=None, env=None, notify=False):
        self.name = name
        self.command = command
        self.log_path = log_path
        self.user = user
        self.env = env or {}
        self.notify = notify
        self.pass_fds = ()
        self.nudge = None  # a Unix socket of its own; libmilter looks for a stop every 5 s, or when called
        self.process = None

    def start(self, timeout=30.0):
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", **self.env}
        listener = self._notify_socket(environment) if self.notify else None
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=environment, pass_fds=self.pass_fds,
                                            preexec_fn=as_user(self.user))
        if listener is not None:
            self._await_ready(listener, timeout)
        return self

    def _notify_socket(self, environment):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind("\0mailspur-lab-%d-%d" % (os.getpid(), id(listener)))
        environment["NOTIFY_SOCKET"] = "@" + listener.getsockname()[1:].decode()
        return listener

    def _await_ready(self, listener, timeout):
        deadline = time.monotonic() + timeout
        listener.settimeout(0.1)
        with listener:
            while time.monotonic() < deadline:
                try:
                    if b"READY=1" in listener.recv(4096):
                        return
                except socket.timeout:
                    pass
                if self.process.poll() is not None:
                    break
        raise RuntimeError(f"{self.name} did not become ready:\n{self.log_tail()}")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def log_tail(self, lines=25):
        return "\n".join(self.log().splitlines()[-lines:])

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """SIGKILL: no goodbye."""
        if self.is_running():
            self.process.kill()
        self.process.wait()

    def stop(self, timeout=30.0):
        """SIGTERM and wait. Returns the exit status."""
        if self.process is None:
            return None
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
        try:
            while self.nudge is not None and self._call(self.nudge):
                if self._ends_within(0.05):
                    break
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"{self.name} did not stop:\n{self.log_tail()}") from None


    @staticmethod
    def _call(path):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            return caller.connect_ex(path) == 0

    def _ends_within(self, seconds):
        try:
            self.process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False


class LogFollower:
    """Waits for lines of a log file that another process writes."""

    def __init__(self, path):
        self.path = path

    def wait_for(self, text, timeout=20.0):
        def found():
            try:
                with open(self.path, encoding="utf-8", errors="replace") as log:
                    return next((line for line in log if text in line), None)
            except FileNotFoundError:
                return None
        return wait_until(found, f"'{text}' in {self.path}", timeout)


class Background:
    """A function in a thread, whose error comes out at join()."""

    def __init__(self, function):
        self.error = None
        self.value = None

        def run():
            try:
                self.value = function()
            except BaseException as error:  # pylint: disable=broad-except
                self.error = error
        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def join(self, timeout=60.0):
        self.thread.join(timeout)
        if self.thread.is_alive():
            raise TimeoutError("a background step did not end")
        if self.error is not None:
            raise self.error
        return self.value
