#!/usr/bin/env python3
"""Somebody to send to: takes posts on port 8099 and shows them. receiver.py 503 refuses them instead."""
import http.server
import sys

ANSWER = int(sys.argv[1]) if len(sys.argv) > 1 else 200


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        print(self.headers["webhook-id"], body.decode(), flush=True)
        self.send_response(ANSWER)
        self.end_headers()


if __name__ == "__main__":
    http.server.HTTPServer(("127.0.0.1", 8099), Receiver).serve_forever()
