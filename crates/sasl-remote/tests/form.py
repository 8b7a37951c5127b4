"""A form that knows one user, web with the password webpw: form.py [CERTIFICATE KEY [AUTHORITY]].

With a certificate it talks TLS; with an authority as well, only to clients that have a certificate of it. Its port is the first line
of its output. It takes forms and JSON, and replies 200, 403, or 500 to what it cannot read.
"""

import http.server
import json
import ssl
import sys
import urllib.parse


class Form(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        try:
            fields = self.fields()
            known = fields["user"] == "web" and fields["pw"] == "webpw \"\\&%\u00fc"
            self.reply(200 if known else 403)
        except (KeyError, ValueError):
            self.reply(500)

    def fields(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.headers["Content-Type"] == "application/json":
            return json.loads(body)
        return dict(urllib.parse.parse_qsl(body, keep_blank_values=True, strict_parsing=True))

    def reply(self, code):
        self.send_response(code)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"hello\n")

    def log_message(self, *_):
        pass


def main(certificate=None, key=None, authority=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Form)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if authority:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(authority)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    server.serve_forever()


main(*sys.argv[1:])
