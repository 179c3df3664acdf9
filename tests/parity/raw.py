#!/usr/bin/env python3
"""Raw HTTP requests that a Case cannot say: methods, header forms, framing, CORS.

    raw.py --binary PATH --out raw.json      starts the server as run.py does (no log)
    raw.py --url http://127.0.0.1:5555 --idp-port P --out raw.json          a server that runs already; see below
With --url the server must be configured with issuers whose base is http://127.0.0.1:P (issuers.config), P free.
Compare: raw.py --compare A.json B.json
"""
import argparse, base64, gzip, json, os, re, socket, sys, tempfile
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import issuers, peers, run
from cases import Case

V2, V1 = "/api/v2/signingCert", "/api/v1/signingCert"
SKIP = {"date", "content-length"}  # lengths are said apart


def talk(port, raw, timeout=5.0, head=False):
    """Sends octets, reads one answer (or several, until closed or quiet); answers as latin-1 text."""
    out = b""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as s:
        try:
            for part in (raw if isinstance(raw, list) else [raw]):
                s.sendall(part)
        except OSError:
            pass
        s.settimeout(timeout)
        try:
            while True:
                got = s.recv(65536)
                if not got:
                    break
                out += got
        except TimeoutError:
            return out, "open"
        except OSError as e:
            return out, type(e).__name__
    return out, "closed"


def parse(out, end, base):
    if not out:
        return {"http": None, "end": end}
    head, _, body = out.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    heads = []
    chunked = False
    for l in lines[1:]:
        k, _, v = l.partition(": ")
        chunked |= k.lower() == "transfer-encoding" and v.lower() == "chunked"
        if k.lower() not in SKIP:
            heads.append([k, v])
    n = [l.split(": ")[1] for l in lines[1:] if l.lower().startswith("content-length:")]
    if chunked:
        whole, rest = b"", body
        while rest and not rest.startswith(b"HTTP/"):
            size, _, rest = rest.partition(b"\r\n")
            k = int(size, 16)
            whole, rest = whole + rest[:k], rest[k + 2:]
            if not k:
                break
        body = whole + (rest if rest.strip() else b"")
    text = body.decode("utf-8", "replace").replace(base, "http://idp")
    text = re.sub(r"-----BEGIN CERTIFICATE-----(?:\\n|[\n\w+/=])*-----END CERTIFICATE-----", "PEM", text)
    try:  # the issuers come in no order
        doc = json.loads(text)
        if isinstance(doc, dict) and "issuers" in doc:
            text = json.dumps({"issuers": sorted(doc["issuers"], key=lambda i: json.dumps(i, sort_keys=True))}, separators=(",", ":"))
    except ValueError:
        pass
    text = re.sub(r"Date: [^\r\n]*", "Date: -", text)
    d = {"http": int(lines[0].split(" ")[1]), "status_line": lines[0], "headers": sorted(heads), "body": text[:400], "end": end,
         "type": next((v for k, v in heads if k.lower() == "content-type"), None), "framing": "chunked" if chunked else ("length" if n else "none")}
    if out.count(b"HTTP/1.1 ") > 1 or body.startswith(b"HTTP/1"):
        d["answers"] = re.findall(r"HTTP/1\.[01] (\d+)", out.decode("latin-1"))
    return d


def requests(ctx):
    """name -> octets (or a list of pieces)."""
    tok, body, v1body = ctx["token"], ctx["body"], ctx["v1body"]
    nobody = ctx["body_no_token"]
    R = {}

    def req(name, method="POST", path=V2, headers=(), data=b"", auth=True, version="HTTP/1.1", length=True, host="127.0.0.1", close=True, ctype="application/json"):
        h = [] if host is None else ["Host: " + host]
        if auth:
            h.append("Authorization: Bearer " + tok)
        if ctype:
            h.append("Content-Type: " + ctype)
        if length:
            h.append("Content-Length: %d" % len(data))
        h += list(headers)
        if close:
            h.append("Connection: close")
        R[name] = ("%s %s %s\r\n" % (method, path, version) + "".join(x + "\r\n" for x in h) + "\r\n").encode("latin-1") + data

    A = lambda v: ["Authorization: " + v]
    req("ok/v2", data=body)
    req("ok/v1", path=V1, data=v1body)
    # authorization forms
    for n, v in {"lower-bearer": "bearer " + tok, "upper-bearer": "BEARER " + tok, "mixed-bearer": "BeArEr " + tok, "double-space": "Bearer  " + tok, "tab": "Bearer\t" + tok, "no-scheme": tok, "no-space": "Bearer" + tok,
                 "basic": "Basic " + tok, "basic-real": "Basic dTpw", "colon": "Bearer: " + tok, "only-scheme": "Bearer", "only-scheme-space": "Bearer ", "empty": "", "trailing-space": "Bearer " + tok + "   ", "trailing-word": "Bearer " + tok + " x", "trailing-comma": "Bearer " + tok + ", x",
                 "quoted": 'Bearer "' + tok + '"', "leading-space": "   Bearer " + tok, "dpop": "DPoP " + tok, "token-scheme": "Token " + tok, "bearer-twice": "Bearer Bearer " + tok, "two-in-one": "Bearer x, Bearer " + tok, "latin1": "Bearer " + tok + "\xe4"}.items():
        req("auth/" + n, headers=A(v), auth=False, data=body)
        if n in ("lower-bearer", "double-space", "no-scheme", "basic", "empty"):
            req("auth-v1/" + n, path=V1, headers=A(v), auth=False, data=v1body)
    req("auth/two-headers-same", headers=A("Bearer " + tok), data=body)
    req("auth/two-headers-second-good", headers=A("Bearer x.y.z") + A("Bearer " + tok), auth=False, data=body)
    req("auth/two-headers-first-good", headers=A("Bearer x.y.z"), data=body)
    req("auth/basic-then-bearer", headers=A("Basic dTpw") + A("Bearer " + tok), auth=False, data=body)
    req("auth/header-name-lower", headers=["authorization: Bearer " + tok], auth=False, data=body)
    req("auth/header-name-upper", headers=["AUTHORIZATION: Bearer " + tok], auth=False, data=body)
    req("auth/no-space-after-colon", headers=["Authorization:Bearer " + tok], auth=False, data=body)
    req("auth/space-before-colon", headers=["Authorization : Bearer " + tok], auth=False, data=body)
    req("auth/folded", headers=["Authorization: Bearer\r\n " + tok], auth=False, data=body)
    req("auth/proxy-authorization", headers=["Proxy-Authorization: Bearer " + tok], auth=False, data=body)
    req("auth/metadata-header", headers=["Grpc-Metadata-oidcidentitytoken: " + tok], auth=False, data=body)
    req("auth/metadata-header-plain", headers=["oidcidentitytoken: " + tok], auth=False, data=body)
    req("auth/metadata-header-beside", headers=["Grpc-Metadata-oidcidentitytoken: x.y.z"], data=body)
    req("auth/cookie", headers=["Cookie: Authorization=Bearer " + tok], auth=False, data=body)
    req("auth/query", path=V2 + "?access_token=" + tok, auth=False, data=body)
    req("auth/bad-header-good-body", headers=A("Basic dTpw"), auth=False, data=ctx["body_token"])
    req("auth/good-header-bad-body", data=ctx["body_bad_token"])
    req("auth/70-kib-header", headers=A("Bearer " + "A" * 70000), auth=False, data=body)
    req("auth/2-mib-header", headers=A("Bearer " + "A" * (2 << 20)), auth=False, data=body)
    # methods and paths
    PATHS = {"v2": V2, "v1": V1, "trustBundle": "/api/v2/trustBundle", "configuration": "/api/v2/configuration", "rootCert": "/api/v1/rootCert", "healthz": "/healthz", "unknown": "/api/v2/nope", "root": "/", "metrics": "/metrics"}
    for n, p in PATHS.items():
        for m in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "FOO"):
            if m == "POST" and n in ("v2", "v1"):
                continue
            data = b"" if m in ("GET", "HEAD", "OPTIONS", "TRACE", "CONNECT") else (v1body if n == "v1" else body)
            req("method/%s/%s" % (n, m), m, p, data=data, auth=n in ("v1", "v2"))
    for n, p in {"trailing-slash": V2 + "/", "query": V2 + "?a=b", "query-empty": V2 + "?", "query-field": V2 + "?credentials.oidcIdentityToken=x", "query-alt": V2 + "?alt=json&$alt=proto", "double-slash": "//api/v2/signingCert", "inner-double-slash": "/api//v2/signingCert", "dot-segment": "/api/v2/./signingCert",
                 "dotdot": "/api/v2/x/../signingCert", "upper": "/api/v2/SigningCert", "lower": "/api/v2/signingcert", "encoded": "/api/v2/signing%43ert", "encoded-slash": "/api/v2%2FsigningCert", "fragment": V2 + "#x", "absolute": "http://127.0.0.1" + V2, "verb": V2 + ":create", "colon": V2 + ":", "semicolon": V2 + ";x=y", "v3": "/api/v3/signingCert", "v1beta": "/api/v1beta/signingCert",
                 "bad-escape": "/api/v2/%zz", "star": "*", "relative": "api/v2/signingCert", "nul-escape": "/api/v2/signingCert%00", "space-escape": "/api/v2/signingCert%20", "grpc-path": "/dev.sigstore.fulcio.v2.CA/CreateSigningCertificate"}.items():
        req("path/" + n, path=p, data=body)
    for n, p in {"trustBundle-slash": "/api/v2/trustBundle/", "trustBundle-query": "/api/v2/trustBundle?x=1", "configuration-slash": "/api/v2/configuration/", "rootCert-slash": "/api/v1/rootCert/", "rootCert-query": "/api/v1/rootCert?x=1", "healthz-slash": "/healthz/", "healthz-service": "/healthz?service=dev.sigstore.fulcio.v2.CA", "healthz-service-unknown": "/healthz?service=nope", "healthz-upper": "/Healthz",
                 "trustBundle-bad-query": "/api/v2/trustBundle?%zz", "api": "/api", "api-v2": "/api/v2", "favicon": "/favicon.ico", "metrics": "/metrics", "debug": "/debug/pprof/", "version": "/version", "v1-trustBundle": "/api/v1/trustBundle", "v2-rootCert": "/api/v2/rootCert"}.items():
        req("get/" + n, "GET", p, auth=False, length=False, ctype=None)
    req("get/trustBundle-with-body", "GET", "/api/v2/trustBundle", auth=False, data=b'{"x":1}')
    req("get/healthz-accept-html", "GET", "/healthz", ["Accept: text/html"], auth=False, length=False, ctype=None)
    req("get/rootCert-accept-json", "GET", "/api/v1/rootCert", ["Accept: application/json"], auth=False, length=False, ctype=None)
    req("get/trustBundle-accept-pem", "GET", "/api/v2/trustBundle", ["Accept: application/pem-certificate-chain"], auth=False, length=False, ctype=None)
    req("get/trustBundle-gzip", "GET", "/api/v2/trustBundle", ["Accept-Encoding: gzip"], auth=False, length=False, ctype=None)
    req("get/trustBundle-range", "GET", "/api/v2/trustBundle", ["Range: bytes=0-9"], auth=False, length=False, ctype=None)
    req("override/put-as-post", "PUT", V2, ["X-HTTP-Method-Override: POST"], data=body)
    req("override/post-as-get", "POST", "/api/v2/trustBundle", ["X-HTTP-Method-Override: GET"], data=b"")
    req("override/post-form-as-get", "POST", "/api/v2/trustBundle", data=b"", ctype="application/x-www-form-urlencoded")
    req("override/post-form-to-configuration", "POST", "/api/v2/configuration", data=b"a=b", ctype="application/x-www-form-urlencoded")
    req("override/post-form-to-rootCert", "POST", "/api/v1/rootCert", data=b"", ctype="application/x-www-form-urlencoded")
    req("override/post-form-to-signing", data=body, ctype="application/x-www-form-urlencoded")
    # framing
    H = "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n" % (V2, tok)
    ch = lambda parts: b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"
    R["framing/chunked"] = (H + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n").encode() + ch([body[:10], body[10:200], body[200:]])
    R["framing/chunked-trailer"] = (H + "Transfer-Encoding: chunked\r\nTrailer: X-T\r\nConnection: close\r\n\r\n").encode() + ch([body])[:-2] + b"X-T: 1\r\n\r\n"
    R["framing/chunked-extension"] = (H + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n").encode() + b"%x;a=b\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    R["framing/chunked-bad-size"] = (H + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n").encode() + b"zz\r\n" + body + b"\r\n0\r\n\r\n"
    R["framing/chunked-5-mib"] = (H + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n").encode() + ch([body[:-1] + b', "pad": "'] + [b"x" * 65536] * 80 + [b'"}'])
    R["framing/chunked-and-length"] = (H + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\nConnection: close\r\n\r\n").encode() + ch([body])
    R["framing/chunked-twice"] = (H + "Transfer-Encoding: chunked, chunked\r\nConnection: close\r\n\r\n").encode() + ch([body])
    R["framing/transfer-gzip"] = (H + "Transfer-Encoding: gzip\r\nConnection: close\r\n\r\n").encode() + ch([body])
    R["framing/no-length"] = (H + "Connection: close\r\n\r\n").encode()
    R["framing/no-length-body-follows"] = (H + "Connection: close\r\n\r\n").encode() + body
    R["framing/length-too-small"] = (H + "Content-Length: %d\r\nConnection: close\r\n\r\n" % (len(body) - 5)).encode() + body
    R["framing/two-lengths-same"] = (H + "Content-Length: {0}\r\nContent-Length: {0}\r\nConnection: close\r\n\r\n".format(len(body))).encode() + body
    R["framing/two-lengths-differ"] = (H + "Content-Length: %d\r\nContent-Length: 7\r\nConnection: close\r\n\r\n" % len(body)).encode() + body
    R["framing/length-negative"] = (H + "Content-Length: -1\r\nConnection: close\r\n\r\n").encode() + body
    R["framing/length-plus"] = (H + "Content-Length: +%d\r\nConnection: close\r\n\r\n" % len(body)).encode() + body
    R["framing/length-text"] = (H + "Content-Length: abc\r\nConnection: close\r\n\r\n").encode() + body
    R["framing/length-10-gib-no-body"] = (H + "Content-Length: 10737418240\r\nConnection: close\r\n\r\n").encode() + b"{"
    R["framing/expect-continue"] = (H + "Expect: 100-continue\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)).encode() + body
    R["framing/expect-unknown"] = (H + "Expect: teapot\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body)).encode() + body
    R["framing/pipelined"] = (H + "Content-Length: %d\r\n\r\n" % len(body)).encode() + body + b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    R["framing/pipelined-after-405"] = b"PUT " + V2.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    R["framing/leading-crlf"] = b"\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    R["framing/lf-only"] = b"GET /healthz HTTP/1.1\nHost: x\nConnection: close\n\n"
    R["framing/garbage"] = b"hello\r\n\r\n"
    R["framing/tls-hello"] = bytes.fromhex("16030100050100000100")
    R["framing/http-2-preface-cut"] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    R["framing/http-0.9"] = b"GET /healthz\r\n\r\n"
    R["framing/http-2.0-word"] = b"GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n"
    R["framing/http-1.2"] = b"GET /healthz HTTP/1.2\r\nHost: x\r\nConnection: close\r\n\r\n"
    req("framing/http-1.0", version="HTTP/1.0", data=body, close=False)
    req("framing/http-1.0-keep-alive", version="HTTP/1.0", data=body, close=True)
    req("framing/no-host", host=None, data=body)
    req("framing/two-hosts", headers=["Host: y"], data=body)
    req("framing/odd-host", host="evil.example:99", data=body)
    req("framing/bad-host", host="a b", data=body)
    req("framing/bad-header-name", headers=["X y: z"], data=body)
    req("framing/header-no-colon", headers=["Xyz"], data=body)
    req("framing/header-nul", headers=["X-Y: a\x00b"], data=body)
    req("framing/many-headers", headers=["X-%d: y" % i for i in range(300)], data=body)
    req("framing/upgrade-h2c", headers=["Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"], data=body)
    req("framing/upgrade-websocket", "GET", V2, ["Upgrade: websocket"], length=False)
    # encodings
    gz = gzip.compress(body, mtime=0)
    req("encoding/gzip", headers=["Content-Encoding: gzip"], data=gz)
    req("encoding/gzip-said-but-plain", headers=["Content-Encoding: gzip"], data=body)
    req("encoding/identity", headers=["Content-Encoding: identity"], data=body)
    req("encoding/unknown", headers=["Content-Encoding: br"], data=body)
    req("encoding/accept-gzip", headers=["Accept-Encoding: gzip"], data=body)
    req("encoding/v1-accept-gzip", path=V1, headers=["Accept-Encoding: gzip"], data=v1body)
    # headers towards gRPC
    for n, v in {"grpc-timeout-1n": "Grpc-Timeout: 1n", "grpc-timeout-0": "Grpc-Timeout: 0S", "grpc-timeout-bad": "Grpc-Timeout: soon", "grpc-timeout-ok": "Grpc-Timeout: 10S", "te-trailers": "TE: trailers", "metadata-odd": "Grpc-Metadata-X: \xe4", "metadata-bin": "Grpc-Metadata-x-bin: ***", "metadata-http-code": "Grpc-Metadata-x-http-code: 418",
                 "request-id": "X-Request-ID: abc", "x-forwarded-for": "X-Forwarded-For: 10.0.0.1", "if-none-match": "If-None-Match: *", "user-agent-empty": "User-Agent: ", "metadata-bad-key": "Grpc-Metadata-a(b: c"}.items():
        req("header/" + n, headers=[v], data=body)
    # CORS
    O = "Origin: https://a.example"
    M, X = "Access-Control-Request-Method: ", "Access-Control-Request-Headers: "
    for p in ("v2", "v1", "trustBundle", "unknown", "healthz"):
        req("cors/preflight-%s-POST" % p, "OPTIONS", PATHS[p], [O, M + "POST"], auth=False, length=False, ctype=None)
    for m in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "post", "FOO", ""):
        req("cors/preflight-method-" + (m or "empty"), "OPTIONS", V2, [O, M + m], auth=False, length=False, ctype=None)
    for n, h in {"content-type": "content-type", "two": "accept,content-type", "two-space": "accept, content-type", "upper": "Content-Type", "authorization": "authorization", "content-type-authorization": "authorization,content-type", "origin": "origin", "x-requested-with": "x-requested-with", "custom": "x-custom", "empty": "", "unsorted": "content-type,accept", "grpc": "grpc-timeout,content-type", "all-allowed": "accept,content-type,x-requested-with"}.items():
        req("cors/preflight-headers-" + n, "OPTIONS", V2, [O, M + "POST", X + h], auth=False, length=False, ctype=None)
    req("cors/preflight-no-origin", "OPTIONS", V2, [M + "POST"], auth=False, length=False, ctype=None)
    req("cors/preflight-null-origin", "OPTIONS", V2, ["Origin: null", M + "POST"], auth=False, length=False, ctype=None)
    req("cors/preflight-private-network", "OPTIONS", V2, [O, M + "POST", "Access-Control-Request-Private-Network: true"], auth=False, length=False, ctype=None)
    req("cors/options-without-method", "OPTIONS", V2, [O], auth=False, length=False, ctype=None)
    req("cors/options-bare", "OPTIONS", V2, [], auth=False, length=False, ctype=None)
    for n, p, m, data in (("v2-POST", V2, "POST", body), ("v1-POST", V1, "POST", v1body), ("v2-POST-refused", V2, "POST", b"{}"), ("trustBundle-GET", "/api/v2/trustBundle", "GET", b""), ("trustBundle-HEAD", "/api/v2/trustBundle", "HEAD", b""), ("healthz-GET", "/healthz", "GET", b""), ("unknown-GET", "/api/v2/nope", "GET", b""), ("v2-PUT", V2, "PUT", b"{}"), ("v2-DELETE", V2, "DELETE", b"")):
        req("cors/real-" + n, m, p, [O], data=data)
    req("cors/real-null-origin", headers=["Origin: null"], data=body)
    req("cors/real-empty-origin", headers=["Origin: "], data=body)
    return R


def context(identity, idp):
    case = Case("raw", form="pem")
    token, key, public, proof, _ = run.build(case, identity, idp)
    b64 = lambda x: base64.b64encode(x).decode()
    pk = {"publicKeyRequest": {"publicKey": {"content": public.decode(), "algorithm": "ECDSA"}, "proofOfPossession": b64(proof)}}
    J = lambda d: json.dumps(d).encode()
    return {"token": token, "body": J(pk), "body_no_token": J(pk), "body_token": J({**pk, "credentials": {"oidcIdentityToken": token}}), "body_bad_token": J({**pk, "credentials": {"oidcIdentityToken": "x.y.z"}}),
            "v1body": J({"publicKey": {"content": b64(public), "algorithm": "ecdsa"}, "signedEmailAddress": b64(proof)})}


TELLING = ("access-control-", "allow", "vary", "content-type", "sct", "grpc-", "www-authenticate", "content-encoding")


def essence(d):
    """What a client can rely on: no framing, no letter case of header names, no words of the HTTP library's own refusals."""
    out = {"http": d.get("http"), "type": d.get("type"), "answers": d.get("answers")}
    out["headers"] = sorted([k.lower(), v] for k, v in d.get("headers", []) if k.lower().startswith(TELLING))
    out["body"] = d.get("body")
    if (d.get("type") or "").startswith("text/plain") or d.get("http") == 417:
        return {"http": d.get("http")}
    try:
        doc = json.loads(d.get("body") or "")
        out["body"] = {k: v for k, v in doc.items() if k != "details"} if "code" in doc else doc
    except (ValueError, TypeError, AttributeError):
        pass
    if out["answers"]:
        out["body"] = None
    return out


def compare(theirs, ours, allow):
    pair = []
    for name in (theirs, ours):
        f = tempfile.NamedTemporaryFile("w", suffix=".json", delete=False)
        json.dump({k: essence(v) for k, v in json.load(open(name)).items()}, f)
        f.close()
        pair.append(f.name)
    return run.compare(*pair, allow)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--binary")
    p.add_argument("--url")
    p.add_argument("--idp-port", type=int, default=0)
    p.add_argument("--out", default="raw.json")
    p.add_argument("--only", default="")
    p.add_argument("--allow")
    p.add_argument("--compare", nargs=2)
    a = p.parse_args()
    if a.compare:
        return compare(*a.compare, a.allow)
    identity = peers.Identity()
    idp = peers.Idp(identity, a.idp_port)
    server, port = None, None
    if a.binary:
        folder = tempfile.mkdtemp(prefix="parity-raw-")
        run.make_ca(folder)
        server = run.Server(a.binary, folder, idp, None)
        port = server.http
    else:
        port = int(a.url.rsplit(":", 1)[1].strip("/"))
    out = {}
    try:
        for name, raw in requests(context(identity, idp)).items():
            if name.startswith(a.only):
                got, end = talk(port, raw, timeout=1.5 if "10-gib" in name or "tls" in name or "0.9" in name or "preface" in name else 5)
                d = parse(got, end, idp.base)
                d = json.loads(json.dumps(d).replace("127.0.0.1:%d" % port, "HOST"))
                if server:
                    for w, q in (("GRPC", server.grpc), ("METRICS", server.metrics)):
                        d = json.loads(json.dumps(d).replace("127.0.0.1:%d" % q, w))
                out[name] = d
    finally:
        if server:
            server.stop()
    json.dump(out, open(a.out, "w"), indent=1, sort_keys=True, ensure_ascii=False)
    print(len(out), "answers in", a.out)


if __name__ == "__main__":
    sys.exit(main())
