#!/usr/bin/env python3
"""A program that behaves like `cloudflared tunnel`: prints its box to stderr, answers /quicktunnel and /ready.

What it does is set by files in its own folder: `mode` (works, refuses, dies, never_ready), and it writes `pid`, `url`
and `environment` there, and `asked` when it has been asked three times whether it is ready.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

HERE = Path(sys.argv[0]).parent
NAME = "quiet-loom-wool-water.trycloudflare.com"


def option(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1]


def say(line: str) -> None:
    sys.stderr.write(f"2026-11-20T09:00:00Z {line}\n")
    sys.stderr.flush()


def main() -> None:
    mode = (HERE / "mode").read_text()
    (HERE / "pid").write_text(str(os.getpid()))
    (HERE / "url").write_text(option("--url"))
    (HERE / "environment").write_text(json.dumps(dict(os.environ)))
    assert sys.argv[1:3] == ["tunnel", "--no-autoupdate"]
    say("INF Requesting new quick Tunnel on trycloudflare.com...")
    if mode == "refuses":
        say('ERR Error unmarshaling QuickTunnel response: error code: 1015 status_code="429 Too Many Requests"')
        say("ERR failed to request https://api.trycloudflare.com/tunnel")
        sys.exit(1)
    if mode == "dies":
        sys.exit(3)
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            is_ready = mode == "works" and asked.count("/ready") > 1
            known = {"/quicktunnel": {"hostname": NAME}, "/ready": {"status": 200, "readyConnections": int(is_ready)}}
            body = json.dumps(known.get(self.path, {})).encode()
            self.send_response(200 if self.path != "/ready" or is_ready else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            if asked.count("/ready") > 2:
                (HERE / "asked").touch()

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    host, port = option("--metrics").split(":")
    server = HTTPServer((host, int(port)), Handler)
    say("INF +--------------------------------------------------------------------------------------------+")
    say("INF |  Your quick Tunnel has been created! PageRequest it at (it may take some time to be reachable):  |")
    say(f"INF |  https://{NAME}                                                |")
    say("INF +--------------------------------------------------------------------------------------------+")
    server.serve_forever()


if __name__ == "__main__":
    main()
