# SPDX-License-Identifier: Apache-2.0
"""Messages and SMTP sessions, as strangers make them."""
import base64
import email.utils
import os
import smtplib
import subprocess

import dkim

GOOD_CLIENT = "192.0.2.10"   # listed in the sender's SPF record
BAD_CLIENT = "203.0.113.66"  # not listed


class Signer:
    """An RSA key of a domain: publishes its record, signs messages."""

    def __init__(self, folder, domain, selector="s1"):
        self.domain = domain
        self.selector = selector
        path = os.path.join(folder, f"dkim-{domain}.pem")
        subprocess.run(["openssl", "genrsa", "-out", path, "2048"], check=True, capture_output=True)
        with open(path, "rb") as key:
            self.private_key = key.read()
        public = subprocess.run(["openssl", "rsa", "-in", path, "-pubout", "-outform", "DER"],
                                check=True, capture_output=True).stdout
        self.record = "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()

    @property
    def record_name(self):
        return f"{self.selector}._domainkey.{self.domain}"

    def sign(self, message):
        field = dkim.sign(message, self.selector.encode(), self.domain.encode(), self.private_key,
                          canonicalize=(b"relaxed", b"relaxed"),
                          include_headers=[b"from", b"to", b"subject", b"date", b"message-id"])
        return field + message


def compose(sender, recipient, subject="Printer on fire", body="Please help.\r\n", extra=(),
            date=True, message_id=True):
    """A message as bytes with CRLF line ends."""
    lines = [f"From: {sender}", f"To: {recipient}", f"Subject: {subject}", *extra]
    if date:
        lines.append(f"Date: {email.utils.formatdate()}")
    if message_id:
        lines.append(f"Message-ID: {email.utils.make_msgid(domain='sender.example')}")
    head = "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n"
    return head + (body if isinstance(body, bytes) else body.encode("utf-8"))


class Session(smtplib.SMTP):
    """An SMTP session from any client address (XCLIENT); `login`: as a SASL user."""

    def __init__(self, port, client=GOOD_CLIENT, helo="mail.sender.example", login=None,
                 timeout=60):
        super().__init__("127.0.0.1", port, timeout=timeout, local_hostname=helo)
        self.ehlo_or_helo_if_needed()
        if client is not None:
            attributes = f"ADDR={client} NAME={helo}" + (f" LOGIN={login}" if login else "")
            self.check(self.docmd("XCLIENT", attributes), 220)
            self.ehlo(helo)

    @staticmethod
    def check(answer, code):
        if answer[0] != code:
            raise smtplib.SMTPResponseException(*answer)
        return answer

    def transaction(self, sender, recipients, message, options=()):
        """One message; the answers as text: ({recipient: answer}, answer to the data or None)."""
        self.check(self.mail(sender, list(options)), 250)
        answers = {}
        for recipient in recipients:
            answers[recipient] = text_of(self.rcpt(recipient))
        if not any(answer.startswith("25") for answer in answers.values()):
            self.rset()
            return answers, None
        return answers, text_of(self.data(message))


def text_of(answer):
    code, text = answer
    return f"{code} {text.decode('utf-8', 'replace')}"
