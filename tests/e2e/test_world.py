# SPDX-License-Identifier: Apache-2.0
"""Zones delegated as in the world, on three name servers that differ: each is asked and told for what
it is. Needs port 53, so a network namespace; no mail and no daemon of ours is in it."""
import os
import shutil
import subprocess
import tempfile

import pytest

from tests.lab.dns import Dns, quote_txt
from tests.lab.lab import default_build, sanitizer_settings

pytestmark = pytest.mark.skipif(os.environ.get("MAILSPUR_LAB_NAMESPACE") != "1",
                                reason="needs port 53 of a namespace")
DOMAIN = "yourmsp.test"


@pytest.fixture(scope="module")
def names():
    folder = tempfile.mkdtemp(prefix="mailspur-world-")
    os.chmod(folder, 0o755)
    server = Dns(folder, listen_on_53=True, world=True)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def ask(names, *domains):
    """What authority_ask prints: by name, type and server the rest of the line."""
    done = subprocess.run(
        [os.path.join(default_build(), "bench", "authority_ask"), "--print", "--resolver",
         names.server], input="\n".join(domains) + "\n", capture_output=True, text=True,
        check=True, timeout=60, env={"PATH": os.environ["PATH"], **sanitizer_settings()})
    said = {}
    for line in done.stdout.splitlines()[:-1]:
        name, record_type, zone, host, address, *rest = line.split(" ", 9)
        said[(name, record_type, host.split(".")[0])] = dict(
            zip(("outcome", "reason", "serial", "resolver", "text"), rest), zone=zone,
            address=address)
    return said


def test_a_good_a_late_and_a_lame_server_are_told_apart(names):
    zone = names.world.zone(DOMAIN)
    zone.set(DOMAIN, "TXT", quote_txt("v=spf1 -all"))
    names.world.publish()
    zone.freeze("late")
    zone.set("_dmarc." + DOMAIN, "TXT", quote_txt("v=DMARC1; p=none"))
    names.world.publish()
    said = ask(names, DOMAIN)
    assert [said[(DOMAIN, "TXT", server)]["outcome"] for server in ("good", "late", "lame")] == \
        ["found", "found", "lame"]
    assert said[(DOMAIN, "TXT", "lame")]["reason"] == "refused"
    assert said[(DOMAIN, "TXT", "good")]["text"] == "v=spf1 -all"
    assert said[("_dmarc." + DOMAIN, "TXT", "good")]["text"] == "v=DMARC1; p=none"
    assert said[("_dmarc." + DOMAIN, "TXT", "late")]["outcome"] == "nxdomain"
    assert int(said[(DOMAIN, "SOA", "good")]["serial"]) == \
        int(said[(DOMAIN, "SOA", "late")]["serial"]) + 1
    zone.thaw("late")
    names.world.publish()
    assert ask(names, DOMAIN)[("_dmarc." + DOMAIN, "TXT", "late")]["outcome"] == "found"


def test_servers_that_are_silent_closed_or_private(names):
    domain = "unlucky.test"
    names.world.zone(domain, ["good", "silent", "closed", "private", "nowhere.test"])
    names.world.publish()
    said = ask(names, domain)
    outcomes = {server: (said[(domain, "TXT", server)]["outcome"],
                         said[(domain, "TXT", server)]["reason"])
                for server in ("good", "silent", "closed", "private", "nowhere")}
    assert outcomes == {"good": ("nodata", "-"), "silent": ("timeout", "-"),
                        "closed": ("unreachable", "-"),
                        "private": ("not_asked", "private_address"),
                        "nowhere": ("not_asked", "no_address")}


def test_a_delegated_child_is_asked_at_its_own_servers(names):
    domain = "parted.test"
    names.world.zone(domain, ["good"])
    child = names.world.zone("_domainkey." + domain, ["late"])
    child.set("s1._domainkey." + domain, "CNAME", "s1.provider.example.")
    names.world.publish()
    said = ask(names, domain)
    assert said[("s1._domainkey." + domain, "CNAME", "late")]["outcome"] == "found"
    assert said[("s1._domainkey." + domain, "CNAME", "late")]["zone"] == "_domainkey." + domain
    assert said[("_dmarc." + domain, "TXT", "good")]["zone"] == domain


def test_a_zone_whose_servers_are_all_lame_is_found_at_its_parent(names):
    domain = "dead.test"
    names.world.zone(domain, ["lame"])
    names.world.publish()
    said = ask(names, domain)
    assert said[(domain, "TXT", "lame")]["zone"] == domain
    assert said[(domain, "TXT", "lame")]["outcome"] == "lame"


def test_broken_dnssec_is_told(names):
    domain = "bogus.test"
    zone = names.world.zone(domain, ["good"])
    zone.set(domain, "TXT", quote_txt("signed, wrongly"))
    names.world.publish()
    said = ask(names, domain)[(domain, "TXT", "good")]
    assert (said["outcome"], said["resolver"], said["text"]) == ("found", "bogus",
                                                                "signed, wrongly")
