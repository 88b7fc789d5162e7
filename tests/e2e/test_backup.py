# SPDX-License-Identifier: Apache-2.0
"""Backup while mail comes in, and what a restore delivers again (docs/operations.md)."""
import os
import shutil

import pytest

from tests.lab.lab import DOMAIN, USER, CommandError


def ticket(number):
    return f"ticket+{number}@{DOMAIN}"


def restore(lab, copy):
    lab.mailspurd.stop()
    store = lab.config["store"]["path"]
    for suffix in ("-wal", "-shm"):
        if os.path.exists(store + suffix):
            os.remove(store + suffix)
    shutil.copy2(copy, store)
    shutil.chown(store, USER)
    lab.mailspurd.start()


def test_restore_delivers_again_what_was_waiting_with_the_same_webhook_id(fresh_lab):
    lab = fresh_lab
    lab.send(ticket("done"))
    lab.wait_idle()
    lab.endpoint.default = 503
    lab.send(ticket("waiting"))
    lab.endpoint.wait_for(2)
    copy = lab.path("state", "copy.db")
    answer = lab.cli("backup", copy)
    assert answer["bytes"] == os.path.getsize(copy)
    lab.endpoint.default = 200
    lab.wait_idle()
    lab.send(ticket("later"))
    lab.wait_idle()
    first = {r.data["recipient"]: r.webhook_id for r in lab.endpoint.requests}
    lab.endpoint.requests.clear()

    restore(lab, copy)
    lab.wait_idle()
    again = {r.data["recipient"]: r.webhook_id for r in lab.endpoint.requests}
    assert again == {ticket("waiting"): first[ticket("waiting")]}  # nothing else twice
    known = {r for m in lab.cli("message", "list")["messages"] for r in m["recipients"]}
    assert known == {ticket("done"), ticket("waiting")}  # what came later is not in the copy
    _, reply = lab.send(ticket("after"))
    assert reply.startswith("250")


def test_backup_refuses_what_exists_and_where_mailspurd_may_not_write(fresh_lab):
    lab = fresh_lab
    for path, status, word in ((lab.config["store"]["path"], 4, "there already"),
                               ("copy.db", 2, "absolute"), ("/copy.db", 5, "Permission denied")):
        with pytest.raises(CommandError) as refused:
            lab.cli("backup", path)
        assert refused.value.status == status, refused.value
        assert word in refused.value.stdout
    assert lab.send(ticket("1"))[1].startswith("250")
