# SPDX-License-Identifier: Apache-2.0
"""Senders that behave as MTAs do, and the question every storm ends with: what was answered 250 is
delivered, nothing else is, and nothing comes under two ids."""
import smtplib
import threading

from .lab import DOMAIN, SENDER
from .mail import compose
from .process import Background


class Sender:
    """An MTA with a queue: sends message after message, each until it is answered 250."""

    def __init__(self, lab, name, sign=True, pause=0.0):
        self.lab = lab
        self.name = name
        self.sign = sign
        self.pause = pause   # seconds between two messages
        self.tried = []
        self.answered = {}   # recipient -> queue id
        self.temporary = []  # answers of 4xx
        self.permanent = []  # answers of 5xx; the message is given up
        self.stopping = threading.Event()
        self.work = Background(self._run)

    def _run(self):
        number = 0
        while not self.stopping.is_set():
            recipient = f"ticket+{self.name}-{number}@{DOMAIN}"
            message = compose(SENDER, recipient, body="x" * 2000 + "\r\n")
            if self.sign:
                message = self.lab.signer.sign(message)
            self.tried.append(recipient)
            if not self._until_answered(recipient, message):
                return
            number += 1
            self.stopping.wait(self.pause)

    def _until_answered(self, recipient, message):
        while True:
            answer = self._once(recipient, message)
            if answer.startswith("250"):
                self.answered[recipient] = answer.rsplit(" ", 1)[-1]
                return True
            if answer.startswith("5"):
                self.permanent.append(answer)
                return True
            self.temporary.append(answer)
            if self.stopping.wait(0.05):
                return False

    def _once(self, recipient, message):
        """The answer that decided it; "" when the connection did not last."""
        try:
            answers, answer = self.lab.send(recipient, message=message, sign=False)
        except smtplib.SMTPResponseException as refused:
            return f"4xx {refused.smtp_code} {refused.smtp_error}"
        except (smtplib.SMTPException, OSError):
            return ""
        return answer or answers[recipient]

    def stop(self):
        self.stopping.set()
        self.work.join(90)


def story(lab, queue_id):
    """What the logs say of a message, to explain a fault."""
    lines = lab.milter.log().splitlines() + lab.mailspurd.log().splitlines()
    return "\n".join(line for line in lines if queue_id in line)


def judge(lab, senders, timeout=120):
    """What is wrong, in words (empty: nothing); and how many messages were answered 250."""
    lab.wait_idle(timeout)
    ids = {}
    for request in lab.endpoint.requests:
        ids.setdefault(request.data["recipient"], set()).add(request.webhook_id)
    answered = {}
    for sender in senders:
        answered.update(sender.answered)
    tried = {recipient for sender in senders for recipient in sender.tried}
    faults = [f"lost: {recipient}\n" + story(lab, queue_id)
              for recipient, queue_id in answered.items() if recipient not in ids]
    faults += [f"invented: {recipient}" for recipient in sorted(set(ids) - tried)]
    faults += [f"twice: {recipient} {sorted(found)}" for recipient, found in sorted(ids.items())
               if len(found) > 1]
    return faults, len(answered)
