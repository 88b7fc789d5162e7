# SPDX-License-Identifier: Apache-2.0
"""A small Amazon SES v2: the calls that a domain identity needs, on loopback. It checks Signature
Version 4 by itself, asks the test DNS as SES asks the world's, and misbehaves as told."""
import hashlib
import hmac
import http.server
import json
import re
import secrets
import socket
import ssl
import struct
import threading
import time
import urllib.parse
from email.utils import formatdate

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

SKEW_TOLERATED = 300  # seconds, as SES
HUGE = 1024 * 1024    # bytes
IDENTITIES = "/v2/email/identities"


class Refusal(Exception):
    """An answer that is no success, as SES gives it."""

    def __init__(self, status, error_type, message):
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.message = message


def _hash(data):
    return hashlib.sha256(data).hexdigest()


def _sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _canonical_request(method, target, headers, signed_names, body):
    path, _, query = target.partition("?")
    pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
    lines = [method, urllib.parse.quote(path, safe="/-_.~"),
             "&".join(f"{urllib.parse.quote(k, safe='-_.~')}={urllib.parse.quote(v, safe='-_.~')}"
                      for k, v in pairs)]
    lines += [f"{name}:{' '.join(headers[name].split())}" for name in signed_names]
    return "\n".join(lines + ["", ";".join(signed_names), _hash(body)])


class FakeSes:
    """`faults[call]` (get, create, set_mail_from, delete) holds what to do with its next requests:
    throttle, concurrent, internal, cut (nothing done), lost (done, not answered), late (done after
    release()), slow (done and answered after release()), hang, garbage, twice, html, huge, a Refusal, or the bytes of the whole answer."""

    def __init__(self, region="eu-central-1", resolver=None, tls=None):
        self.region = region
        self.resolver = resolver  # (address, port): where records are looked up
        self.tls = tls            # (certificate file, key file)
        self.keys = {"AKIAMAILSPURTESTKEY1": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
        self.session_token = None
        self.zone = f"k7.dkim.{region}.example"  # not the one everybody has in the head
        self.clock_offset = 0     # seconds that its clock is ahead
        self.identities = {}
        self.requests = []        # (call, domain, body) of all that were signed well
        self.done = []            # (call, domain) of all that changed or told something
        self.late_over = 0        # late calls that came to their end
        self.faults = {}
        self.lock = threading.RLock()
        self.released = threading.Event()
        self.server = None

    # ---- life ------------------------------------------------------------------------------

    def start(self):
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                fake._serve(self, body)

            do_GET = do_POST = do_PUT = do_DELETE = serve

            def date_time_string(self, timestamp=None):
                return formatdate(fake._now(), usegmt=True)

            def log_message(self, *_args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_args):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        if self.tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def release(self):
        self.released.set()

    def stop(self):
        self.release()
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_args):
        self.stop()

    @property
    def url(self):
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://127.0.0.1:{self.server.server_address[1]}"

    def count(self, call):
        """How often this call was carried out."""
        with self.lock:
            return sum(1 for done, _ in self.done if done == call)

    def add_identity(self, domain, tags=(), mail_from=None):
        """As somebody made it by hand."""
        self.identities[domain] = {
            "tags": list(tags), "mail_from": mail_from, "behavior": "USE_DEFAULT_VALUE",
            "tokens": [secrets.token_hex(16) for _ in range(3)], "origin": "AWS_SES"}

    def _now(self):
        return time.time() + self.clock_offset

    # ---- the signature ---------------------------------------------------------------------

    def _check_signature(self, handler, body):
        headers = {name.lower(): value for name, value in handler.headers.items()}
        form = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/ses/aws4_request, "
                            r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
                            headers.get("authorization", ""))
        if form is None:
            raise Refusal(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
        key_id, day, region, signed, signature = form.groups()
        names, stamp = signed.split(";"), headers.get("x-amz-date", "")
        if key_id not in self.keys or headers.get("x-amz-security-token") != self.session_token:
            raise Refusal(403, "UnrecognizedClientException",
                          "The security token included in the request is invalid.")
        sent = {name for name in headers if name == "host" or name.startswith("x-amz-")}
        if names != sorted(names) or not sent <= set(names) or region != self.region \
                or not re.fullmatch(day + r"T\d{6}Z", stamp):
            raise Refusal(403, "IncompleteSignatureException", "what is signed is not enough")
        signed_at = time.mktime(time.strptime(stamp, "%Y%m%dT%H%M%SZ")) - time.timezone
        if abs(signed_at - self._now()) > SKEW_TOLERATED:
            raise Refusal(403, "InvalidSignatureException", f"Signature expired: {stamp}")
        key = ("AWS4" + self.keys[key_id]).encode()
        for part in (day, region, "ses", "aws4_request"):
            key = _sign(key, part)
        canonical = _canonical_request(handler.command, handler.path, headers, names, body)
        wanted = _sign(key, "\n".join(["AWS4-HMAC-SHA256", stamp,
                                       f"{day}/{region}/ses/aws4_request",
                                       _hash(canonical.encode())])).hex()
        if not hmac.compare_digest(wanted, signature):
            raise Refusal(403, "InvalidSignatureException", "The request signature we calculated "
                          "does not match the signature you provided.\n\n" + canonical)

    # ---- one request -----------------------------------------------------------------------

    def _serve(self, handler, body):
        try:
            self._check_signature(handler, body)
            call, domain, arguments = self._route(handler, body)
            with self.lock:
                self.requests.append((call, domain, arguments))
                waiting = self.faults.get(call)
                fault = waiting.pop(0) if waiting else None
            self._answer(handler, fault, lambda: self._work(call, domain, arguments))
        except Refusal as refusal:
            self._refuse(handler, refusal)

    @staticmethod
    def _route(handler, body):
        parts = handler.path.removeprefix(IDENTITIES).strip("/").split("/")
        arguments = json.loads(body) if body else {}
        if handler.path == IDENTITIES and handler.command == "POST":
            return "create", arguments["EmailIdentity"], arguments
        call = {("GET", 1): "get", ("DELETE", 1): "delete",
                ("PUT", 2): "set_mail_from"}.get((handler.command, len(parts)))
        if call is None or not handler.path.startswith(IDENTITIES + "/") \
                or parts[1:] not in ([], ["mail-from"]):
            raise Refusal(404, "UnknownOperationException", "")
        return call, parts[0], arguments

    def _answer(self, handler, fault, work):
        refusals = {
            "throttle": Refusal(429, "TooManyRequestsException", "Rate exceeded"),
            "concurrent": Refusal(500, "ConcurrentModificationException", "try again"),
            "internal": Refusal(500, "InternalServiceErrorException", "oops"),
        }
        if isinstance(fault, bytes):
            handler.wfile.write(fault)
            return
        if isinstance(fault, Refusal) or fault in refusals:
            raise refusals.get(fault, fault)
        if fault in ("hang", "late", "slow"):
            self.released.wait(60)
        try:
            done = None if fault in ("cut", "hang") else work()
        finally:
            self.late_over += fault == "late"
        if fault in ("cut", "hang", "lost", "late"):
            self._cut(handler)
            return
        bodies = {None: json.dumps(done), "slow": json.dumps(done), "garbage": '{"IdentityType": "DOM', "html": "<html>hello",
                  "twice": '{"IdentityType": "DOMAIN", "IdentityType": "DOMAIN"}',
                  "huge": '{"x": "' + "x" * HUGE + '"}'}
        self._send(handler, 200, bodies[fault].encode())

    @staticmethod
    def _cut(handler):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        handler.connection.close()

    @staticmethod
    def _send(handler, status, body, headers=()):
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _refuse(self, handler, refusal):
        headers = [("x-amzn-ErrorType", refusal.error_type)] if refusal.error_type else []
        if refusal.status == 429:
            headers.append(("Retry-After", "1"))
        self._send(handler, refusal.status, json.dumps({"message": refusal.message}).encode(),
                   headers)

    # ---- the calls -------------------------------------------------------------------------

    def _work(self, call, domain, arguments):
        with self.lock:
            answer = getattr(self, "_" + call)(domain, arguments)
            self.done.append((call, domain))
            return answer

    def _known(self, domain):
        if domain not in self.identities:
            raise Refusal(404, "NotFoundException", f"Email identity {domain} does not exist.")
        return self.identities[domain]

    def _create(self, domain, arguments):
        if domain in self.identities:
            raise Refusal(400, "AlreadyExistsException", f"Email identity {domain} already exist.")
        if arguments.get("DkimSigningAttributes") != {"NextSigningKeyLength": "RSA_2048_BIT"}:
            raise Refusal(400, "BadRequestException", "2048 bits were expected")
        self.add_identity(domain, arguments.get("Tags", []))
        described = self._describe(domain)
        return {name: described[name] for name in ("IdentityType", "VerifiedForSendingStatus",
                                                   "DkimAttributes")}

    def _get(self, domain, _arguments):
        self._known(domain)
        return self._describe(domain)

    def _set_mail_from(self, domain, arguments):
        identity = self._known(domain)
        identity["mail_from"] = arguments.get("MailFromDomain")
        identity["behavior"] = arguments.get("BehaviorOnMxFailure")
        return {}

    def _delete(self, domain, _arguments):
        self._known(domain)
        del self.identities[domain]
        return {}

    def _describe(self, domain):
        identity = self.identities[domain]
        error = self._dkim_error(domain, identity)
        good = error is None
        described = {
            "IdentityType": "DOMAIN", "FeedbackForwardingStatus": True,
            "VerifiedForSendingStatus": good, "VerificationStatus": "SUCCESS" if good else "PENDING",
            "DkimAttributes": {
                "SigningEnabled": True, "Status": "SUCCESS" if good else "PENDING",
                "SigningAttributesOrigin": identity["origin"],
                "CurrentSigningKeyLength": "RSA_2048_BIT", "Tokens": identity["tokens"],
                "SigningHostedZone": self.zone},
            "Policies": {}, "Tags": identity["tags"],
            "VerificationInfo": {} if good or self.resolver is None else {"ErrorType": error}}
        if identity["mail_from"]:
            described["MailFromAttributes"] = {
                "MailFromDomain": identity["mail_from"],
                "MailFromDomainStatus": self._mail_from_status(identity["mail_from"]),
                "BehaviorOnMxFailure": identity["behavior"]}
        return described

    # ---- what SES sees in the DNS ----------------------------------------------------------

    def _lookup(self, name, record_type):
        """Texts of the records of this very name; None: no such name."""
        query = dns.message.make_query(name, record_type)
        answer = dns.query.udp(query, self.resolver[0], port=self.resolver[1], timeout=5)
        if answer.rcode() == dns.rcode.NXDOMAIN:
            return None
        return [record.to_text() for found in answer.answer
                if dns.rdatatype.to_text(found.rdtype) == record_type for record in found]

    def _dkim_error(self, domain, identity):
        if self.resolver is None:
            return "HOST_NOT_FOUND"
        for token in identity["tokens"]:
            try:
                found = self._lookup(f"{token}._domainkey.{domain}", "CNAME")
            except dns.exception.DNSException:
                return "DNS_SERVER_ERROR"
            if not found:
                return "HOST_NOT_FOUND" if found is None else "TYPE_NOT_FOUND"
            if found != [f"{token}.{self.zone}."]:
                return "INVALID_VALUE"
        return None

    def _mail_from_status(self, name):
        if self.resolver is None:
            return "PENDING"
        try:
            mx, txt = self._lookup(name, "MX") or [], self._lookup(name, "TXT") or []
        except dns.exception.DNSException:
            return "TEMPORARY_FAILURE"
        good = mx == [f"10 feedback-smtp.{self.region}.amazonses.com."] \
            and any("include:amazonses.com" in text for text in txt)
        return "SUCCESS" if good else "PENDING"
