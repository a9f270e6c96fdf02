"""`python -m mlxport_harness.chat`: `mlx_lm.server` for one checkpoint, on a socket that it inherits.

It runs inside the sandbox, whose network is its own: a socket made there could not be reached from
outside, so the listening one comes as standard input. Nothing else is let in: each request must carry the
key that stands in a file which is removed as soon as it is read.
"""

from __future__ import annotations

import argparse
import functools
import hmac
import json
import os
import socket
import sys
import threading
import time
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mlx_lm import server

#: How often it looks whether the program that started it is still there.
WATCH_S = 1.0


def main(argv: list[str] | None = None) -> int:
    arguments = parse(argv)
    key = take(Path(arguments.key_file))
    listening = inherit()
    threading.Thread(target=end_with, args=(arguments.parent,), daemon=True).start()
    # Its own `run` takes both classes and does not pass them on.
    server._run_http_server = functools.partial(
        server._run_http_server, server_class=over(listening), handler_class=handler(key)
    )
    host, port = listening.getsockname()[:2]
    sys.argv = ["mlx_lm.server", "--model", arguments.model, "--host", host, "--port", str(port)]
    # No page of a browser may ask: the default lets every origin.
    sys.argv += ["--allowed-origins", "null", "--max-tokens", str(arguments.max_tokens)]
    server.main()
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mlxport_harness.chat", description=__doc__)
    parser.add_argument("--model", required=True, help="the checkpoint's folder")
    parser.add_argument("--key-file", required=True, help="holds the key; removed once read")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="ends with this process")
    parser.add_argument("--max-tokens", type=int, default=8192, help="of a reply that names no limit")
    return parser.parse_args(argv)


def take(path: Path) -> str:
    key = path.read_text().strip()
    path.unlink()
    if not key:
        raise SystemExit(f"{path} holds no key")
    return key


def inherit() -> socket.socket:
    """Takes the listening socket from standard input, and leaves nothing there."""
    try:
        listening = socket.socket(fileno=os.dup(0))
        listening.getsockname()
    except OSError as error:
        raise SystemExit(f"standard input is not a listening socket: {error}") from error
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return listening


def end_with(parent: int) -> None:
    """Ends this process with the one that started it, where the system has no way of its own."""
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os._exit(0)


def over(listening: socket.socket) -> type[ThreadingHTTPServer]:
    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def __init__(self, address: Any, requests: Any) -> None:
            super().__init__(address, requests, bind_and_activate=False)
            self.socket.close()
            self.socket = listening
            self.server_address = listening.getsockname()
            self.server_name, self.server_port = self.server_address[:2]

    return Server


def handler(key: str) -> type[server.APIHandler]:
    wanted = f"Bearer {key}".encode()

    class Handler(server.APIHandler):
        def do_POST(self) -> None:
            if self.allowed():
                super().do_POST()

        def do_GET(self) -> None:
            if not self.allowed():
                return
            if self.path == "/v1/ready":
                return self.ready()
            if self.path == "/v1/models":
                # Its own list is the Hub cache, which is not here; what answers is one checkpoint.
                return self.say(200, {"data": [{"id": "default_model", "object": "model"}]})
            super().do_GET()

        def do_OPTIONS(self) -> None:
            self.say(403, {"error": "no page may ask this server"})

        def allowed(self) -> bool:
            given = (self.headers.get("Authorization") or "").encode()
            if hmac.compare_digest(given, wanted):
                return True
            self.say(401, {"error": "this server answers the program that started it"})
            return False

        def ready(self) -> None:
            generator = self.response_generator
            if not generator.is_healthy:
                return self.say(500, {"state": "failed"})
            loaded = generator.model_provider.tokenizer is not None
            self.say(200 if loaded else 503, {"state": "ready" if loaded else "loading"})

        def say(self, status: int, body: dict[str, Any]) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    return Handler


if __name__ == "__main__":
    sys.exit(main())
