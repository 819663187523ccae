"""A steady stream of UDP packets from one namespace to another: what was sent, what arrived, each once.

``python -m tests.stream receive ADDRESS PORT`` says the port it listens on, ``python -m tests.stream send ADDRESS PORT
RATE`` sends numbered packets; both say how many at SIGTERM. Neither answers, so that what is lost is lost one way.
"""

from __future__ import annotations

import array
import dataclasses
import signal
import socket
import subprocess
import sys
import time

from svcfabric.drivers.linux import netns

STEP = 0.0005  # seconds between two looks at how many packets are due


@dataclasses.dataclass(frozen=True)
class Counted:
    """``seconds``: how long was sent."""

    sent: int
    received: int
    seconds: float

    @property
    def lost(self) -> int:
        return self.sent - self.received

    @property
    def rate(self) -> float:
        """Packets a second."""
        return self.sent / self.seconds


class Stream:
    """Runs from its making on until ``finish``. ``towards``: the address senders know the receiver by."""

    def __init__(self, sender: str, receiver: str, towards: str, rate: int) -> None:
        self._receiver = _start(receiver, "receive", "0.0.0.0", "0")
        port = self._say(self._receiver)
        self._sender = _start(sender, "send", towards, port, str(rate))

    def finish(self) -> Counted:
        """Stop; what became of the packets."""
        self._sender.send_signal(signal.SIGTERM)
        sent, seconds = self._say(self._sender).split()
        time.sleep(0.5)  # those on their way
        self._receiver.send_signal(signal.SIGTERM)
        received = self._say(self._receiver)
        for process in (self._sender, self._receiver):
            process.wait(10)
        return Counted(int(sent), int(received), float(seconds))

    @staticmethod
    def _say(process: subprocess.Popen[str]) -> str:
        assert process.stdout
        return process.stdout.readline().strip()


def _start(namespace: str, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.stream", *words]
    return netns.run_in(
        namespace,
        lambda: subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True),
    )


def send(address: str, port: int, rate: int) -> None:
    """Send until told to stop; what was late is made up for."""
    running = [True]
    signal.signal(signal.SIGTERM, lambda *_: running.clear())
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((address, port))
    sent, refused, began = 0, 0, time.monotonic()
    while running:
        due = int((time.monotonic() - began) * rate)
        while sent < due:
            try:
                sock.send(sent.to_bytes(8, "big"))
                sent += 1
            except OSError:  # an ICMP error of before, told now: this packet was not sent
                refused += 1
                break
        time.sleep(STEP)
    print(sent, time.monotonic() - began, flush=True)


def receive(address: str, port: int) -> None:
    """Count packets, each number once, until told to stop."""
    seen = array.array("b", bytes(10_000_000))
    count = [0]

    def stop(*_: object) -> None:
        print(count[0], flush=True)
        sys.exit(0)

    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_RCVBUFFORCE", 33), 16 << 20)
    sock.bind((address, port))
    signal.signal(signal.SIGTERM, stop)
    print(sock.getsockname()[1], flush=True)
    while True:
        number = int.from_bytes(sock.recv(64), "big")
        if number < len(seen) and not seen[number]:
            seen[number] = 1
            count[0] += 1


if __name__ == "__main__":
    if sys.argv[1] == "send":
        send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        receive(sys.argv[2], int(sys.argv[3]))
