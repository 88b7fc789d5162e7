# SPDX-License-Identifier: Apache-2.0
"""`./dev up`: the main job on loopback, shown step by step; --once ends after the delivery."""
import argparse
import json
import os
import signal
import subprocess
import sys

from .lab import DOMAIN, SENDER, Lab, sanitizer_settings
from .mail import GOOD_CLIENT, compose

RECIPIENT = f"ticket+4711@{DOMAIN}"
SMTP_PORT = 2525
BOLD, GREEN, DIM, PLAIN = ("\033[1m", "\033[32m", "\033[2m", "\033[0m") if sys.stdout.isatty() \
    else ("", "", "", "")


def say(title, *lines):
    print(f"{BOLD}{GREEN}==>{PLAIN} {BOLD}{title}{PLAIN}")
    for line in lines:
        print(f"    {line}")
    sys.stdout.flush()


def run_shown(lab, *words):
    """One command of the CLI as a person runs it."""
    done = lab.cli_text(*words, check=False)
    say(f"mailspur {' '.join(words)}", *(done.stdout + done.stderr).splitlines())
    return done.returncode


def bring_in_domain(lab):
    """From `domain add` to mail that is taken: the records are put into the lab's zone between two checks,
    and `verify --watch` sees it. Returns its status."""
    run_shown(lab, "domain", "add", DOMAIN)
    run_shown(lab, "domain", "verify", DOMAIN)
    watch = subprocess.Popen(
        [lab.program("mailspur"), "-c", lab.config_path, "domain", "verify", DOMAIN, "--watch",
         "--timeout", "60s"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        env={"PATH": os.environ["PATH"], **sanitizer_settings()})
    say(f"mailspur domain verify {DOMAIN} --watch")
    print(f"    {watch.stdout.readline().rstrip()}")  # the first check is over
    say("Its owner publishes the records; the watch goes on")
    lab.publish_ownership(DOMAIN)
    for line in watch.stdout:
        print(f"    {line.rstrip()}", flush=True)
    watch.wait()
    run_shown(lab, "domain", "inbound", "on", DOMAIN)
    return lab.cli("domain", "show", DOMAIN)["status"]


def describe_verdict(verdict):
    signatures = ", ".join(f"{item['result']} ({item['domain']}, {item['algorithm']})"
                           for item in verdict["dkim"]) or "none"
    return [f"SPF   {verdict['spf']['result']} ({verdict['spf']['domain']}, client {GOOD_CLIENT})",
            f"DKIM  {signatures}",
            f"DMARC {verdict['dmarc']['result']} (policy {verdict['dmarc']['policy']},"
            f" aligned {' and '.join(verdict['dmarc']['aligned']) or 'nothing'})"]


def describe_request(request):
    head = [f"POST {request.path} HTTP/1.1"]
    head += [f"{name}: {value}" for name, value in request.headers.items()]
    event = request.event
    event["data"]["raw"] = event["data"]["raw"][:40] + f"... ({len(request.raw_message)} bytes of mail)"
    return head + [""] + json.dumps(event, indent=2, ensure_ascii=False).splitlines() + \
        ["", f"signature {'verified' if request.signature_good else 'WRONG'} with the shared secret"]


def send_one(lab):
    """The main job once. Returns the summary that --once prints."""
    message = compose(f"Alice <{SENDER}>", RECIPIENT, subject="Printer on fire \U0001f525",
                      body="The printer in room 12 is on fire.\r\nPlease hurry.\r\n",
                      extra=["MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8"])
    say(f"Sending a DKIM-signed message over SMTP to 127.0.0.1:{lab.postfix.port}",
        f"from {SENDER} at {GOOD_CLIENT} to {RECIPIENT}")
    _, smtp = lab.send(RECIPIENT, message=message, options=["SMTPUTF8"])
    say("Postfix answered", smtp)
    summary = {"smtp": smtp, "spf": None, "dkim": None, "dmarc": None, "delivered": False}
    try:
        request = lab.endpoint.wait_for(1, timeout=20)[0]
    except TimeoutError as error:
        say(f"Nothing arrived: {error}", *lab.mailspurd.log_tail().splitlines())
        return summary
    verdict = request.data["verdict"]
    say("The verdict", *describe_verdict(verdict))
    say("The route", f"{request.data['route']}: {request.data['recipient']} -> "
        f"{request.data['destination']['key']}, captures {json.dumps(request.data['captures'])}")
    say("What the endpoint received", *describe_request(request))
    dkim = next((item["result"] for item in verdict["dkim"]), "none")
    summary.update(spf=verdict["spf"]["result"], dkim=dkim, dmarc=verdict["dmarc"]["result"],
                   delivered=request.signature_good and smtp.startswith("250"),
                   webhook_id=request.webhook_id, message_id=request.data["message_id"])
    return summary


def show_hints(lab):
    cli = f"{lab.program('mailspur')} -c {lab.config_path}"
    say("Running until Ctrl-C. Try:",
        f"swaks --server 127.0.0.1:{lab.postfix.port} --xclient 'ADDR={GOOD_CLIENT}'"
        f" --from {SENDER} --to support@{DOMAIN}",
        f"{cli} status", f"{cli} message list", f"{cli} delivery list", f"{cli} domain show {DOMAIN}",
        "", "sockets:", *[f"  {name}: {socket['path']}"
                          for name, socket in lab.config["sockets"].items()],
        f"  milter: {lab.config['milter']['socket']}", f"logs: {lab.folder}/*.log")


def run_until_interrupted(lab):
    def interrupt(*_args):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, interrupt)
    seen = len(lab.endpoint.requests)
    try:
        while True:
            with lab.endpoint.changed:
                lab.endpoint.changed.wait_for(lambda: len(lab.endpoint.requests) > seen, 3600)
                fresh, seen = lab.endpoint.requests[seen:], len(lab.endpoint.requests)
            for request in fresh:
                say("Another request arrived", *describe_request(request))
    except KeyboardInterrupt:
        print()


def main():
    parser = argparse.ArgumentParser(prog="./dev up")
    parser.add_argument("--once", action="store_true", help="end after the delivery")
    parser.add_argument("--port", type=int, default=SMTP_PORT, help="SMTP port of the demo Postfix")
    options = parser.parse_args()
    say("Starting NSD, Unbound, Postfix, mailspurd, mailspur-milter and an HTTP endpoint")
    with Lab(smtp_port=options.port, add_domain=False) as lab:
        status = bring_in_domain(lab)
        summary = {"domain": DOMAIN, "domain_status": status, **send_one(lab)}
        if not options.once:
            show_hints(lab)
            run_until_interrupted(lab)
    if options.once:
        print(json.dumps(summary))
    return 0 if summary["delivered"] else 1


if __name__ == "__main__":
    sys.exit(main())
