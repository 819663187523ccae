"""What DNS says of an address, asked of a name server that runs."""

import socket
import threading

import dns.message
import dns.rcode
import dns.reversename
import dns.rrset
import pytest

from svcfabric.core_l2l3.addressing.names import Reverse

NAMED, UNNAMED, EMPTY, BROKEN, SILENT = (f"10.0.0.{last}" for last in range(1, 6))
SIX = "2001:db8::1"


class Server:
    """Answers PTR questions on loopback: one address has a record, one a name without one, one fails, one is silent."""

    def __init__(self, family, host):
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                wire, client = self._socket.recvfrom(4096)
            except OSError:
                return
            if not wire:
                return
            if (answer := self._answer(dns.message.from_wire(wire))) is not None:
                self._socket.sendto(answer.to_wire(), client)

    def _answer(self, asked):
        name = asked.question[0].name
        answer = dns.message.make_response(asked)
        address = str(dns.reversename.to_address(name))
        if address in (NAMED, SIX):
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "PTR", "server.example."))
        elif address == UNNAMED:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif address == BROKEN:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif address == SILENT:
            return None
        return answer

    def close(self):
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()


@pytest.fixture(scope="module", params=[(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["v4", "v6"])
def ask(request):
    family, host = request.param
    server = Server(family, host)
    yield Reverse([f"[{host}]:{server.port}" if ":" in host else f"{host}:{server.port}"])
    server.close()


@pytest.mark.parametrize(
    ("address", "said"), [(NAMED, True), (SIX, True), (UNNAMED, False), (EMPTY, False), (BROKEN, None)]
)
def test_what_is_said(ask, address, said):
    assert ask(address) is said


def test_a_server_that_is_silent_does_not_say(ask):
    assert ask(SILENT) is None


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::53", "[2001:db8::53]", "192.0.2.1:5300"])
def test_servers_as_operators_write_them(text):
    (server,) = Reverse([text])._resolver.nameservers
    assert server.answer_port() == (5300 if text.endswith(":5300") else 53)
