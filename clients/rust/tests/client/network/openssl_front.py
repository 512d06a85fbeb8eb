"""OpenSSL's TLS in front of a plain server: openssl_front.py CERTIFICATE_AND_KEY PORT. Prints its own port."""

import http.client
import http.server
import ssl
import sys


class Front(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server = http.client.HTTPConnection("127.0.0.1", int(sys.argv[2]))
        server.request(self.command, self.path, body)
        answer = server.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name in ("Location", "Content-Length"):
            if answer.headers[name] is not None:
                self.send_header(name, answer.headers[name])
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST

    def log_message(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
front = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Front)
front.socket = context.wrap_socket(front.socket, server_side=True, do_handshake_on_connect=False)
print(front.server_address[1], flush=True)
front.serve_forever()
