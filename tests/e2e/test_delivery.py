# SPDX-License-Identifier: Apache-2.0
"""Endpoints in trouble: everything arrives once they recover, with the same webhook-id."""
import pytest

from tests.lab.lab import DOMAIN
from tests.lab.process import wait_until

TICKET = f"ticket+1@{DOMAIN}"


def delivery_state(lab, delivery_id):
    return lab.cli("delivery", "show", delivery_id)


def assert_one_delivery(requests):
    assert len({r.webhook_id for r in requests}) == 1
    assert len({r.data["message_id"] for r in requests}) == 1
    assert all(r.signature_good for r in requests)


@pytest.mark.parametrize("trouble", [500, 502, 401, 404, 301, "cut"])
def test_a_failing_endpoint_gets_the_same_delivery_again(lab, trouble):
    lab.endpoint.script += [trouble, trouble]
    lab.send(TICKET)
    requests = lab.endpoint.wait_for(3)
    assert_one_delivery(requests)
    lab.wait_idle()
    delivery = delivery_state(lab, requests[0].webhook_id)
    assert delivery["state"] == "done"
    assert [attempt["outcome"] for attempt in delivery["attempts"]][-1] == "done"
    assert len(delivery["attempts"]) == 3


def test_a_connection_cut_after_the_request_is_unknown_and_repeated(lab):
    lab.endpoint.script += ["cut"]
    lab.send(TICKET)
    requests = lab.endpoint.wait_for(2)
    assert_one_delivery(requests)
    lab.wait_idle()
    outcomes = [a["outcome"] for a in delivery_state(lab, requests[0].webhook_id)["attempts"]]
    assert outcomes == ["unknown", "done"]


def test_429_with_retry_after_is_waited_for(lab):
    lab.endpoint.script += [(429, {"Retry-After": "2"})]
    lab.send(TICKET)
    first, second = lab.endpoint.wait_for(2)
    assert_one_delivery([first, second])
    assert second.arrived - first.arrived >= 1.9


@pytest.mark.parametrize("status", [400, 405, 413, 415, 422])
def test_a_refusal_for_good_is_a_dead_letter_that_can_be_replayed(lab, status):
    lab.endpoint.script += [status]
    lab.send(TICKET)
    first = lab.endpoint.wait_for(1)[0]
    lab.wait_idle()
    assert delivery_state(lab, first.webhook_id)["state"] == "dead"
    lab.cli("delivery", "retry", first.webhook_id)
    assert_one_delivery(lab.endpoint.wait_for(2))
    lab.wait_idle()
    assert delivery_state(lab, first.webhook_id)["state"] == "done"


def test_410_blocks_the_destination_until_it_is_retried(lab):
    lab.endpoint.script += [410]
    lab.send(TICKET)
    first = lab.endpoint.wait_for(1)[0]
    wait_until(lambda: delivery_state(lab, first.webhook_id)["state"] == "blocked", "blocked")
    lab.cli("delivery", "retry", "--destination", "psa")
    assert_one_delivery(lab.endpoint.wait_for(2))


def test_an_endpoint_that_is_down_gets_it_when_it_is_back(fresh_lab):
    lab = fresh_lab
    lab.endpoint.stop()
    _, answer = lab.send(TICKET)
    assert answer.startswith("250")
    wait_until(lambda: lab.cli("status")["deliveries"]["queued"] == 1 and
               lab.cli("delivery", "list")["deliveries"][0]["attempt_count"] >= 1, "a failed attempt")
    lab.endpoint.start()
    requests = lab.endpoint.wait_for(1)
    assert requests[0].signature_good


def test_mailspurd_killed_while_an_endpoint_thinks_repeats_with_the_same_id(fresh_lab):
    lab = fresh_lab
    lab.endpoint.script = ["hang"]
    lab.send(f"ticket+1@{DOMAIN}")
    first = lab.endpoint.wait_for(1)[0]
    lab.mailspurd.kill()
    lab.endpoint.released.set()
    lab.mailspurd.start()
    again = lab.endpoint.wait_for(2)[1]
    assert again.webhook_id == first.webhook_id
    assert again.data["message_id"] == first.data["message_id"]
    lab.wait_idle()
    assert lab.cli("status")["deliveries"]["done"] == 1 and len(lab.endpoint.requests) == 2


def test_a_slow_endpoint_is_given_up_and_asked_again(fresh_lab):
    lab = fresh_lab
    lab.write_config(destinations={"psa": {"timeout": "1s"}})
    lab.reload()
    lab.endpoint.script += ["hang"]
    lab.send(TICKET)
    requests = lab.endpoint.wait_for(2)
    assert_one_delivery(requests)
    lab.wait_idle()
    outcomes = [a["outcome"] for a in delivery_state(lab, requests[0].webhook_id)["attempts"]]
    assert outcomes == ["unknown", "done"]


def test_a_dead_endpoint_does_not_stop_the_others(fresh_lab):
    lab = fresh_lab
    lab.write_config(destinations={"crm": {"url": "http://127.0.0.1:1/nobody-there"}})
    lab.reload()
    for number in range(5):
        lab.send(f"crm+{number}@{DOMAIN}")
    lab.send(TICKET)
    assert lab.endpoint.wait_for(1)[0].data["destination"]["key"] == "psa"


def test_concurrency_of_a_destination_is_kept(fresh_lab):
    lab = fresh_lab
    lab.write_config(destinations={"psa": {"concurrency": 2}})
    lab.reload()
    lab.endpoint.script += ["hang"] * 2
    lab.send([f"ticket+{number}@{DOMAIN}" for number in range(10)])
    lab.endpoint.wait_for(2)
    lab.endpoint.released.set()
    lab.endpoint.wait_for(10)
    assert lab.endpoint.most_in_flight == 2


def test_a_destination_taken_out_of_the_configuration_blocks_and_resumes(fresh_lab):
    lab = fresh_lab
    lab.endpoint.default = 500
    lab.send(f"crm+1@{DOMAIN}")
    first = lab.endpoint.wait_for(1)[0]
    crm = lab.config["destinations"]["crm"]
    routes = [route for route in lab.standard_routes() if route.get("destinations") != ["crm"]]
    lab.write_domain(DOMAIN, routes)
    lab.write_config(destinations={"crm": None})
    lab.reload()
    wait_until(lambda: delivery_state(lab, first.webhook_id)["state"] == "blocked", "blocked")
    lab.endpoint.default = 200
    count = len(lab.endpoint.requests)
    lab.write_domain(DOMAIN, lab.standard_routes())
    lab.write_config(destinations={"crm": crm})
    lab.reload()
    assert lab.endpoint.wait_for(count + 1)[count].webhook_id == first.webhook_id


def test_private_addresses_are_refused_unless_allowed(fresh_lab):
    lab = fresh_lab
    lab.write_config(destinations={"crm": {"allow_private": []}})
    lab.reload()
    lab.send(f"crm+1@{DOMAIN}")
    def refused():
        listed = lab.cli("delivery", "list")["deliveries"]
        return listed and listed[0]["attempt_count"] >= 1 and listed[0]
    wait_until(refused, "a refused attempt")
    assert lab.endpoint.requests == []


def test_secrets_never_reach_the_log(lab):
    lab.send(TICKET)
    lab.endpoint.wait_for(1)
    for daemon in (lab.mailspurd, lab.milter):
        assert lab.secret.removeprefix("whsec_") not in daemon.log()
