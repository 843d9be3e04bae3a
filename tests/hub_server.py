"""The part of the model hub's API that an upload uses; it keeps what it is sent."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class HubServer:
    """``files`` are those of the last commit, ``created`` the bodies of requests for a repository;
    ``cards`` those that were to be checked. ``refuse``: the status of every answer, 200 if None."""

    def __init__(self, refuse: int | None = None, bad_card: bool = False) -> None:
        self.files: dict[str, bytes] = {}
        self.created: list[dict[str, Any]] = []
        self.cards: list[str] = []
        self.refuse, self.bad_card = refuse, bad_card
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if hub.refuse is not None:
                    self.say(hub.refuse, {"error": "refused"})
                elif self.path == "/api/validate-yaml":
                    hub.cards.append(json.loads(body)["content"])
                    self.say(400 if hub.bad_card else 200, {"errors": [], "warnings": []})
                elif self.path == "/api/repos/create":
                    hub.created.append(json.loads(body))
                    name = f"{hub.created[-1].get('organization')}/{hub.created[-1]['name']}"
                    self.say(200, {"url": f"{hub.address}/{name}", "name": name})
                elif "/preupload/" in self.path:
                    files = json.loads(body)["files"]
                    own = [{"path": f["path"], "uploadMode": "regular"} for f in files]
                    self.say(200, {"files": [{**f, "shouldIgnore": False} for f in own]})
                elif "/commit/" in self.path:
                    for line in body.splitlines():
                        row = json.loads(line)
                        if row["key"] == "file":
                            content = base64.b64decode(row["value"]["content"])
                            hub.files[row["value"]["path"]] = content
                    name = self.path.removeprefix("/api/models/").split("/commit/")[0]
                    where = f"{hub.address}/{name}/commit/{'0' * 40}"
                    self.say(200, {"commitUrl": where, "commitOid": "0" * 40})
                else:
                    self.say(404, {"error": self.path})

            def do_GET(self) -> None:
                if hub.refuse is not None or "/api/models/" not in self.path:
                    self.say(hub.refuse or 404, {"error": self.path})
                    return
                name = self.path.removeprefix("/api/models/").split("/revision")[0].split("?")[0]
                self.say(200, {"id": name, "modelId": name, "sha": "0" * 40, "siblings": []})

            def say(self, status: int, value: dict[str, Any]) -> None:
                content = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
