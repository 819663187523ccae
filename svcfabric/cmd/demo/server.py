"""A small web server that answers its name: ``server.py NAME PORT``. Standard library only, run by file name."""

import http.server
import signal
import sys
from typing import ClassVar


class Answer(http.server.BaseHTTPRequestHandler):
    """Every path says who answers; connections stay open while the client wants it."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece
    name: ClassVar[bytes] = b""

    def do_GET(self) -> None:
        """The name, as body and header."""
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(self.name) + 1))
        self.send_header("X-Server", self.name.decode())
        self.end_headers()
        self.wfile.write(self.name + b"\n")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request."""


class Server(http.server.ThreadingHTTPServer):
    """One thread per connection."""

    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    """Serve until TERM."""
    Answer.name = sys.argv[1].encode()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Server(("", int(sys.argv[2])), Answer).serve_forever()


if __name__ == "__main__":
    main()
