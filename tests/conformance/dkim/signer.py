# SPDX-License-Identifier: Apache-2.0
"""A signer that makes any signature, right or wrong: canonical forms straight from RFC 6376, 3.4,
RSA by openssl, Ed25519 by PyNaCl. Shares no code with what it tests."""
import base64
import hashlib
import pathlib
import re
import subprocess

import nacl.signing

FIELDS = [
    b"Received: from a.example.org by mx.example.net; Sun, 22 Nov 2026 10:00:00 +0000",
    b"From: Alice <alice@example.org>",
    b"To: ticket@yourmsp.example",
    b"Subject: printer is on fire",
    b"Date: Sun, 22 Nov 2026 10:00:00 +0000",
    b"Message-ID: <1@example.org>",
]
BODY = b"It burns.\r\n\r\nStill  does. \r\nAlice\r\n"
NAMES = b"from:to:subject:date:message-id"


class Rsa:
    algorithm = b"rsa-sha256"

    def __init__(self, folder, bits, primes=2):
        self.path = folder / f"rsa{bits}.pem"
        if not self.path.exists():
            subprocess.run(["openssl", "genrsa", "-traditional", "-primes", str(primes), "-out",
                            str(self.path), str(bits)], check=True, capture_output=True)
        self.pem = self.path.read_bytes()
        self.spki = self._public("-pubout")
        self.pkcs1 = self._public("-RSAPublicKey_out")

    def _public(self, form):
        return base64.b64encode(subprocess.run(
            ["openssl", "rsa", "-in", str(self.path), form, "-outform", "DER"], check=True,
            capture_output=True).stdout)

    def sign(self, data, digest="sha256"):
        return subprocess.run(["openssl", "dgst", "-" + digest, "-sign", str(self.path)],
                              input=data, check=True, capture_output=True).stdout

    def record(self, extra=b"v=DKIM1; k=rsa; "):
        return extra + b"p=" + self.spki


class Ed25519:
    algorithm = b"ed25519-sha256"

    def __init__(self, seed=b"\x07" * 32):
        self.key = nacl.signing.SigningKey(seed)
        self.public = base64.b64encode(bytes(self.key.verify_key))
        self.pem = base64.b64encode(seed)  # what dkimpy takes

    def sign(self, data, digest="sha256"):
        return self.key.sign(hashlib.new(digest, data).digest()).signature

    def record(self, extra=b"v=DKIM1; k=ed25519; "):
        return extra + b"p=" + self.public


def canonical_field(field, how):
    if how == "simple":
        return field + b"\r\n"
    name, value = field.split(b":", 1)
    value = re.sub(rb"\r\n", b"", value)
    return name.strip(b" \t").lower() + b":" + re.sub(rb"[ \t]+", b" ", value).strip(b" ") + b"\r\n"


def canonical_body(body, how):
    if how == "relaxed":
        body = re.sub(rb"[ \t]+(?=\r\n|\Z)", b"", body)
        body = re.sub(rb"[ \t]+", b" ", body)
    body = re.sub(rb"(\r\n)+\Z", b"", body)
    if body:
        return body + b"\r\n"
    return b"\r\n" if how == "simple" else b""


def select(fields, names):
    left = list(fields)
    for name in re.split(rb"[ \t\r\n]*:[ \t\r\n]*", names.strip()):
        for i in range(len(left) - 1, -1, -1):
            if left[i].split(b":", 1)[0].strip(b" \t").lower() == name.lower():
                yield left.pop(i)
                break


def fold(text, step=64):
    return b"\r\n ".join(text[i:i + step] for i in range(0, len(text), step))


def sign(key, fields=None, body=BODY, canon="relaxed/relaxed", length=None, digest="sha256",
         field_name=b"DKIM-Signature", layout=None, folded=True, sign_names=None, **tags):
    """The signature field. Tags given as keywords replace the usual ones; None leaves one out.
    layout: a function that gets the list of (name, value) and makes the value of the field."""
    fields = FIELDS if fields is None else fields
    how_header, how_body = canon.split("/")
    text = canonical_body(body, how_body)
    values = {
        "v": b"1", "a": key.algorithm, "c": canon.encode(), "d": b"example.org", "s": b"rsa",
        "h": NAMES,
        "bh": base64.b64encode(hashlib.new(digest, text[:length]).digest()), "b": b"",
    }
    if length is not None:
        values["l"] = str(length).encode()
    for name, value in tags.items():
        values[name.rstrip("_")] = value.encode() if isinstance(value, str) else value
    pairs = [(name.encode(), value) for name, value in values.items() if value is not None]
    names = values.get("h") or b"" if sign_names is None else sign_names
    layout = layout or (lambda list_: b" " + b"; ".join(n + b"=" + v for n, v in list_))
    # White space around the value of b= goes with it (RFC 6376, 3.7).
    marked = layout([(n, b"\0" if n == b"b" else v) for n, v in pairs])
    empty = field_name + b":" + re.sub(rb"[ \t\r\n]*\0[ \t\r\n]*", b"", marked)
    data = b"".join(canonical_field(f, how_header) for f in select(fields, names))
    data += canonical_field(empty, how_header)[:-2]
    made = base64.b64encode(key.sign(data, digest))
    made = fold(made) if folded else made
    return field_name + b":" + layout([(n, made if n == b"b" and not v else v) for n, v in pairs])


def message(fields, body=BODY):
    return b"".join(f + b"\r\n" for f in fields) + b"\r\n" + body


def signed(key, fields=None, body=BODY, **options):
    fields = FIELDS if fields is None else fields
    return message([sign(key, fields, body, **options)] + list(fields), body)


class Zone:
    """Records for us (master-file escapes) and for dkimpy."""

    def __init__(self):
        self.texts = {}
        self.marks = {}

    def add(self, selector, text, domain=b"example.org"):
        name = selector.encode() + b"._domainkey." + domain
        self.texts.setdefault(name, []).append(text)

    def mark(self, selector, what, domain=b"example.org"):
        self.marks[selector.encode() + b"._domainkey." + domain] = what

    def lookup(self, name, timeout=5):
        name = name.rstrip(b".") if isinstance(name, bytes) else name.rstrip(".").encode()
        if name in self.marks:
            return None
        return self.texts.get(name, [None])[0]

    def write(self, path):
        lines = [name + b" TXT " + re.sub(rb"[^ -~]|\\", lambda m: b"\\%03d" % m[0][0], text)
                 for name, texts in self.texts.items() for text in texts]
        lines += [name + what for name, what in self.marks.items()]
        pathlib.Path(path).write_bytes(b"\n".join(lines) + b"\n")
