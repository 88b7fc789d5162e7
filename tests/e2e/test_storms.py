# SPDX-License-Identifier: Apache-2.0
"""Storms: one part fails again and again while mail comes in and goes out. What was answered 250 is
delivered, nothing is invented or comes under two ids, memory stays bounded, and all is well again
without a restart. Each has a short form here; `./dev soak NAME MINUTES` runs it for longer."""
import contextlib
import mmap
import os
import random
import struct
import sys
import time

import pytest

from tests.lab.disk import fill, lab_on_a_small_disk
from tests.lab.lab import DOMAIN, ROOT, SENDER, Lab
from tests.lab.load import Sender, judge
from tests.lab.mail import BAD_CLIENT, compose
from tests.lab.process import Background, wait_until

sys.path.insert(0, os.path.join(ROOT, "tests", "faults"))
import powercut  # noqa: E402  pylint: disable=wrong-import-position,import-error

SECONDS = 60 * float(os.environ.get("MAILSPUR_SOAK_MINUTES", "0"))  # 0: the short form
IS_LONG = SECONDS > 0
# A preload and the sanitizers' runtime do not go together, and memory is measured without them.
BUILD = os.path.join(ROOT, "build", "debug")
DAY_MS = 24 * 3600 * 1000
RSS_MOST = 120 << 20  # of one daemon; docs/durability.md tells what was seen
TICKET = f"ticket+1@{DOMAIN}"


def cycles(short=2):
    """As many rounds as there is time for; the short form has few."""
    end = time.monotonic() + SECONDS
    number = 0
    while number < short or time.monotonic() < end:
        yield number
        number += 1


def rss_of(daemon):
    """Resident memory: the most so far, in bytes."""
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@contextlib.contextmanager
def bounded_memory(lab, what):
    """The daemons that began are those that end, and neither grew beyond its bound."""
    before = [daemon.process.pid for daemon in (lab.mailspurd, lab.milter)]
    yield
    assert [daemon.process.pid for daemon in (lab.mailspurd, lab.milter)] == before
    assert lab.mailspurd.is_running() and lab.milter.is_running(), lab.last_words()
    most = {daemon.name: rss_of(daemon) for daemon in (lab.mailspurd, lab.milter)}
    print(f"{what}: " + ", ".join(f"{name} {size / 2 ** 20:.1f} MB"
                                  for name, size in most.items()), end="; ")
    assert max(most.values()) < RSS_MOST, most


@contextlib.contextmanager
def load(lab, what, senders=3, pause=0.02):
    """Mail comes in and goes out while the block runs; then everything is judged."""
    running = [Sender(lab, f"s{number}", sign=False, pause=pause) for number in range(senders)]
    with bounded_memory(lab, what):
        try:
            yield running
        finally:
            for sender in running:
                sender.stop()
        faults, answered = judge(lab, running, timeout=400)  # a breaker pauses for up to 5 min
    refused = sum(len(sender.temporary) for sender in running)
    print(f"{answered} answered 250, {refused} refused for now")
    assert faults == []
    assert [answer for sender in running for answer in sender.permanent] == []
    assert answered > 0


def answered(senders):
    return sum(len(sender.answered) for sender in senders)


def some_more(senders, count=6):
    """Wait until so many more messages are answered 250."""
    before = answered(senders)
    wait_until(lambda: answered(senders) >= before + count, f"{count} messages more", timeout=60)


def refused(senders, code):
    """Wait until a sender hears an answer with this code that nobody heard before."""
    def count():
        return sum(code in answer for sender in senders for answer in sender.temporary)
    before = count()
    wait_until(lambda: count() > before, f"an answer {code}", timeout=60)


# ---- the store's disk ------------------------------------------------------------------------

@pytest.fixture
def small_disk():
    """What is done goes at once."""
    config = {"store": {"keep_done": "0s", "keep_evidence": "0s"}}
    with lab_on_a_small_disk(48, build=BUILD, config=config) as lab:
        yield lab


def test_disk_full_again_and_again(small_disk):
    lab = small_disk
    filler = lab.path("state", "filler")
    with load(lab, "disk full") as senders:
        for _ in cycles():
            some_more(senders)
            fill(filler)
            refused(senders, "452 4.3.1")
            os.unlink(filler)
            some_more(senders)


@pytest.fixture
def faulty_disk():
    """The store's files fail as the test says: the kernel here has no quota, and lets no file system
    with open files become read-only."""
    lab = Lab(build=BUILD)
    lab._owned_folder("state.image")  # pylint: disable=protected-access
    lab.disk = powercut.Disk(lab.borrow(os.path.join(BUILD, "tests", "libpowercut.so")),
                             lab.path("state"))
    lab.mailspurd.env.update(lab.disk.environment())
    with lab:
        yield lab


@pytest.mark.parametrize("fault, answer", [("quota", "452 4.3.1"), ("readonly", "451 4.3.0"),
                                           ("sync", "451 4.3.0")])
def test_disk_quota_or_read_only_and_back(faulty_disk, fault, answer):
    lab = faulty_disk
    with load(lab, fault) as senders:
        for _ in cycles():
            some_more(senders)
            lab.disk.fault(fault)
            refused(senders, answer)
            lab.disk.fault("")
            some_more(senders)


# ---- the endpoint ----------------------------------------------------------------------------

@pytest.fixture(scope="module")
def calm_lab():
    with Lab(build=BUILD) as lab:
        yield lab


@pytest.fixture
def plain_lab(calm_lab):
    """For storms that leave a lab as it was."""
    calm_lab.endpoint.requests.clear()
    return calm_lab


@pytest.fixture
def flapping_lab():
    """A request may take 2 s."""
    lab = Lab(build=BUILD)
    lab.write_config(destinations={"psa": lab.destination("psa", timeout="2s")})
    with lab:
        yield lab


def test_endpoint_flapping(flapping_lab):
    lab = flapping_lab
    weather = ["cut", 503, "garbage", "slow", 429, "hang", (200, {"Retry-After": "1"}), 500]
    dice = random.Random(1)
    with load(lab, "endpoint") as senders:
        for number in cycles():
            lab.endpoint.script[:] = [weather[(4 * number + i) % len(weather)] for i in range(4)]
            some_more(senders, 20)
            if IS_LONG and number % 10 == 9:
                lab.endpoint.stop()
                some_more(senders, dice.randint(5, 30))
                lab.endpoint.released.clear()
                lab.endpoint.start()
        lab.endpoint.script.clear()  # each fault left would cost a probe of the breaker, minutes apart
    assert all(request.signature_good for request in lab.endpoint.requests)


# ---- the DNS ---------------------------------------------------------------------------------

def test_dns_dying_and_returning(plain_lab):
    lab = plain_lab
    with load(lab, "dns") as senders:
        for number in cycles():
            some_more(senders)
            server = (lab.dns.unbound, lab.dns.nsd)[number % 2]
            server.kill()
            some_more(senders, 2)
            server.start()
            some_more(senders)
    verdicts = {request.data["verdict"]["dmarc"]["result"] for request in lab.endpoint.requests}
    assert verdicts == {"pass", "temperror"}


# ---- the clock -------------------------------------------------------------------------------

class Clock:
    """The wall clock of the daemons, which jumps."""

    def __init__(self, lab):
        path = lab.path("clock")
        with open(path, "wb") as out:
            out.write(bytes(8))
        os.chmod(path, 0o644)
        with open(path, "r+b") as file:
            self.offset = mmap.mmap(file.fileno(), 8)
        library = lab.borrow(os.path.join(BUILD, "tests", "libclockjump.so"))
        for daemon in (lab.mailspurd, lab.milter):
            daemon.env.update({"LD_PRELOAD": library, "MAILSPUR_CLOCKJUMP": path})

    def jump(self, offset_ms):
        self.offset[:] = struct.pack("=q", offset_ms)


@pytest.fixture
def jumping_lab():
    lab = Lab(build=BUILD, config={"store": {"hold_for": "2h", "keep_done": "2h"}})
    lab.clock = Clock(lab)
    lab.write_config(destinations={"psa": lab.destination("psa"), "crm": lab.destination("crm")})
    with lab:
        yield lab


def test_clock_jumping_a_day_forward_and_back(jumping_lab):
    lab = jumping_lab
    lab.dns.set_txt("_dmarc.sender.example", "v=DMARC1; p=quarantine")
    lab.dns.publish()
    assert lab.send(TICKET, client=BAD_CLIENT, sign=False)[1].startswith("250")  # held
    lab.dns.set_txt("_dmarc.sender.example", "v=DMARC1; p=reject")
    lab.dns.publish()
    message = lab.signer.sign(compose(SENDER, TICKET))
    assert lab.send(TICKET, message=message, sign=False)[1].startswith("250")
    with load(lab, "clock") as senders:
        senders[0].tried.append(TICKET)
        for number in cycles():
            for offset_ms in ((DAY_MS, -DAY_MS)[number % 2], 0):
                some_more(senders)
                lab.endpoint.script[:] = [503] * 3  # retries are waiting when the clock jumps
                wait_until(lambda: not lab.endpoint.script, "three failures")
                lab.clock.jump(offset_ms)
                lab.endpoint.script[:] = [503]
                some_more(senders)
                lab.endpoint.wait_for(len(lab.endpoint.requests) + 6)
                assert lab.send(TICKET, message=message, sign=False)[1].startswith("250")
    states = lab.cli("status")["deliveries"]
    assert states["dead"] == 0 and states["held"] == 1, states
    assert len({r.webhook_id for r in lab.endpoint.requests if r.data["recipient"] == TICKET}) == 1
    if IS_LONG:
        assert "clock.jumped" in lab.mailspurd.log()


# ---- sessions --------------------------------------------------------------------------------

def test_sessions_idle_and_busy():
    idle, busy = (2000, 200) if IS_LONG else (60, 20)
    postfix = {"default_process_limit": str(idle + busy + 100), "smtpd_timeout": "3600s",
               "smtpd_client_connection_rate_limit": "0"}
    with Lab(build=BUILD, postfix=postfix) as lab:
        sessions = []
        try:
            for number in range(idle):
                smtp = lab.session(timeout=120)
                smtp.mail(SENDER)
                assert smtp.rcpt(f"ticket+idle{number}@{DOMAIN}")[0] == 250
                sessions.append(smtp)
            with load(lab, f"{idle} idle, {busy} busy sessions", senders=busy,
                      pause=0.0) as senders:
                for _ in cycles(1):
                    some_more(senders, 2 * busy)
        finally:
            for smtp in sessions:
                smtp.close()


def test_slow_client_of_one_byte_a_second_holds_up_no_other(plain_lab):
    lab = plain_lab
    slow = [lab.session() for _ in range(8)]
    for number, smtp in enumerate(slow):
        smtp.mail(SENDER)
        smtp.rcpt(f"ticket+slow{number}@{DOMAIN}")
        smtp.docmd("DATA")
    with load(lab, "slow clients") as senders:
        for number in cycles(3):
            for smtp in slow:
                smtp.sock.send(b"x")
            began = time.monotonic()
            some_more(senders, 6)
            assert time.monotonic() - began < 10
            if IS_LONG:
                time.sleep(1)
    for smtp in slow:
        smtp.close()


# ---- strangers -------------------------------------------------------------------------------

def probe(lab, seed, count):
    """Ask for `count` random recipients, none of which exists; the answers that are not 550."""
    dice = random.Random(seed)
    odd = []
    done = 0
    while done < count:
        with lab.session() as smtp:
            smtp.mail(SENDER)
            for _ in range(min(500, count - done)):
                answer = smtp.rcpt(f"{dice.getrandbits(64):x}@{DOMAIN}")
                done += 1
                if answer[0] != 550:
                    odd.append(answer)
    return odd


def test_probes_of_recipients_that_do_not_exist(plain_lab):
    lab = plain_lab
    count = 100_000 if IS_LONG else 2_000
    probe(lab, 0, 500)
    before = {daemon.name: rss_of(daemon) for daemon in (lab.mailspurd, lab.milter)}
    with load(lab, f"{count} recipients probed", senders=1) as senders:
        workers = [Background(lambda w=w: probe(lab, w, count // 4)) for w in range(1, 5)]
        odd = [answer for worker in workers for answer in worker.join(3600)]
        some_more(senders, 1)
    assert odd == []
    for daemon in (lab.mailspurd, lab.milter):
        assert rss_of(daemon) - before[daemon.name] < 16 << 20
