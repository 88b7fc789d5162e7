# SPDX-License-Identifier: Apache-2.0
import pytest

from tests.lab.lab import Lab


@pytest.fixture(scope="session")
def shared_lab():
    with Lab() as lab:
        yield lab


@pytest.fixture
def lab(shared_lab):
    """The shared lab, with an endpoint that has seen nothing and answers 200."""
    shared_lab.wait_idle()
    shared_lab.endpoint.requests.clear()
    shared_lab.endpoint.script.clear()
    shared_lab.endpoint.default = 200
    yield shared_lab
    for daemon in (shared_lab.mailspurd, shared_lab.milter):
        assert daemon.is_running(), daemon.log_tail()


@pytest.fixture
def fresh_lab(request):
    """A lab of the test's own; when the test fails, what its daemons said last is shown."""
    with Lab() as lab:
        failed_before = request.session.testsfailed
        yield lab
        if request.session.testsfailed > failed_before:
            print(lab.last_words())
