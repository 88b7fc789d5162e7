# SPDX-License-Identifier: Apache-2.0
"""`mailspur domain check` against real name servers: the zones of tests/unit/domain/zones.txt, published on
NSD (good, late, lame) below `test.` and asked through Unbound; and what only real servers can show."""
import json
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from tests.lab.dns import Dns, quote_txt
from tests.lab.lab import ROOT, default_build

MAILSPUR = os.path.join(default_build(), "bin", "mailspur")
ZONES = os.path.join(ROOT, "tests", "unit", "domain", "zones.txt")
TOKEN = "abcdefgh"
SERVERS = {"+": "good", "o": "late", "l": "lame", "u": "closed"}
TYPES = {"ownership": "TXT", "spf": "TXT", "dmarc": "TXT", "mail_from_spf": "TXT", "dkim": "CNAME",
         "mail_from_mx": "MX", "mx": "MX"}
KEYS = {"key_is_optional": "by_cname", "key_must_match": "required", "key_as_products": "optional"}
FOR = {"ownership": "ownership", "mx": "inbound"}

pytestmark = pytest.mark.skipif(os.environ.get("MAILSPUR_LAB_NAMESPACE") != "1",
                                reason="name servers need port 53: a network namespace")


class Case:
    def __init__(self, label):
        self.label = label
        self.fields = {}
        self.lines = {"zone": [], "old": [], "resolver": []}

    def can_be_real(self):
        """Not what only a script can be: a resolver that knows something else, a zone that no server
        would load, servers that take their time."""
        lines = self.lines["zone"] + self.lines["old"]
        servers = self.fields.get("servers", "++")
        known = {"records", "domain", "servers", "expect", "says"}
        return (not self.lines["resolver"] and set(self.fields) <= known
                and self.fields.get("domain", "s.c.example") == "s.c.example"
                and set(servers) <= set(SERVERS) and servers != "ll"
                and not any(line.startswith("c.example CNAME") for line in lines)
                and not self.label.endswith("two CNAMEs at one name"))


def read_zones():
    cases, words, world = [], {}, []
    with open(ZONES, encoding="ascii") as lines:
        for line in lines:
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "case":
                cases.append(Case(rest))
            elif word == "record":
                name, purpose, flag, labels, wanted = rest.split(" ")
                words[name] = (purpose, flag, labels, wanted)
            elif word == "world":
                world.append(rest)
            elif word in ("zone", "old", "resolver"):
                cases[-1].lines[word].append(rest)
            elif word and word != "#":
                cases[-1].fields[word] = rest
    return cases, words, world


CASES, WORDS, WORLD = read_zones()
REAL = [case for case in CASES if case.can_be_real()]


def domain_of(case):
    return f"c{REAL.index(case)}.test"


def localise(text, case=None):
    """The names of the table as this DNS has them."""
    text = text.replace("amazonses.com", "amazonses.test").replace("AmazonSES.com", "AmazonSES.test")
    text = text.replace("slow.example", "slow.dead.example").replace("k4.keys.example", "k4.dead.example")
    if case is not None:
        label = domain_of(case)[:-len(".test")]
        text = text.replace("c.example", f"{label}.test").replace("c._spf", f"{label}._spf")
    return text


def add_line(put, line):
    name, record_type, data = line.split(" ", 2)
    if data.startswith("!"):
        return
    if record_type in ("TXT", "SPF"):  # \DDD means the same in both
        parts = [data[i:i + 200] for i in range(0, len(data), 200)] or [""]
        data = " ".join('"' + part.replace('"', '\\"') + '"' for part in parts)
    elif record_type in ("CNAME", "MX"):
        data = data.replace(";", "\\;") + ("" if data.endswith(".") else ".")
    put.setdefault((name.replace("@", "\\064").lower(), record_type), []).append(data)


def publish(dns, case):
    zone = dns.world.zone(domain_of(case),
                          [SERVERS[letter] for letter in case.fields.get("servers", "+o")]
                          if "servers" in case.fields else ["good", "late"])
    new, old = {}, {}
    for line in case.lines["zone"]:
        add_line(new, localise(line, case))
    for line in case.lines["old"]:
        add_line(old, localise(line, case))
    for key, values in new.items():
        zone.set(*key, *values)
    if "o" in case.fields.get("servers", ""):
        for key in new:
            zone.set_at("late", *key, *old.get(key, []))


def profile_of(case):
    records = []
    for word in case.fields["records"].split():
        purpose, flag, labels, wanted = WORDS[word]
        wanted = localise(wanted)
        labels = labels.replace("mail", "{mail_from}") if purpose.startswith("mail_from") else labels
        value = {"dmarc": f"v=DMARC1; p={wanted}", "spf": f"v=spf1 include:{wanted} ~all",
                 "mail_from_spf": f"v=spf1 include:{wanted} ~all",
                 "ownership": wanted.replace(TOKEN, "{token}")}.get(purpose, wanted)
        record = {"purpose": purpose, "for": FOR.get(purpose, "sending"), "type": TYPES[purpose],
                  "name": "{domain}" if labels == "@" else labels + ".{domain}", "value": value}
        if purpose == "dkim":
            record["key"] = KEYS[flag]
        if TYPES[purpose] == "MX":
            record["preference"] = 10
        records.append(record)
    return {"description": case.label, "dkim": "none", "records": records}


@pytest.fixture(scope="module")
def dns():
    folder = tempfile.mkdtemp(prefix="mailspur-check-")  # where the servers' user may enter
    os.chmod(folder, 0o755)
    servers = Dns(folder, ttl=60, world=True)
    for case in REAL:
        publish(servers, case)
    elsewhere = {}
    for line in WORLD:
        add_line(elsewhere, localise(line))
    for (name, record_type), values in elsewhere.items():
        where = servers.world.zone("amazonses.test", ["good"]) if name.endswith(".test") else servers
        where.set(name, record_type, *values)
    publish_products(servers)
    try:
        yield servers.start()
    finally:
        servers.stop()
        shutil.rmtree(folder, ignore_errors=True)


def publish_products(servers):
    """A client of the relay with everything right, and one who made each mistake the manuals warn of."""
    right = servers.world.zone("right.test", ["good", "late"])
    wrong = servers.world.zone("wrong.test", ["good", "late", "lame"])
    for number in (1, 2, 3):
        right.set(f"selector{number}._domainkey.right.test", "CNAME",
                  f"selector{number}._domainkey.amazonses.com.")
    right.set("right.test", "TXT", quote_txt("v=spf1 include:amazonses.com ~all"))
    right.set("_dmarc.right.test", "TXT", quote_txt("v=DMARC1; p=quarantine; rua=mailto:d@right.test"))
    wrong.set("selector1._domainkey.wrong.test", "TXT", quote_txt("selector1._domainkey.amazonses.com"))
    wrong.set("selector2._domainkey.wrong.test.wrong.test", "CNAME",
              "selector2._domainkey.amazonses.com.")
    wrong.set("selector3._domainkey.wrong.test", "A", "192.0.2.80")
    wrong.set("wrong.test", "TXT", quote_txt("v=spf1 include:amazonses.com ~all"),
              quote_txt("v=spf1 include:_spf.google.com -all"))
    wrong.set("_dmarc.wrong.test", "TXT", quote_txt("v=DMARC1, p=quarantine"))
    servers.world.zone("bogus.test", ["good"]).set(
        "_dmarc.bogus.test", "TXT", quote_txt("v=DMARC1; p=none"))
    servers.world.zone("silent.test", ["good", "silent"]).set(
        "_dmarc.silent.test", "TXT", quote_txt("v=DMARC1; p=none"))
    servers.world.zone("private.test", ["private"])
    crowded = servers.world.zone("crowded.test", ["good", "late"])
    crowded.set("crowded.test", "TXT", *[quote_txt(f"some-service-verification={i:040}")
                                         for i in range(200)],
                quote_txt("v=spf1 " + "ip4:192.0.2.1 " * 25 + "include:amazonses.com ~all"))


@pytest.fixture(scope="module")
def check(dns, tmp_path_factory):
    folder = tmp_path_factory.mktemp("config")
    (folder / "profiles").mkdir()
    (folder / "domains.d").mkdir()
    profiles = [profile_of(case) for case in REAL] + [
        profile_of(next(case for case in REAL if case.fields["records"] == "dmarc"))]
    for number, profile in enumerate(profiles):
        # No more profiles than a configuration may have: one for each set of records.
        name = "p-" + "-".join(sorted(WORDS_OF[number])) if number < len(REAL) else "p-dmarc"
        (folder / "profiles" / f"{name.replace('_', '-')}.yaml").write_text(yaml.safe_dump(profile))
    config = folder / "mailspur.yaml"
    config.write_text(yaml.safe_dump({
        "hostname": "mx.ours.example", "inbound_mx": "mx.ours.example",
        "verification": {"allow_private": ["127.0.0.0/8"], "profiles": str(folder / "profiles")}}))

    def run(name, profile, *options, with_config=True, code=None):
        command = [MAILSPUR, "domain", "check", name, "--profile", profile, "--json",
                   "--dns-server", dns.server, *options]
        command += ["--config", str(config)] if with_config else []
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.stdout, done.stderr
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)
    return run


WORDS_OF = [case.fields["records"].split() for case in REAL]


def summary(records, wanted):
    """As the table has it; records that the profile does not name are left out."""
    kept = [record for record in records if record["purpose"] in wanted]
    return "; ".join(" ".join([record["purpose"], record["status"]] +
                              [finding["code"] for finding in record["findings"]])
                     for record in kept)


def codes(report):
    return {record["name"]: [finding["code"] for finding in record["findings"]]
            for record in report["records"]}


def complaint(check, case):
    purposes = [WORDS[word][0] for word in case.fields["records"].split()]
    name = domain_of(case)
    if case.fields.get("domain") == "s.c.example":
        name = "s." + name
    options = ["--token", TOKEN] if "ownership" in purposes else []
    profile = ("p-" + "-".join(sorted(case.fields["records"].split()))).replace("_", "-")
    report = check(name, profile, *options)
    seen = summary(report["records"], purposes)
    if seen != case.fields["expect"]:
        return f"{case.label}: expected {case.fields['expect']}, seen {seen}\n{report['records']}"
    said = localise(case.fields.get("says", ""), case)
    text = json.dumps(report["records"]).replace('\\"', '"').replace("\\\\", "\\")
    if said not in text and "ns1.example" not in said and "ns2.example" not in said:
        return f"{case.label}: nobody says {said}\n{report['records']}"
    return None


def is_of_time(text):
    """Something was not answered in time, which on a busy host says nothing of the check."""
    return any(f"'{word}'" in text for word in ("unknown", "no_answer", "dead_server"))


def test_every_zone_of_the_table_on_real_servers(check):
    assert len(REAL) >= 280
    with ThreadPoolExecutor(4) as pool:
        complaints = list(pool.map(lambda case: complaint(check, case), REAL))
    # Four checks at once may wait longer for each other than a server is waited for: those alone.
    complaints = [complaint(check, case) if text and is_of_time(text) else text
                  for case, text in zip(REAL, complaints)]
    assert not any(complaints), "\n".join(text for text in complaints if text)


def test_a_client_of_the_relay_with_everything_right(check):
    report = check("right.test", "relay", with_config=False, code=0)
    assert report["status"] == "verified" and report["zone"] == "right.test"
    assert [record["status"] for record in report["records"]] == ["found"] * 5
    assert {server["name"] for server in report["records"][0]["servers"]} == \
        {"good.ns.test", "late.ns.test"}


def test_a_name_of_a_labels_has_its_letters_beside_it(check):
    report = check("b\u00fccher.test", "relay", with_config=False)
    assert (report["domain"], report["domain_unicode"]) == ("xn--bcher-kva.test", "b\u00fccher.test")
    assert "domain_unicode" not in check("right.test", "relay", with_config=False)


def test_a_client_who_made_every_mistake_of_the_manual(check):
    report = check("wrong.test", "relay", with_config=False, code=1)
    assert report["status"] == "pending"
    assert codes(report) == {
        "selector1._domainkey.wrong.test": ["cname_as_txt", "lame_server"],
        "selector2._domainkey.wrong.test": ["name_doubled"],
        "selector3._domainkey.wrong.test": ["proxied"],
        "wrong.test": ["spf_two_records"],
        "_dmarc.wrong.test": ["dmarc_syntax"]}
    spf = next(record for record in report["records"] if record["purpose"] == "spf")
    assert spf["status"] == "conflict"
    assert spf["value"] == "v=spf1 include:amazonses.com include:_spf.google.com ~all"


def mistakes(record):
    """The codes of a record's findings, without what this DNS adds: a lame server, and no .com, so that
    no include of the products can be read."""
    return [code for code in (finding["code"] for finding in record["findings"])
            if code not in ("lame_server", "spf_broken_include")]


def ask_ivymail(check, name, code=None):
    return check(name, "ivymail", "--token", TOKEN, "--region", "eu-west-1", with_config=False, code=code)


def begin_ivymail(dns, check, name, servers):
    """An empty zone, and the records that the product shows for it: its DKIM tokens are its own."""
    zone = dns.world.zone(name, servers)
    zone.negative_ttl = 0  # the first look, at nothing, is not to be remembered
    dns.world.publish()
    records = ask_ivymail(check, name, code=1)["records"]
    assert [record["purpose"] for record in records] == \
        ["ownership", "spf", "dkim", "dkim", "dkim", "dmarc", "mail_from_mx", "mail_from_spf"]
    assert {record["status"] for record in records} == {"missing"}
    return zone, records


def test_a_client_of_ivymail_with_everything_right(dns, check):
    zone, records = begin_ivymail(dns, check, "ivyright.test", ["good", "late"])
    for record in records:
        value = {"TXT": quote_txt(record["value"]), "CNAME": record["value"] + ".",
                 "MX": f"10 {record['value']}."}[record["type"]]
        zone.set(record["name"], record["type"], value)
    dns.world.publish()
    report = ask_ivymail(check, "ivyright.test", code=0)
    assert report["status"] == "verified"
    assert [record["status"] for record in report["records"]] == ["found"] * 8
    assert [mistakes(record) for record in report["records"]] == [[]] * 8


def test_a_client_of_ivymail_who_made_every_mistake_of_the_manual(dns, check):
    name = "ivywrong.test"
    zone, records = begin_ivymail(dns, check, name, ["good", "late", "lame"])
    dkim = [record for record in records if record["purpose"] == "dkim"]
    assert len({record["name"] for record in dkim}) == 3
    zone.set(f"ivymail.{name}", "TXT", quote_txt(f"ivymail-verify={TOKEN}"))
    zone.set(name, "TXT", quote_txt("v=spf1 include:_spf.google.com -all"))
    zone.set(dkim[0]["name"], "TXT", quote_txt(dkim[0]["value"]))
    zone.set(dkim[1]["name"], "CNAME", dkim[2]["value"] + ".")
    zone.set(f"{dkim[2]['name']}.{name}", "CNAME", dkim[2]["value"] + ".")
    zone.set(f"_dmarc.{name}", "TXT", quote_txt("v=DMARC1; p=monitor"))
    zone.set(f"mail.{name}", "MX", "10 feedback-smtp.us-east-1.amazonses.com.")
    zone.set(f"mail.{name}", "TXT", quote_txt('"v=spf1 include:amazonses.com ~all"'))
    dns.world.publish()
    report = ask_ivymail(check, name, code=1)
    assert report["status"] == "pending"
    seen = [(record["purpose"], record["status"], mistakes(record)) for record in report["records"]]
    assert seen == [("ownership", "wrong", ["underscore_missing"]),
                    ("spf", "wrong", ["spf_include_missing"]),
                    ("dkim", "wrong", ["cname_as_txt"]), ("dkim", "wrong", ["wrong_value"]),
                    ("dkim", "wrong", ["name_doubled"]), ("dmarc", "wrong", ["dmarc_syntax"]),
                    ("mail_from_mx", "wrong", ["mail_from_region"]),
                    ("mail_from_spf", "wrong", ["quoted_value"])]
    cures = [record["findings"][0]["cure"] for record in report["records"]]
    wanted = ['enter only "_ivymail"', "v=spf1 include:_spf.google.com include:amazonses.com -all",
              f"type CNAME at {dkim[0]['name']}", dkim[1]["value"],
              f"enter only \"{dkim[2]['name'][:-len('.' + name)]}\"", f"rua=mailto:dmarc@{name}",
              "feedback-smtp.eu-west-1.amazonses.com", "without quotation marks"]
    assert [text for text, cure in zip(wanted, cures) if text not in cure] == [], cures


def test_two_hundred_txt_records_and_a_long_one(check):
    report = check("crowded.test", "relay", with_config=False)
    spf = next(record for record in report["records"] if record["purpose"] == "spf")
    assert spf["status"] != "missing" and spf["observed"].startswith("v=spf1 ip4:192.0.2.1")
    assert len(spf["observed"]) > 255


def test_broken_signatures_are_told_and_the_record_is_found_all_the_same(check):
    report = check("bogus.test", "p-dmarc")
    assert report["records"][0]["status"] == "found"
    assert "dnssec_broken" in codes(report)["_dmarc.bogus.test"]


def test_a_silent_server_fails_nothing(check):
    report = check("silent.test", "p-dmarc", code=0)
    assert codes(report)["_dmarc.silent.test"] == ["dead_server"]


def test_servers_with_private_addresses_are_not_asked(check):
    report = check("private.test", "p-dmarc", code=5)
    assert report["status"] == "unknown"
    assert codes(report)["_dmarc.private.test"] == ["no_answer", "private_server"]


def test_a_name_that_is_not_registered(check):
    report = check("nobody-has-this.test", "p-dmarc", code=1)
    assert codes(report)["_dmarc.nobody-has-this.test"] == ["no_domain"]
    assert report["zone"] is None and report["records"][0]["host"] == "_dmarc"


def test_an_old_no_in_the_resolver_is_told_with_its_end(dns, check):
    zone = dns.world.zone("stale.test", ["good", "late"])
    zone.negative_ttl = 60
    zone.ttl = 60
    dns.world.publish()
    assert check("stale.test", "p-dmarc", code=1)["records"][0]["status"] == "missing"
    zone.set("_dmarc.stale.test", "TXT", quote_txt("v=DMARC1; p=none"))
    dns.world.publish()
    record = check("stale.test", "p-dmarc", code=0)["records"][0]
    assert record["status"] == "found" and record["stale_until"].endswith("Z")
    assert [finding["code"] for finding in record["findings"]] == ["stale_cache"]


def test_a_change_that_spreads(dns, check):
    zone = dns.world.zone("spread.test", ["good", "late"])
    dns.world.publish()
    zone.freeze("late")
    zone.set("_dmarc.spread.test", "TXT", quote_txt("v=DMARC1; p=none"))
    dns.world.publish()
    record = check("spread.test", "p-dmarc", code=1)["records"][0]
    assert record["status"] == "propagating"
    assert record["propagation"] == {"found": 1, "answered": 2, "of": 2}
    zone.thaw("late")
    dns.world.publish()
    assert check("spread.test", "p-dmarc", code=0)["records"][0]["status"] == "found"


def test_without_its_token_the_ownership_is_shown_and_not_checked(dns, check):
    zone = dns.world.zone("owned.test", ["good"])
    zone.set("_ivymail.owned.test", "TXT", quote_txt("ivymail-verify=old"))
    dns.world.publish()
    report = check("owned.test", "ivymail", with_config=False)
    record = report["records"][0]
    assert (record["purpose"], record["status"], record["observed"]) == \
        ("ownership", "unchecked", "ivymail-verify=old")
    assert report["not_asked"] == ["ownership", "dkim"]


def test_what_is_right_as_far_as_it_was_asked_is_not_called_verified(dns, check):
    zone = dns.world.zone("half.test", ["good"])
    records = check("half.test", "ivymail", "--token", TOKEN, with_config=False)["records"]
    for record in records:
        value = {"TXT": quote_txt(record["value"]), "MX": f"10 {record['value']}."}
        zone.set(record["name"], record["type"], value.get(record["type"], record["value"] + "."))
    dns.world.publish()
    half = check("half.test", "ivymail", with_config=False)
    whole = check("half.test", "ivymail", "--token", TOKEN, with_config=False)
    assert half["not_asked"] == ["ownership", "dkim"] and whole["not_asked"] == []
    assert half["status"] == "incomplete" and whole["status"] == "verified"


def test_a_region_that_is_none_is_refused():
    done = subprocess.run([MAILSPUR, "domain", "check", "client.test", "--profile", "ivymail",
                           "--region", "x y"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "'x y' is not a region" in done.stderr and not done.stdout


@pytest.mark.parametrize("name, said", [
    ("http://client.test/", "client.test"), ("co.uk", "public suffix"), ("a@client.test", "@"),
])
def test_a_wrong_name_gets_its_sentence(name, said):
    done = subprocess.run([MAILSPUR, "domain", "check", name, "--profile", "relay", "--json"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 2 and said in done.stderr and not done.stdout


def test_a_profile_nobody_has_is_named_with_those_there_are():
    done = subprocess.run([MAILSPUR, "domain", "check", "client.test", "--profile", "nope"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "'nope'" in done.stderr and "ivymail" in done.stderr
