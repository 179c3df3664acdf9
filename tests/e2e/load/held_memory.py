#!/usr/bin/env python3
"""What connections of strangers make the server hold, and whether an honest call with a large token gets through meanwhile.

    held_memory.py --binary PATH [--connections 100] [--seconds 50] [NAME..]

Each attack opens its connections, sends as much as the server takes, and keeps them. Asked: RSS stays under 200 MiB, honest requests
with a token of 64 KiB are answered on both listeners, and some 45 s later what was held is free: an RSS of at most 40 MiB more than
before, since an allocator keeps some of it. Not part of the test run. Needs the packages of tests/e2e/parity/requirements.txt.
"""
import argparse, functools, gzip, json, os, socket, struct, sys, tempfile, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "parity"))
import peers, run
from cases import Case
from cryptography.hazmat.primitives.asymmetric import ec

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PING, WINDOW, CONTINUATION = 0, 1, 2, 3, 4, 6, 8, 9
CA = b"/dev.sigstore.fulcio.v2.CA/CreateSigningCertificate"
CONFIGURATION = b"/dev.sigstore.fulcio.v2.CA/GetTrustBundle"
REFLECTION = b"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def integer(number, bits, first=0):
    most = (1 << bits) - 1
    if number < most:
        return bytes([first | number])
    out, number = [first | most], number - most
    while number >= 128:
        out.append(number % 128 + 128)
        number //= 128
    return bytes(out + [number])


def literal(name, value):
    return b"\x10" + integer(len(name), 7) + name + integer(len(value), 7) + value


def base(path):
    return b"".join(literal(*field) for field in (
        (b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"x"),
        (b"content-type", b"application/grpc"), (b"te", b"trailers")))


def block(stream, block, end_stream=0, end_headers=True):
    """A header block in frames."""
    parts = [block[at:at + 16384] for at in range(0, len(block), 16384)]
    return b"".join(
        frame(HEADERS if not n else CONTINUATION, (0 if n else end_stream) | (4 if end_headers and n == len(parts) - 1 else 0), stream, part)
        for n, part in enumerate(parts))


@functools.cache
def fields(count):
    """As many fields with names of one and two bytes."""
    letters = b"abcdefghijklmnopqrstuvwxyz0123456789"
    names = [bytes([a]) for a in letters] + [bytes([a, b]) for a in letters for b in letters] + [
        bytes([a, b, c]) for a in letters for b in letters for c in letters]
    return b"".join(literal(name, b"") for name in names[:count] if name != b"te")


class Attack:
    """Connections that are kept, with everything that was sent on them."""

    def __init__(self, ports):
        self.http, self.grpc = ports
        self.sockets, self.sent, self.closed = [], 0, 0

    def connect(self, port):
        s = socket.create_connection(("127.0.0.1", port))
        s.settimeout(0.5)
        self.sockets.append(s)
        return s

    def send(self, s, data):
        """As much as the server takes within half a second."""
        try:
            view = memoryview(data)
            while view:
                n = s.send(view[:65536])
                self.sent, view = self.sent + n, view[n:]
        except TimeoutError:
            return False
        except OSError:
            self.closed += 1
            return False
        return True

    def h2(self, settings=b"", read=True, port=None):
        s = self.connect(port or self.grpc)
        s.sendall(PREFACE + frame(SETTINGS, 0, 0, settings))
        if read:
            s.recv(1024)
        s.sendall(frame(SETTINGS, 1, 0, b""))
        return s

    def drain(self, s):
        def read():
            s.settimeout(None)
            try:
                while s.recv(65536):
                    pass
            except OSError:
                pass
        threading.Thread(target=read, daemon=True).start()


def static_fields(a, s=None):
    """Header blocks of one byte a field, of calls whose message never comes."""
    s = a.h2()
    for n in range(16):
        a.send(s, block(2 * n + 1, b"\x20" * (n == 0) + base(CA) + b"\x8f" * 2300))


def unique_fields(a):
    """The same with fields of different names."""
    s = a.h2()
    for n in range(16):
        a.send(s, block(2 * n + 1, b"\x20" * (n == 0) + base(CA) + fields(2250)))


def allowed_fields(a):
    """No more fields than are accepted, with as long values as are."""
    s = a.h2()
    values = b"".join(literal(b"x%d" % n, b"v" * 800) for n in range(88))
    for n in range(16):
        a.send(s, block(2 * n + 1, b"\x20" * (n == 0) + base(CA) + values))


def open_blocks(a):
    """Header blocks that do not end."""
    s = a.h2()
    a.send(s, block(1, base(CA) + fields(2250), end_headers=False))


def table(a):
    """Entries of the dynamic table, each in a frame full of updates of its size, by a client that does not confirm our settings."""
    s = a.connect(a.grpc)
    s.sendall(PREFACE + frame(SETTINGS, 0, 0, b""))
    for n in range(120):
        filler = b"\x3f\xe1\x1f" * 5000
        if not a.send(s, block(2 * n + 1, filler + b"\x40\x02%02xx" % n + b"\x01y" + base(b"/" + b"x"), 1)):
            return


def huffman(a):
    """Values in Huffman's code, which decode to more than was sent."""
    s = a.h2()
    value = b"\x18\xc6\x31\x8c\x63" * 9000
    for n in range(16):
        a.send(s, block(2 * n + 1, b"\x20" * (n == 0) + base(CA) + b"\x10\x01x" + integer(len(value), 7, 0x80) + value))


def resets(a):
    """Calls that are taken back at once."""
    s = a.h2()
    for n in range(2000):
        if not a.send(s, block(2 * n + 1, base(CA) + fields(90)) + frame(RST, 0, 2 * n + 1, struct.pack(">I", 8))):
            return


def trailers(a):
    """A second header block on each stream."""
    s = a.h2()
    for n in range(16):
        a.send(s, block(2 * n + 1, base(CA) + fields(10)) + block(2 * n + 1, fields(2000)))


def small_data(a):
    """Frames of one byte between large ones that mean nothing, on a stream that is not read because its answers are not."""
    s = a.h2(struct.pack(">HI", 4, 0))
    a.send(s, block(1, base(REFLECTION)))
    message = b"\x00\x00\x00\x00\x02\x3a\x00"
    for n in range(400):
        if not a.send(s, frame(DATA, 0, 1, message) + frame(0xf0, 0, 0, b"x" * 8000)):
            return


def messages(a):
    """Messages that do not end, on every stream."""
    s = a.h2()
    for n in range(16):
        a.send(s, block(2 * n + 1, base(CA)) + frame(DATA, 0, 2 * n + 1, b"\0" + struct.pack(">I", 262144) + b"x" * 4000))


def streamed(a):
    """The same on streams whose answers have begun."""
    s = a.h2()
    a.drain(s)
    for n in range(16):
        a.send(s, block(2 * n + 1, base(REFLECTION)) + frame(DATA, 0, 2 * n + 1, b"\0" + struct.pack(">I", 262144) + b"x" * 4000))
    for _ in range(16):
        for n in range(16):
            time.sleep(0.005)
            a.send(s, frame(DATA, 0, 2 * n + 1, b"x" * 16000))


def inflated(a):
    """Compressed messages that become large, on streams that go on."""
    s = a.h2()
    a.drain(s)
    for n in range(16):
        length = (1020, 262138)[n % 2]
        message = gzip.compress(b"\x3a" + bytes([length % 128 + 128, length // 128 % 128 + 128, length // 16384]) + b"x" * length)
        message = b"\1" + struct.pack(">I", len(message)) + message
        path = (REFLECTION, CA, REFLECTION, REFLECTION)[n % 4]
        a.send(s, block(2 * n + 1, base(path) + literal(b"grpc-encoding", b"gzip")) + frame(DATA, 0, 2 * n + 1, message * (1 + 40 * (length < 5000))))


def rest_bodies(a):
    """Bodies of REST over HTTP/2 that do not end, on every stream."""
    s = a.h2(port=a.http)
    a.drain(s)
    for n in range(16):
        a.send(s, block(2 * n + 1, base(b"/api/v2/signingCert")) + frame(DATA, 0, 2 * n + 1, b" " * 4000))
    for _ in range(16):
        for n in range(16):
            time.sleep(0.005)
            a.send(s, frame(DATA, 0, 2 * n + 1, b" " * 16000))


def rest_window(a):
    """Answers of REST over HTTP/2 of which one byte may be sent."""
    s = a.h2(struct.pack(">HI", 4, 1), port=a.http)
    for n in range(16):
        a.send(s, block(2 * n + 1, base(b"/api/v1/rootCert"), end_stream=1))


def closed_window(a):
    """Calls whose answers may not be sent."""
    s = a.h2(struct.pack(">HI", 4, 0))
    for n in range(16):
        a.send(s, block(2 * n + 1, base(CONFIGURATION)) + frame(DATA, 1, 2 * n + 1, b"\0\0\0\0\0"))


def narrow_window(a):
    """Answers of which one byte may be sent."""
    s = a.h2(struct.pack(">HI", 4, 1))
    for n in range(16):
        a.send(s, block(2 * n + 1, base(CONFIGURATION)) + frame(DATA, 1, 2 * n + 1, b"\0\0\0\0\0"))


def pings(a):
    """Pings and settings whose answers are not read."""
    s = a.h2()
    while a.send(s, (frame(PING, 0, 0, b"12345678") + frame(SETTINGS, 0, 0, b"") + frame(PRIORITY, 0, 1, b"\0\0\0\0\0")) * 1000):
        pass


def heads(a):
    """Heads of HTTP/1 that do not end."""
    a.send(a.connect(a.http), b"POST /api/v2/signingCert HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 130000)


def pipelined(a):
    """Requests sent ahead of the answers."""
    s = a.connect(a.http)
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"".join(b"a%d:b\r\n" % n for n in range(90)) + b"X: " + b"y" * 100000 + b"\r\n\r\n"
    a.send(s, b"POST /api/v2/signingCert HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + b" " * 99)
    for _ in range(40):
        if not a.send(s, head):
            return


def chunks(a):
    """Bodies in chunks of one byte, without end, and heads behind those that end."""
    s = a.connect(a.http)
    a.send(s, b"POST /api/v2/signingCert HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 200000)


def bodies(a):
    """Bodies of the largest size that do not end."""
    a.send(a.connect(a.http), b"POST /api/v2/signingCert HTTP/1.1\r\nHost: x\r\nContent-Length: 262144\r\n\r\n" + b" " * 262143)


def unread(a):
    """Answers of HTTP/1 that are not read."""
    s = a.connect(a.http)
    while a.send(s, b"GET /api/v2/trustBundle HTTP/1.1\r\nHost: x\r\n\r\n" * 100):
        pass


QUIET = {"rest_window", "closed_window", "narrow_window", "small_data", "pings", "unread"}
ATTACKS = [static_fields, unique_fields, allowed_fields, open_blocks, table, huffman, resets, trailers, small_data, messages, streamed, inflated,
           rest_bodies, rest_window, closed_window, narrow_window, pings, heads, pipelined, chunks, bodies, unread]


def memory(pid, field):
    return int(next(l for l in open("/proc/%d/status" % pid) if l.startswith(field)).split()[1]) / 1024


def honest(server, identity, idp):
    """Requests with a token of nearly 64 KiB; what came of them."""
    import http.client
    run._made.pop(("p256", False), None)
    token, key, public, proof, _ = run.build(Case("load", change={"padding": "x" * 47000}), identity, idp)
    body = json.dumps({"credentials": {"oidcIdentityToken": token}, "publicKeyRequest": {
        "publicKey": {"content": public.decode()}, "proofOfPossession": run.base64.b64encode(proof).decode()}})
    out = {}
    for name, path, headers in (("REST", "/api/v2/signingCert", {}),):
        begin = time.time()
        try:
            c = http.client.HTTPConnection("127.0.0.1", server.http, timeout=20)
            c.request("POST", path, body, headers)
            out[name] = c.getresponse().status
        except OSError as error:
            out[name] = type(error).__name__
        out[name] = "%s in %.1f s" % (out[name], time.time() - begin)
    # The token in the metadata of a call.
    begin, status = time.time(), "closed"
    try:
        c = socket.create_connection(("127.0.0.1", server.grpc), timeout=20)
        call = block(1, base(CA) + literal(b"oidcidentitytoken", token.encode()))
        c.sendall(PREFACE + frame(SETTINGS, 0, 0, b"") + call + frame(DATA, 1, 1, b"\0\0\0\0\0"))
        got = b""
        while b"grpc-status" not in got and not frame(RST, 0, 1, b"")[3:] in got:
            part = c.recv(65536)
            if not part:
                break
            got += part
            if any(kind == HEADERS for kind in kinds(got)):
                status = "answered"
                break
    except OSError as error:
        status = type(error).__name__
    out["gRPC"] = "%s in %.1f s" % (status, time.time() - begin)
    return len(token), out


def kinds(data):
    while len(data) >= 9:
        length = int.from_bytes(data[:3], "big")
        yield data[3]
        data = data[9 + length:]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--binary", required=True)
    p.add_argument("--connections", type=int, default=100)
    p.add_argument("--seconds", type=int, default=45)
    p.add_argument("names", nargs="*")
    args = p.parse_args()
    failed = False
    for attack in ATTACKS:
        if args.names and attack.__name__ not in args.names:
            continue
        identity = peers.Identity()
        idp, folder = peers.Idp(identity), tempfile.mkdtemp(prefix="held-")
        run.make_ca(folder, ec.SECP256R1)
        server = run.Server(args.binary, folder, idp, None)
        pid = server.process.pid
        try:
            honest(server, identity, idp)
            before = memory(pid, "VmRSS")
            a = Attack((server.http, server.grpc))

            def one():
                try:
                    attack(a)
                except OSError:
                    a.closed += 1
            threads = [threading.Thread(target=one, daemon=True) for _ in range(args.connections)]
            [t.start() for t in threads]
            [t.join(30) for t in threads]
            if attack.__name__ not in QUIET:
                for s in a.sockets:
                    a.drain(s)
            time.sleep(1)
            held, (length, got) = memory(pid, "VmRSS"), honest(server, identity, idp)
            time.sleep(args.seconds)
            after, peak = memory(pid, "VmRSS"), memory(pid, "VmHWM")
            good = peak < 200 and after < before + 40 and "200" in got["REST"] and "answered" in got["gRPC"]
            failed |= not good
            print("%-14s %s sent %5.1f MiB, RSS %.0f -> %.0f MiB, at most %.0f, after %d s %.0f; token of %d bytes: %s" % (
                attack.__name__, "ok  " if good else "FAIL", a.sent / 2**20, before, held, peak, args.seconds, after, length, got), flush=True)
        finally:
            server.stop()
    return 1 if failed else 0


sys.exit(main())
