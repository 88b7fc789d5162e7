# SPDX-License-Identifier: Apache-2.0
"""Between tenants, through the daemon and the DNS; and what the operator's endpoint is told of
domains' changes of state, also when it, or we, were down."""
import sqlite3

import pytest

from tests.lab.endpoint import Endpoint
from tests.lab.lab import DOMAIN, CommandError, Lab

QUARTER_HOUR = 15 * 60 * 1000 + 1000


@pytest.fixture(name="told_lab", scope="module")
def told_lab_fixture():
    lab = Lab()
    lab.operator = Endpoint(lab.secret).start()
    lab.config["destinations"]["operator"] = lab.destination("portal", url=lab.operator.url)
    lab.config["verification"]["events"] = "operator"
    try:
        with lab:
            yield lab
    finally:
        lab.operator.stop()


def wait_for(lab, kind, name, count=1):
    """Requests that tell of this; every one of them is signed."""
    requests = lab.operator.wait_for(
        count, where=lambda r: r.event["type"] == kind and r.data["domain"] == name)
    assert all(request.signature_good for request in requests)
    return requests


def age(lab, name, milliseconds):
    """Nobody waits a quarter of an hour: the stopped daemon's rows are made older."""
    with sqlite3.connect(lab.path("state", "mailspur.db")) as store:
        store.execute("UPDATE domain SET missing_since = missing_since - ?,"
                      " ownership_missing_since = ownership_missing_since - ? WHERE name = ?",
                      (milliseconds, milliseconds, name))
    store.close()


def lose_ownership(lab, name):
    """Its proof is gone; two checks, a quarter of an hour apart, see it. The second is left to the
    caller."""
    for record in lab.cli("domain", "records", name)["records"]:
        if record["type"] == "TXT":
            lab.dns.set(record["name"], "TXT")
    lab.dns.publish()
    lab.cli_text("domain", "verify", name, check=False)
    lab.mailspurd.kill()
    age(lab, name, QUARTER_HOUR)
    lab.mailspurd.start()


def test_changes_of_state_reach_the_operator_signed_and_with_what_was_found(told_lab):
    lab, name = told_lab, "changes.example"
    lab.add_domain(name, tenant="acme", inbound=False)
    request = wait_for(lab, "domain.verified", name)[0]
    assert request.data["tenant"] == "acme"
    assert (request.data["status"], request.data["previous"]) == ("verified", "pending")
    assert request.data["id"] == lab.cli("domain", "show", name)["id"]
    lose_ownership(lab, name)
    lab.cli_text("domain", "verify", name, check=False)
    request = wait_for(lab, "domain.at_risk", name)[0]
    assert request.data["findings"] and request.data["detail"]
    lab.publish_ownership(name)
    lab.cli("domain", "verify", name)
    wait_for(lab, "domain.restored", name)
    lab.cli("domain", "remove", name, "--yes")
    wait_for(lab, "domain.removed", name)
    ids = [r.webhook_id for r in lab.operator.requests if r.data["domain"] == name]
    assert len(ids) == len(set(ids)) == 4  # each once


def test_an_event_survives_a_dead_endpoint_and_a_killed_daemon(told_lab):
    lab, name = told_lab, "survives.example"
    before = len(lab.operator.requests)
    lab.operator.default = 503
    lab.add_domain(name, inbound=False)
    first = wait_for(lab, "domain.verified", name)[0]
    lab.mailspurd.kill()
    lab.operator.stop()
    lab.mailspurd.start()  # nobody is there
    lab.send(f"support@{DOMAIN}")
    lab.endpoint.wait_for(1)  # mail does not wait for that
    lab.operator.default = 200
    lab.operator.start()
    seen = len(lab.operator.requests)
    lab.operator.wait_for(1, where=lambda r: r in lab.operator.requests[seen:])
    after = [r.webhook_id for r in lab.operator.requests[before:]]
    assert set(after) == {first.webhook_id}


def test_a_name_that_another_tenant_holds_is_claimed_and_contested(told_lab):
    lab, name = told_lab, "contested.example"
    lab.write_domain(name, lab.standard_routes(), tenant="holder")
    lab.reload()
    lab.add_domain(name, tenant="holder")
    claim = lab.cli("domain", "add", name, "--tenant", "claimant")
    assert claim["claims"] and "held by another tenant" in claim["waits"]
    assert claim["operator"] == {"holder": "holder", "proven": True, "near": []}
    assert "holder" not in str({k: v for k, v in claim.items() if k not in ("waits", "operator")}).lower()
    which = f"{name}@claimant"
    held, claimed = (next(r for r in lab.cli("domain", "records", who)["records"]
                          if r["type"] == "TXT") for who in (name, which))
    lab.dns.set_txt(held["name"], held["value"], claimed["value"])
    lab.dns.publish()
    done = lab.cli_text("--json", "domain", "verify", which, check=False)
    assert '"claims":true' in done.stdout and '"status":"pending"' in done.stdout
    assert wait_for(lab, "domain.contested", name)[0].data["tenant"] == "claimant"
    with pytest.raises(CommandError):
        lab.cli("domain", "inbound", "on", which)
    show = lab.cli("domain", "show", name)
    assert (show["tenant"], show["status"], show["inbound"]) == ("holder", "verified", True)
    kinds = [e["kind"] for e in lab.cli("domain", "history", which)["events"]]
    assert kinds[-2:] == ["domain.claimed", "domain.added"] and "domain.verified" not in kinds


def test_a_child_of_anothers_domain_waits_for_the_operator(told_lab):
    lab, name = told_lab, "child." + DOMAIN
    lab.cli("domain", "add", name, "--tenant", "other")
    lab.publish_ownership(name)
    lab.cli_text("domain", "verify", name, check=False)
    assert lab.cli("domain", "show", name)["status"] == "pending"
    lab.cli("domain", "approve", name, "--tenant", "other")
    assert lab.cli("domain", "verify", name)["status"] == "verified"
