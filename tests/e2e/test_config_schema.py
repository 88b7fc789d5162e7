# SPDX-License-Identifier: Apache-2.0
"""`mailspur config schema` and `mailspur config check` agree on what they can both see: keys, types, words."""
import copy
import glob
import json
import os
import subprocess

import jsonschema
import pytest
import yaml

from tests.lab.lab import ROOT, default_build, sanitizer_settings

PROGRAM = os.path.join(default_build(), "bin", "mailspur")
HOST = {"hostname": "mx.host.example", "inbound_mx": "mx.host.example"}
PSA = {"kind": "psa", "url": "https://psa.example/hook"}
DOMAIN = {"domain": "client.example", "destinations": {"psa": PSA},
          "routes": [{"name": "postmaster", "recipient": "postmaster@", "destinations": ["psa"]},
                     {"name": "all", "recipient": "*@", "destinations": ["psa"]}]}


def mailspur(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False,
                          env=sanitizer_settings())


@pytest.fixture(scope="module")
def schemas():
    result = {}
    for kind in ("host", "domain", "profile"):
        result[kind] = json.loads(mailspur("config", "schema", kind).stdout)
        jsonschema.Draft202012Validator.check_schema(result[kind])
    return result


def is_valid(schema, data):
    return jsonschema.Draft202012Validator(schema).is_valid(data)


def checks(folder, host, domain):
    os.makedirs(folder / "domains.d", exist_ok=True)
    for name, data in (("mailspur.yaml", host), ("domains.d/client.yaml", domain)):
        (folder / name).write_text(yaml.safe_dump(data), encoding="utf-8")
    return mailspur("config", "check", str(folder / "mailspur.yaml")).returncode == 0


def changed(base, path, value):
    result = copy.deepcopy(base)
    place = result
    for key in path[:-1]:
        place = place.setdefault(key, {}) if isinstance(key, str) else place[key]
    place[path[-1]] = value
    return result


HOST_CASES = [  # path, value, good
    (["authserv_id"], "mx.host.example", True),
    (["limits", "recipients"], 100, True),
    (["limits", "recipients"], "100", True),
    (["limits", "recipients"], "many", False),
    (["limits", "recipient"], 100, False),
    (["limits", "message_size"], "25M", True),
    (["limits", "message_size"], "25 MB", False),
    (["dns", "timeout"], "2s", True),
    (["dns", "timeout"], "2 seconds", False),
    (["dns", "servers"], ["127.0.0.1", "::1"], True),
    (["dns", "servers"], "127.0.0.1", False),
    (["milter", "shadow"], True, True),
    (["milter", "received_spf"], "on", True),
    (["milter", "received_spf"], "maybe", False),
    (["milter", "dmarc_discovery"], "psl", True),
    (["milter", "dmarc_discovery"], "guess", False),
    (["sockets", "control", "mode"], "0660", True),
    (["sockets", "control", "mode"], "rw", False),
    (["sockets", "control"], [], False),
    (["policy", "dmarc"], "tag", True),
    (["policy", "dmarc"], "reject", False),
    (["policy", "trusted_networks"], ["192.0.2.0/24"], True),
    (["policy", "forwarders"], ["google"], True),
    (["destinations"], {"crm": dict(PSA, kind="crm")}, True),
    (["destinations"], {"crm": dict(PSA, kind="erp")}, False),
    (["destinations"], {"crm": {"kind": "crm"}}, False),
    (["destinations"], [PSA], False),
    (["unheard_of"], 1, False),
]
DOMAIN_CASES = [
    (["tenant"], "acme", True),
    (["routes", 0, "stop"], False, True),
    (["routes", 0, "destinations"], "psa", False),
    (["routes", 0, "subject"], "x", False),
    (["routes", 0, "name"], "first", True),
    (["routes"], {"all": {}}, False),
    (["policy", "forwarders"], [{"name": "list", "arc_sealers": ["lists.example"]}], True),
    (["policy", "forwarders"], [{"sealers": ["lists.example"]}], False),
    (["destinations", "psa", "retry", "for"], "1d", True),
    (["destinations", "psa", "retry", "for"], "for ever", False),
    (["destinations", "psa", "timeouts"], "1s", False),
    (["policy"], ["tag"], False),
]


@pytest.mark.parametrize("path,value,good", HOST_CASES, ids=str)
def test_host_file_is_judged_alike_by_schema_and_check(schemas, tmp_path, path, value, good):
    host = changed(HOST, path, value)
    assert is_valid(schemas["host"], host) == good
    assert checks(tmp_path, host, DOMAIN) == good


@pytest.mark.parametrize("path,value,good", DOMAIN_CASES, ids=str)
def test_domain_file_is_judged_alike_by_schema_and_check(schemas, tmp_path, path, value, good):
    domain = changed(DOMAIN, path, value)
    assert is_valid(schemas["domain"], domain) == good
    assert checks(tmp_path, HOST, domain) == good


@pytest.mark.parametrize("missing", ["hostname", "inbound_mx"])
def test_missing_keys_are_seen_by_both(schemas, tmp_path, missing):
    host = {key: value for key, value in HOST.items() if key != missing}
    assert not is_valid(schemas["host"], host)
    assert not checks(tmp_path, host, DOMAIN)


def test_shipped_files_are_valid(schemas):
    files = [("host", "conf/mailspur.yaml")]
    files += [("domain", path) for path in glob.glob(os.path.join(ROOT, "conf/domains.d/*.yaml"))]
    files += [("profile", path) for path in glob.glob(os.path.join(ROOT, "conf/profiles/*.yaml"))]
    assert len(files) >= 7
    for kind, path in files:
        with open(os.path.join(ROOT, path), encoding="utf-8") as text:
            jsonschema.validate(yaml.safe_load(text), schemas[kind],
                                cls=jsonschema.Draft202012Validator)


def test_another_kind_of_file_is_refused():
    done = mailspur("config", "schema", "route")
    assert done.returncode == 2
    assert "host, domain or profile" in done.stderr
