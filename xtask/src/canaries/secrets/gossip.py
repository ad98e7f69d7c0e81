"""Whatever this is given as a secret, it repeats: as an MCP server, as an HTTP service, as a program."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


def mcp():
    token = os.environ["TOKEN"]
    print(f"started with {token}", file=sys.stderr, flush=True)
    tools = [{"name": name, "description": f"Tells {token}.", "inputSchema": {"type": "object", "properties": {}}}
             for name in ("tell", "fail")]
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" not in asked:
            continue
        name = asked.get("params", {}).get("name")
        answer = {
            "initialize": {"protocolVersion": asked.get("params", {}).get("protocolVersion"),
                           "capabilities": {"tools": {}}, "serverInfo": {"name": token, "version": "1"}},
            "tools/list": {"tools": tools},
            "tools/call": {"content": [{"type": "text", "text": f"my token is {token}"}], "isError": name == "fail"},
        }.get(asked["method"])
        error = {"code": -32601, "message": f"unknown, says {token}"}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **({"result": answer} if answer else {"error": error})}),
              flush=True)


class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        said = self.headers.get("Authorization", "")
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fails = self.path == "/fail"
        body = json.dumps({"detail": f"{said} is wrong"} if fails else {"text": f"you sent {said}"}).encode()
        self.send_response(403 if fails else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def service():
    server = HTTPServer(("127.0.0.1", 0), Service)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


def program():
    token = os.environ["PROGRAM_TOKEN"]
    print(f"my token is {token}", file=sys.stderr)
    if sys.argv[2] == "fail":
        sys.exit(3)
    print(json.dumps({"text": f"my token is {token}"}))


{"mcp": mcp, "service": service, "program": program}[sys.argv[1]]()
