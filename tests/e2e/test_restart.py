# SPDX-License-Identifier: Apache-2.0
"""mailspurd is restarted under load while a service manager holds its sockets (socket activation, as
systemd/*.socket do): no sender hears a 451, nothing is lost, nothing comes twice under another id."""
import fcntl
import os
import socket
import threading

import pytest

from tests.lab.lab import DOMAIN, Lab
from tests.lab.process import Background

SOCKETS = {"control": socket.SOCK_STREAM, "intake": socket.SOCK_SEQPACKET,
           "socketmap": socket.SOCK_STREAM}
FIRST_FREE = 20  # far from the descriptors 3, 4, 5 that the daemon finds them at
SENDERS = 4
RESTARTS = 4


class ServiceManager:
    """What systemd does with a .socket unit: listens, and hands the descriptors to each start."""

    def __init__(self, lab):
        self.descriptors = []
        for name, kind in SOCKETS.items():
            with socket.socket(socket.AF_UNIX, kind) as listener:
                listener.bind(lab.path("run", name + ".sock"))
                listener.listen(512)
                os.chmod(lab.path("run", name + ".sock"), 0o666)
                self.descriptors.append(fcntl.fcntl(listener.fileno(), fcntl.F_DUPFD, FIRST_FREE))
        moves = " ".join(f"{3 + i}<&{fd}" for i, fd in enumerate(self.descriptors))
        lab.mailspurd.command = [
            "bash", "-c", f'exec {moves}; export LISTEN_PID=$$ LISTEN_FDS={len(SOCKETS)}; exec "$@"',
            "-"] + lab.mailspurd.command
        lab.mailspurd.pass_fds = tuple(self.descriptors)

    def close(self):
        for fd in self.descriptors:
            os.close(fd)


@pytest.fixture
def activated_lab():
    lab = Lab()
    manager = ServiceManager(lab)
    with lab:
        yield lab
    manager.close()


class Sender:
    """One message after the other; keeps each answer."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.answers = {}
        self.stopping = threading.Event()
        self.work = Background(self._run)

    def _run(self):
        number = 0
        while not self.stopping.is_set():
            recipient = f"ticket+{self.name}-{number}@{DOMAIN}"
            answers, answer = self.lab.send(recipient)
            self.answers[recipient] = answer or answers[recipient]
            number += 1

    def stop(self):
        self.stopping.set()
        self.work.join(90)


def test_restart_under_load_is_heard_by_no_sender(activated_lab):
    lab = activated_lab
    senders = [Sender(lab, f"s{number}") for number in range(SENDERS)]
    for _ in range(RESTARTS):
        lab.endpoint.wait_for(len(lab.endpoint.requests) + 4, timeout=60)
        assert lab.mailspurd.stop() == 0
        lab.mailspurd.start()
    for sender in senders:
        sender.stop()
    answers = {recipient: answer for sender in senders
               for recipient, answer in sender.answers.items()}
    assert len(answers) >= RESTARTS * 4
    assert {r: a for r, a in answers.items() if not a.startswith("250")} == {}
    lab.wait_idle()
    delivered = {}
    for request in lab.endpoint.requests:
        delivered.setdefault(request.data["recipient"], set()).add(request.webhook_id)
    assert set(delivered) == set(answers)
    assert {r: ids for r, ids in delivered.items() if len(ids) > 1} == {}


def test_restart_between_rcpt_and_data_is_not_heard(activated_lab):
    lab = activated_lab
    recipient = f"ticket+1@{DOMAIN}"
    with lab.session() as smtp:
        smtp.mail("alice@sender.example")
        assert smtp.rcpt(recipient)[0] == 250
        lab.mailspurd.stop()
        lab.mailspurd.start()
        assert smtp.rcpt(f"ticket+2@{DOMAIN}")[0] == 250
        lab.mailspurd.stop()
        restart = Background(lab.mailspurd.start)
        code, answer = smtp.data(lab.signer.sign(
            b"From: alice@sender.example\r\nTo: x\r\nSubject: s\r\n\r\nbody\r\n"))
        restart.join()
        assert code == 250, answer
    assert {r.data["recipient"] for r in lab.endpoint.wait_for(2)} == {
        recipient, f"ticket+2@{DOMAIN}"}


def test_sockets_of_the_service_manager_stay_when_the_daemon_stops(activated_lab):
    lab = activated_lab
    before = {name: os.stat(lab.path("run", name + ".sock")).st_ino for name in SOCKETS}
    lab.mailspurd.stop()
    assert {name: os.stat(lab.path("run", name + ".sock")).st_ino for name in SOCKETS} == before
    lab.mailspurd.start()
