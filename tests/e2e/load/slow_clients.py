#!/usr/bin/env python3
"""Thousands of idle and hundreds of slow connections, and what ordinary clients notice of them.

    slow_clients.py --binary PATH [--idle 10000] [--slow 500] [--seconds 30] [--rate 50]

Idle connections: a third says nothing, a third has had an answer and keeps the connection, a third speaks HTTP/2 and makes no call.
Slow connections: half send their headers, half their body, a byte a second. What the server closes is opened again, so that the
numbers stand, as far as the server lets them. Ordinary clients ask for certificates meanwhile, each on a connection of its own; their
latency without the others is measured first. Not part of the test run. Needs the packages of tests/e2e/parity/requirements.txt, and `ulimit -n` above the sum.
"""
import argparse, http.client, json, multiprocessing, os, resource, selectors, socket, statistics, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "parity"))
import peers, run
from cases import Case
from cryptography.hazmat.primitives.asymmetric import ec

HEADERS = b"POST /api/v2/signingCert HTTP/1.1\r\nHost: x\r\nX-Padding: " + b"x" * 4096
BODY = b"POST /api/v2/signingCert HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b" " * 99999
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


class Herd:
    """Connections of one process that are kept up."""

    def __init__(self, http, grpc, kinds):
        self.ports = {"silent": http, "answered": http, "http2": grpc, "headers": http, "body": http}
        self.selector, self.slow, self.closed = selectors.DefaultSelector(), {}, 0
        self.wanted = [kind for kind, count in kinds.items() for _ in range(count)]
        self.number = 0

    def open(self, kind):
        s = socket.socket()
        self.number += 1
        # So that what lingers of it keeps no later server from this port.
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.%d.%d" % (1 + self.number // 250 % 40, 1 + self.number % 250), 0))
        s.connect(("127.0.0.1", self.ports[kind]))
        s.setblocking(False)
        first = {"answered": GET, "http2": PREFACE, "headers": HEADERS[:40], "body": BODY[:90]}.get(kind)
        if first:
            s.send(first)
        if kind in ("headers", "body"):
            self.slow[s] = [kind, len(first)]
        self.selector.register(s, selectors.EVENT_READ, kind)

    def turn(self):
        """Reads what came, replaces what was closed."""
        for key, _ in self.selector.select(0.2):
            try:
                gone = not key.fileobj.recv(65536)
            except OSError:
                gone = True
            if gone or key.data in ("headers", "body"):
                self.selector.unregister(key.fileobj)
                self.slow.pop(key.fileobj, None)
                key.fileobj.close()
                self.closed += 1
                self.wanted.append(key.data)
        for kind in self.wanted[:200]:
            self.open(kind)
        del self.wanted[:200]

    def trickle(self):
        for s, state in list(self.slow.items()):
            try:
                text = HEADERS if state[0] == "headers" else BODY
                s.send(text[state[1]:state[1] + 1])
                state[1] += 1
            except OSError:
                pass


def herd(http, grpc, kinds, report):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    h, last, ready = Herd(http, grpc, kinds), 0.0, False
    while True:
        h.turn()
        if time.time() - last > 1:
            last = time.time()
            h.trickle()
            ready = ready or h.number >= sum(kinds.values())
            report.put((ready, len(h.selector.get_map()), h.closed))


def requests(count, identity, idp):
    for i in range(count):
        run._made.pop(("p256", False), None)
        token, key, public, proof, _ = run.build(Case("load", change={"sub": str(i)}), identity, idp)
        yield json.dumps({"credentials": {"oidcIdentityToken": token}, "publicKeyRequest": {
            "publicKey": {"algorithm": "ECDSA", "content": public.decode()},
            "proofOfPossession": run.base64.b64encode(proof).decode()}})


def shoot(port, bodies, rate):
    """Latencies in ms of requests at a fixed rate, each on a new connection; late starts count as latency."""
    times, failed, begin = [], 0, time.perf_counter()
    for number, body in enumerate(bodies):
        due = begin + number / rate
        time.sleep(max(0, due - time.perf_counter()))
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            c.request("POST", "/api/v2/signingCert", body, {"Content-Type": "application/json"})
            r = c.getresponse()
            r.read()
            failed += r.status != 200
            c.close()
        except OSError:
            failed += 1
        times.append((time.perf_counter() - max(due, begin)) * 1e3)
    return times, failed


def say(name, times, failed):
    times.sort()
    at = lambda q: times[min(len(times) - 1, int(len(times) * q))]
    print("%-22s requests %5d  failed %d  p50 %.1f ms  p99 %.1f ms  max %.1f ms" % (
        name, len(times), failed, statistics.median(times), at(0.99), times[-1]), flush=True)
    return at(0.99)


def memory(pid, field):
    return int(next(l for l in open("/proc/%d/status" % pid) if l.startswith(field)).split()[1]) / 1024


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--binary", required=True)
    p.add_argument("--idle", type=int, default=10000)
    p.add_argument("--slow", type=int, default=500)
    p.add_argument("--seconds", type=int, default=30)
    p.add_argument("--rate", type=int, default=50)
    p.add_argument("--only", choices=["silent", "answered", "http2"], help="one kind of idle connections")
    a = p.parse_args()
    identity = peers.Identity()
    idp, folder = peers.Idp(identity), tempfile.mkdtemp(prefix="slow-")
    run.make_ca(folder, ec.SECP256R1)
    server = run.Server(a.binary, folder, idp, None)
    bodies = list(requests(a.seconds * a.rate, identity, idp))
    kinds = {"silent": a.idle - 2 * (a.idle // 3), "answered": a.idle // 3, "http2": a.idle // 3,
             "headers": a.slow - a.slow // 2, "body": a.slow // 2}
    if a.only:
        kinds.update({kind: a.idle if kind == a.only else 0 for kind in ("silent", "answered", "http2")})
    report = multiprocessing.Queue()
    child = multiprocessing.Process(target=herd, args=(server.http, server.grpc, kinds, report), daemon=True)
    pid = server.process.pid
    try:
        shoot(server.http, bodies[:50], a.rate)
        say("alone", *shoot(server.http, bodies[: len(bodies) // 3], a.rate))
        print("memory alone           %.1f MiB" % memory(pid, "VmRSS"), flush=True)
        child.start()
        while not (state := report.get(timeout=120))[0]:
            pass
        print("open connections       %d, of which the server has %d files" % (state[1], len(os.listdir("/proc/%d/fd" % pid))), flush=True)
        p99 = say("beside the others", *shoot(server.http, bodies, a.rate))
        while not report.empty():
            state = report.get()
        print("open at the end        %d (%d were closed and replaced)" % (state[1], state[2]))
        peak = memory(pid, "VmHWM")
        print("memory now, at most    %.1f MiB, %.1f MiB" % (memory(pid, "VmRSS"), peak))
    finally:
        if child.is_alive():
            child.terminate()
        server.stop()
    return 0 if p99 < 50 and peak < 150 else 1


sys.exit(main())
