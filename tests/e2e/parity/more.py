"""Further parity cases, in the form of cases.py: `run.py --cases more`.

What a Case cannot say itself (a hand-made token, an odd key) is made in a callback, which reads the runner's
identity provider out of the calling frame.
"""
import base64, hashlib, hmac, importlib, json, os, subprocess, sys, tempfile, time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization as S
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.x509.oid import NameOID

import jwt
from cases import Case, DROP, GITHUB, GITLAB, flip, now
from issuers import BUILDKITE, CIRCLECI, CODEFRESH, EMAIL, FITTING, KUBERNETES
from peers import b64u, spki

main = sys.modules["__main__"] if hasattr(sys.modules["__main__"], "_made") else importlib.import_module("run")
HERE = os.path.dirname(os.path.abspath(__file__))
C, CASES, APIS = Case, [], ("v2", "v1", "grpc")
_describe = main.describe


def describe(*a):
    """A certificate that Python cannot read must not end the run."""
    try:
        return _describe(*a)
    except Exception as e:
        return {"undescribable": type(e).__name__}


main.describe = describe


def world():
    f = sys._getframe(2)
    while f:
        if "identity" in f.f_locals and "idp" in f.f_locals:
            return f.f_locals
        f = f.f_back
    raise LookupError("no runner above")


def add(name, **kw):
    assert all(c.name != name for c in CASES), name
    if name.startswith("body/") and kw.get("form") != "csr":
        kw.setdefault("key", "odd:fixed")
    CASES.append(C(name, **kw))


def b64(raw):
    return base64.b64encode(raw if isinstance(raw, bytes) else raw.encode()).decode()


# ---------------------------------------------------------------- hand-made tokens
def unb64u(t):
    return base64.urlsafe_b64decode(t + "=" * (-len(t) % 4))


def remake(fn, alg="RS256", signer=None):
    """fn(head: dict, payload: dict, w) gives the two parts to sign, each a dict, a str or bytes."""
    def go(token):
        w = world()
        h, p = [json.loads(unb64u(x)) for x in token.split(".")[:2]]
        h, p = fn(h, p, w)
        raw = lambda x: x if isinstance(x, bytes) else (x if isinstance(x, str) else json.dumps(x)).encode()
        text = b64u(raw(h)) + "." + b64u(raw(p))
        if signer:
            return text + "." + b64u(signer(text.encode(), w))
        return text + "." + b64u(jwt.algorithms.get_default_algorithms()[alg].sign(text.encode(), w["identity"].keys["RS256" if alg[0] in "RP" and alg != "PS256" else alg]))
    return go


def iss(fn):
    """The same token with another `iss`, which is made from the provider's base URL."""
    return remake(lambda h, p, w: (h, {**p, "iss": fn(p["iss"], w["idp"].base)}))


# ---------------------------------------------------------------- odd keys
class Odd:
    """A key whose text, SPKI or way of signing is not the usual one."""

    def __init__(self, key=None, text=None, der=None, how=None):
        self.key, self.how = key, how
        self.der = der if der is not None else spki(key)
        self.text = text if text is not None else pem("PUBLIC KEY", self.der)

    def public_key(self):
        return self

    def public_bytes(self, enc, fmt):
        return self.der if enc == S.Encoding.DER else self.text

    def sign(self, data, *a):
        if self.how:
            return self.how(data)
        if self.key is None:
            return b"\x30\x06\x02\x01\x01\x02\x01\x01"
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(data, a[0] if a else ec.ECDSA(hashes.SHA256()))
        try:
            return self.key.sign(data)
        except Exception:
            return b"\x00" * 64


def pem(label, der, width=64, nl="\n", headers=""):
    t = base64.b64encode(der).decode()
    lines = [t[i:i + width] for i in range(0, len(t), width)]
    return ("-----BEGIN %s-----%s%s%s%s-----END %s-----%s" % (label, nl, headers, "".join(x + nl for x in lines), "", label, nl)).encode()


def odd(kind, *a, **kw):
    main._made[("odd:" + kind, False)] = Odd(*a, **kw)
    return "odd:" + kind


def each(group, name, kind, apis=APIS, **kw):
    for api in apis:
        add("%s/%s/%s" % (group, api, name), api=api, key=kind, **kw)


P256, OTHER, P384, P521 = [ec.derive_private_key(int(hashlib.sha256(b"parity %d" % i).hexdigest(), 16) >> 8, c())
                           for i, c in enumerate((ec.SECP256R1, ec.SECP256R1, ec.SECP384R1, ec.SECP521R1))]
ED = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"parity ed").digest())
RSA2 = S.load_pem_private_key(open(HERE + "/keys/plain-rsa2048.pem", "rb").read(), None)


def fixed(data):
    """The same 71 octets for the same text in every run, so that the proof's base64 ends in one `=` and no message varies."""
    i = 0
    while True:  # RFC 6979 with a counter: take a nonce that gives 71 octets
        k = int(hashlib.sha512(b"%d" % i + data).hexdigest(), 16) % ORDER
        r = ec.derive_private_key(k, ec.SECP256R1()).public_key().public_numbers().x % ORDER
        s = pow(k, -1, ORDER) * (int(hashlib.sha256(data).hexdigest(), 16) + r * P256.private_numbers().private_value) % ORDER
        if len(utils.encode_dss_signature(r, s)) == 71:
            return utils.encode_dss_signature(r, s)
        i += 1


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
odd("fixed", P256, how=fixed)
D = spki(P256)
PUB = pem("PUBLIC KEY", D)

# ================================================================ claims
WRONG = {"missing": DROP, "null": None, "empty": "", "number": 7, "float": 1.5, "zero": 0, "big": 12345678901234567890,
         "bool": True, "false": False, "list": ["a"], "object": {"a": 1}, "space": " "}
for t in ("email", "email-skip", "uri", "username", "spiffe", "kubernetes", "github", "github-typed", "gitlab", "gitlab-typed",
          "buildkite", "buildkite-typed", "codefresh", "codefresh-typed", "circleci", "chainguard"):
    for w in ("missing", "null", "empty", "number", "bool", "list", "object", "space"):
        add("refuse/sub-%s/%s" % (w, t), issuer=t, change={"sub": WRONG[w]})
for w, v in WRONG.items():
    add("refuse/email-%s" % w + "-claim", change={"email": v})
    add("refuse/email-skip-%s-claim" % w, issuer="email-skip", change={"email": v})
    for name in ("connector_id",):
        add("refuse/dex-connector-%s" % w, issuer="dex", change={"federated_claims": {
            k: x for k, x in {"user_id": "5", "connector_id": v}.items() if x is not DROP}})
    if w != "missing":
        add("refuse/dex-federated-%s" % w, issuer="dex", change={"federated_claims": v})
add("accept/dex-odd-text", issuer="dex", change={"federated_claims": {"connector_id": "späß \" <a> \n{{.x}}"}})
add("accept/dex-user-missing", issuer="dex", change={"federated_claims": {"connector_id": "c"}})
for w, v in {"True": "True", "TRUE": "TRUE", "text-false": "false", "False": "False", "text-1": "1", "yes": "yes", "empty": "",
             "null": None, "zero": 0, "float": 1.0, "list": [True], "object": {}, "true-space": "true ", "tRue": "tRue"}.items():
    add("token/email-verified/" + w, change={"email_verified": v})
    add("token/email-verified-skip/" + w, issuer="email-skip", change={"email_verified": v})

EMAILS = {
    "plus": "dev+ci@example.com", "upper": "Dev@EXAMPLE.COM", "dots": "a.b.c@example.com", "double-dot": "a..b@example.com",
    "leading-dot": ".a@example.com", "trailing-dot-local": "a.@example.com", "trailing-dot-domain": "a@example.com.",
    "quotes": '"a b"@example.com', "quotes-plain": '"ab"@example.com', "localhost": "a@localhost", "ip": "a@127.0.0.1",
    "ip-literal": "a@[127.0.0.1]", "ipv6-literal": "a@[IPv6:::1]", "unicode-local": "dév@example.com",
    "unicode-domain": "dev@exämple.com", "unicode-cjk": "発行@example.com", "idn-punycode": "dev@xn--exmple-cua.com",
    "trailing-space": "dev@example.com ", "leading-space": " dev@example.com", "newline": "dev@example.com\n",
    "inner-newline": "dev\n@example.com", "tab": "dev\t@example.com", "nul": "dev\x00@example.com", "two-at": "a@b@example.com",
    "no-at": "dev.example.com", "no-local": "@example.com", "no-domain": "dev@", "name-addr": "Dev <dev@example.com>",
    "angle": "<dev@example.com>", "comment": "dev(c)@example.com", "underscore-domain": "dev@ex_ample.com",
    "hyphen-domain": "dev@ex-ample.com", "leading-hyphen": "dev@-example.com", "trailing-hyphen": "dev@example-.com",
    "one-letter-tld": "dev@example.c", "number-tld": "dev@example.123", "deep": "dev@a.b.c.d.example.com", "percent": "a%b@example.com",
    "apostrophe": "o'brien@example.com", "specials": "!#$%&'*+-/=?^_`{|}~@example.com", "slash": "a/b@example.com",
    "comma": "a,b@example.com", "semicolon": "a;b@example.com", "colon": "a:b@example.com", "backslash": "a\\b@example.com",
    "mailto": "mailto:dev@example.com", "list": "a@example.com,b@example.com", "local-64": "a" * 64 + "@example.com",
    "local-65": "a" * 65 + "@example.com", "label-63": "a@" + "b" * 63 + ".com", "label-64": "a@" + "b" * 64 + ".com",
    "total-254": "a@" + ".".join(["b" * 60] * 4) + ".example", "total-over-254": "a@" + ".".join(["b" * 60] * 5) + ".example",
    "very-long": "a@" + "b." * 2000 + "com", "emoji": "😀@example.com", "nbsp": "dev\u00a0@example.com", "double-dot-domain": "a@example..com",
    "bang": "a!b@example.com", "single": "a@b.co", "digits": "123@456.com", "template": "{{.x}}@example.com",
    "fullwidth-at": "dev＠example.com", "combining": "de\u0301v@example.com",
}
for n, v in EMAILS.items():
    add("identity/email/" + n, change={"email": v})
for n in ("plus", "quotes", "localhost", "unicode-domain", "unicode-local", "trailing-space", "newline", "two-at", "name-addr", "local-65",
          "underscore-domain", "one-letter-tld", "ip", "ip-literal", "trailing-dot-domain"):
    add("identity/username-looks-like-email/" + n, issuer="username", change={"sub": EMAILS[n].replace("!", "")})
for n, v in {"space": "jane doe", "unicode": "jané", "cjk": "発行", "newline": "jane\n", "nul": "ja\x00ne", "slash": "a/b", "long": "j" * 3000,
             "at-end": "jane@", "colon": "a:b", "percent": "%41", "quote": '"jane"', "bang-only": "!", "bang-end": "jane!", "bang-first": "!x",
             "fullwidth-bang": "jane！x", "emoji": "😀", "backslash": "a\\b", "tab": "a\tb", "dot": ".", "uri": "https://127.0.0.1/x"}.items():
    add("identity/username/" + n, issuer="username", change={"sub": v})
H = "http://127.0.0.1"
for n, v in {
    "port": H + ":8080/users/1", "port-empty": H + ":/users/1", "port-bad": H + ":abc/x", "port-huge": H + ":99999/x",
    "userinfo": "http://user@127.0.0.1/users/1", "userinfo-password": "http://u:p@127.0.0.1/x", "userinfo-odd": "http://u%20x:@127.0.0.1/x",
    "host-in-userinfo": "http://127.0.0.1@evil.example/x", "no-path": H, "root": H + "/", "query": H + "/u?a=b", "query-empty": H + "/u?",
    "fragment": H + "/u#frag", "fragment-empty": H + "/u#", "fragment-odd": H + "/u#a b", "upper-scheme": "HTTP://127.0.0.1/u",
    "upper-host": "http://LOCALHOST/u", "trailing-dot-host": "http://127.0.0.1./u", "opaque": "http:127.0.0.1/u", "no-scheme": "//127.0.0.1/u",
    "path-only": "/u", "double-slash": H + "//u//v", "dots": H + "/a/../b", "dot-segment": H + "/./a", "space": H + "/a b", "plus": H + "/a+b",
    "percent-ok": H + "/a%20b", "percent-lower": H + "/a%2fb", "percent-upper": H + "/a%2Fb", "percent-needless": H + "/%41", "percent-bad": H + "/%zz",
    "percent-cut": H + "/a%2", "unicode": H + "/späß", "cjk": H + "/発行", "query-space": H + "/u?a b", "query-unicode": H + "/u?ä",
    "backslash": H + "/a\\b", "backslash-host": "http://127.0.0.1\\@evil.example/x", "newline": H + "/a\nb", "trailing-newline": H + "/a\n", "nul": H + "/a\x00b",
    "quote": H + '/a"b', "angle": H + "/a<b>", "caret": H + "/a^b", "braces": H + "/a{b}|`c", "brackets": H + "/a[b]", "sub-delims": H + "/!$&'()*+,;=:@",
    "tilde": H + "/~jane", "leading-space": " " + H + "/a", "trailing-space": H + "/a ", "decimal-host": "http://2130706433/u", "ipv6": "http://[::1]/u",
    "email-in-path": H + "/dev@example.com", "long": H + "/" + "a" * 3000, "semicolon": H + "/a;b", "del": H + "/a\x7fb", "host-percent": "http://127.0.0%2e1/u",
    "fragment-percent": H + "/u#%zz", "userinfo-at": "http://a@b@127.0.0.1/x",
}.items():
    add("identity/uri/" + n, issuer="uri", change={"sub": v})
E_ = "spiffe://example.org"
for n, v in {
    "no-path": E_, "slash": E_ + "/", "trailing-slash": E_ + "/a/", "double-slash": E_ + "/a//b", "dot": E_ + "/a/./b", "dotdot": E_ + "/a/../b",
    "dotdot-in-name": E_ + "/a..b", "three-dots": E_ + "/...", "upper-path": E_ + "/Ns/PROD", "upper-domain": "spiffe://EXAMPLE.ORG/a", "upper-scheme": "SPIFFE://example.org/a",
    "query": E_ + "/a?b=c", "fragment": E_ + "/a#b", "percent": E_ + "/a%20b", "space": E_ + "/a b", "port": E_ + ":80/a", "userinfo": "spiffe://u@example.org/a",
    "colon": E_ + "/a:b", "underscore": E_ + "/a_b-c.d", "unicode": E_ + "/ä", "subdomain": "spiffe://sub.example.org/a", "suffix": "spiffe://example.org.evil/a",
    "empty-domain": "spiffe:///a", "scheme-only": "spiffe://", "long": E_ + "/" + "a" * 1900, "over-2048": E_ + "/" + "a" * 2100, "newline": E_ + "/a\n",
    "at": E_ + "/a@b", "tilde": E_ + "/~a", "plus": E_ + "/a+b", "trailing-dot-domain": "spiffe://example.org./a", "bang": E_ + "/a!b",
}.items():
    add("identity/spiffe/" + n, issuer="spiffe", change={"sub": v})

K = lambda ns="builds", sa="signer", **kw: {"kubernetes.io": {k: v for k, v in {"namespace": ns, "serviceaccount": {"name": sa, "uid": "v"} if sa is not DROP
                                           else {"uid": "v"}, **kw}.items() if v is not DROP}}
for w, v in WRONG.items():
    add("refuse/kubernetes-claim-" + w, issuer="kubernetes", change={"kubernetes.io": v})
    add("refuse/kubernetes-namespace-" + w, issuer="kubernetes", change=K(ns=v))
    add("refuse/kubernetes-account-name-" + w, issuer="kubernetes", change=K(sa=v))
    add("refuse/kubernetes-account-" + w, issuer="kubernetes", change=K(serviceaccount=v))
    add("accept/kubernetes-pod-" + w, issuer="kubernetes", change=K(pod=v))
    add("accept/kubernetes-pod-uid-" + w, issuer="kubernetes", change=K(pod={"uid": v} if v is not DROP else {}))
add("accept/kubernetes-extra", issuer="kubernetes", change=K(node={"name": "n"}, warnafter=12345))
add("accept/kubernetes-upper-members", issuer="kubernetes", change={"kubernetes.io": {"Namespace": "builds", "ServiceAccount": {"NAME": "signer"}}})
add("accept/kubernetes-sub-differs", issuer="kubernetes", change={"sub": "anything at all"})

# every claim of every CI issuer
OPTIONAL = {"github": {"environment": "production"}, "gitlab": {"environment": "production"}, "codefresh": {"platform_url": "https://cf.example.com"}}
NEEDED = {"github": GITHUB, "gitlab": GITLAB, "buildkite": BUILDKITE, "codefresh": CODEFRESH, "circleci": CIRCLECI}
for p, claims in NEEDED.items():
    forms = [p] if p == "circleci" else [p, p + "-typed"]
    for t in forms:
        for i, claim in enumerate([c for c in list(claims) + list(OPTIONAL.get(p, {})) if c != "sub"]):
            full = claim in ("job_workflow_ref", "run_id", "environment", "runner_id", "ref_type", "ci_config_ref_uri", "pipeline_slug", "build_number",
                             "job_id", "workflow_id", "platform_url", "scm_ref", "oidc.circleci.com/project-id", "oidc.circleci.com/ssh-rerun",
                             "oidc.circleci.com/vcs-ref", "repository")
            for w in (WRONG if full else ("missing", "null", "empty", "number", "list")):
                name = "refuse/ci/%s/%s-%s" % (t, claim.replace("oidc.circleci.com/", ""), w)
                add(name, issuer=t, change={claim: WRONG[w]})
for n, v in {"float-int": 42.0, "exp-int": 1e21, "e20": 1e20, "million": 1000000, "2e6": 2000001, "negative": -5, "neg-zero": -0.0, "tiny": 1e-7, "point1": 0.1,
             "2p53": 9007199254740993, "1e6": 1e6, "19-digits": 1234567890123456789, "negative-float": -1.25, "long-fraction": 3.141592653589793238}.items():
    add("accept/number/github-run-id-" + n, issuer="github", change={"run_id": v})
    add("accept/number/buildkite-build-number-" + n, issuer="buildkite", change={"build_number": v})
    add("accept/number/typed-buildkite-build-number-" + n, issuer="buildkite-typed", change={"build_number": v})
    add("accept/number/typed-gitlab-runner-id-" + n, issuer="gitlab-typed", change={"runner_id": v})
add("accept/number/raw-1e3", issuer="github", token=remake(lambda h, p, w: (h, json.dumps(p).replace('"run_id": "1536140711"', '"run_id": 1e3'))))
add("accept/number/raw-1.0", issuer="github", token=remake(lambda h, p, w: (h, json.dumps(p).replace('"run_id": "1536140711"', '"run_id": 1.0'))))
add("accept/number/raw-1e400", issuer="github", token=remake(lambda h, p, w: (h, json.dumps(p).replace('"run_id": "1536140711"', '"run_id": 1e400'))))
add("accept/number/raw-unused-1e400", issuer="email", token=remake(lambda h, p, w: (h, json.dumps(p)[:-1] + ', "unused": 1e400}')))
add("accept/ci/github-environment-empty", issuer="github", change={"environment": ""})
add("accept/ci/github-url-overridden", issuer="github", change={"url": "https://ghe.example.com"})
add("refuse/ci/github-url-empty", issuer="github", change={"url": ""})
add("refuse/ci/github-url-null", issuer="github", change={"url": None})
add("refuse/ci/github-url-object", issuer="github", change={"url": {"a": 1}})
add("accept/ci/github-typed-url-ignored", issuer="github-typed", change={"url": "https://ghe.example.com"})
add("accept/ci/gitlab-url-overridden", issuer="gitlab", change={"url": "https://gl.example.com"})
add("accept/ci/buildkite-url-slash", issuer="buildkite", change={"url": "https://bk.example.com/"})
add("refuse/ci/codefresh-platform-empty", issuer="codefresh", change={"platform_url": ""})
add("refuse/ci/codefresh-platform-null", issuer="codefresh", change={"platform_url": None})
add("accept/ci/codefresh-typed-platform", issuer="codefresh-typed", change={"platform_url": "https://cf.example.com"})
add("accept/ci/codefresh-typed-all-optional-missing", issuer="codefresh-typed", change={"scm_repo_url": DROP, "scm_ref": DROP, "runner_environment": DROP,
    "account_name": DROP, "pipeline_name": DROP})
add("accept/ci/template-in-claim", issuer="github", change={"workflow": "{{ .run_id }}", "event_name": "{{"})
add("accept/ci/template-in-san-claim", issuer="github", change={"job_workflow_ref": "{{ .run_id }}"})
add("accept/ci/claim-named-issuer", issuer="github", change={"Issuer": "x", "Subject": "y"})
add("accept/ci/long-claim", issuer="github", change={"workflow": "w" * 20000})
add("accept/ci/long-san-claim", issuer="github", change={"job_workflow_ref": "w" * 20000})
add("accept/ci/html", issuer="gitlab", change={"environment": "<b>&'\""})
add("accept/ci/control-chars", issuer="github", change={"workflow": "a\x00\n\t\x7f\u2028b"})
add("accept/ci/trim-none", issuer="github", change={"workflow": "  padded  ", "ref": " refs/heads/main "})
add("accept/ci/blank-claim", issuer="github", change={"workflow": "   "})
add("accept/ci/surrogate", issuer="github", token=remake(lambda h, p, w: (h, json.dumps({**p, "workflow": "X"}).replace('"X"', '"a\\ud800b"'))))
add("accept/ci/surrogate-pair", issuer="github", change={"workflow": "😀"})
add("accept/ci/circleci-rerun-text", issuer="circleci", change={"oidc.circleci.com/ssh-rerun": "true"})
add("accept/ci/circleci-rerun-True", issuer="circleci", change={"oidc.circleci.com/ssh-rerun": "True"})
add("accept/ci/circleci-rerun-other", issuer="circleci", change={"oidc.circleci.com/ssh-rerun": "maybe"})
for t in ("gitlab", "gitlab-typed"):
    for v in ("Branch", "tags", "TAG", "branch "):
        add("refuse/ci/%s-ref-type-%s" % (t, v.replace(" ", "-space")), issuer=t, change={"ref_type": v})
    add("accept/ci/%s-runner-text" % t, issuer=t, change={"runner_id": "1"})
for v in ("GitHub-hosted", "unknown", "self-hosted"):
    add("accept/ci/github-typed-runner-" + v, issuer="github-typed", change={"runner_environment": v})
    add("accept/ci/buildkite-typed-runner-" + v, issuer="buildkite-typed", change={"runner_environment": v})
add("accept/ci/github-case-folded-claims", issuer="github-typed", change={"RUN_ID": "999", "Sha": "upper"})
add("accept/ci/github-case-folded-only", issuer="github-typed", change={"run_id": DROP, "RUN_ID": "999"})
add("refuse/ci/ci-case-folded-only", issuer="github", change={"run_id": DROP, "RUN_ID": "999"})

# characters in claims that make the SAN
ODD = {"space": "a b", "percent": "a%b", "percent-41": "a%41b", "percent-zz": "a%zzb", "percent-2f": "a%2fb", "percent-2F": "a%2Fb", "hash": "a#b", "query": "a?b=c d",
       "dotdot": "a/../b", "dot": "a/./b", "double-slash": "a//b", "unicode": "späß", "cjk": "発行", "emoji": "😀", "quote": 'a"b', "angle": "a<b>", "backslash": "a\\b",
       "caret": "a^b", "braces": "a{b}|`c", "brackets": "a[b]", "newline": "a\nb", "tab": "a\tb", "nul": "a\x00b", "del": "a\x7fb", "at": "a@b", "colon": "a:b", "semicolon": "a;b",
       "plus": "a+b", "amp": "a&b=c", "apostrophe": "a'b", "parens": "a(b)*c", "bang": "a!b~c$d", "comma": "a,b", "hash-space": "a#b c", "hash-percent": "a#%zz", "hash-hash": "a#b#c", "query-hash": "a?b#c", "query-percent": "a?%zz", "two-queries": "a?b?c",
       "leading-slash": "/a", "trailing-slash": "a/", "trailing-space": "a ", "leading-space": " a", "hash-end": "a#", "query-end": "a?", "hash-unicode": "a#ä[^]\"", "query-unicode": "a?ä\"<>", "nbsp": "a\u00a0b", "bad-escape-end": "a%2"}
WHERE = {"github": "job_workflow_ref", "github-typed": "job_workflow_ref", "gitlab": "ci_config_ref_uri", "gitlab-typed": "ci_config_ref_uri", "buildkite": "pipeline_slug",
         "buildkite-typed": "pipeline_slug", "codefresh": "pipeline_name", "codefresh-typed": "pipeline_name", "circleci": "oidc.circleci.com/project-id"}
for n, v in ODD.items():
    for t, claim in WHERE.items():
        # gitlab's claim starts the host part; keep a host in front of it
        add("accept/san/%s/%s" % (t, n), issuer=t, change={claim: ("gitlab.com/" if t.startswith("gitlab") else "") + v})
    add("accept/san/kubernetes/" + n, issuer="kubernetes", change=K(ns=v))
    add("accept/san/chainguard/" + n, issuer="chainguard", change={"sub": v})
for n, v in {"host-space": "git lab.com/x", "host-unicode": "gitläb.com/x", "host-cjk": "発行.com/x", "host-upper": "GitLab.COM/x", "host-port": "gitlab.com:8443/x", "host-port-bad": "gitlab.com:x/x", "userinfo": "u:p@gitlab.com/x",
             "userinfo-odd": "u ser@gitlab.com/x", "ipv6": "[::1]:80/x", "ipv6-zone": "[fe80::1%25eth0]/x", "bracket": "[x", "empty-host": "/x", "host-only": "gitlab.com", "host-query": "gitlab.com?x", "host-hash": "gitlab.com#x",
             "host-percent": "git%6cab.com/x", "host-percent-unicode": "gitl%C3%A4b.com/x", "host-angle": "git<lab>.com/x", "host-quote": 'git"lab.com/x', "host-underscore": "git_lab.com/x", "host-backslash": "git\\lab.com/x", "host-caret": "git^lab.com/x", "host-star": "*.gitlab.com/x", "userinfo-two": "a@b@c/x", "port-empty": "gitlab.com:/x", "host-percent-20": "git%20lab.com/x", "host-pipe": "git|lab/x", "host-subdelims": "a!$&'()*+,;=b/x"}.items():
    add("accept/san-host/gitlab/" + n, issuer="gitlab", change={"ci_config_ref_uri": v})
    add("accept/san-host/gitlab-typed/" + n, issuer="gitlab-typed", change={"ci_config_ref_uri": v})
for n, v in {"no-scheme": "github.com", "relative": "a/b", "colon-first": ":x", "scheme-odd": "1http://x", "mailto": "mailto:x", "upper-scheme": "HTTPS://GitHub.com", "space": "ht tp://x", "urn": "urn:a:b"}.items():
    add("accept/san-url/github/" + n, issuer="github", change={"url": v})
for n, v in {"slash-first": "/a/b", "dots": "..", "dots-more": "../../x", "dots-end": "a/..", "dot-only": ".", "empty-segments": "a///b", "slash-only": "/", "query-like": "?x", "trailing-slashes": "a//", "percent-dots": "%2e%2e/x", "dots-inside": "a/..b/c", "dot-space": ". /x"}.items():
    add("accept/san-join/chainguard/" + n, issuer="chainguard", change={"sub": v})
for n, ch, prove in [
    ("email-verified", {"email": "dev@example.com", "email_verified": True}, None),
    ("email-verified-sub-proof", {"email": "dev@example.com", "email_verified": True}, "2b3a/9f"),
    ("email-unverified", {"email": "dev@example.com", "email_verified": False}, None),
    ("email-unverified-sub-proof", {"email": "dev@example.com", "email_verified": False}, "2b3a/9f"),
    ("email-verified-missing", {"email": "dev@example.com"}, None),
    ("email-verified-missing-sub-proof", {"email": "dev@example.com"}, "2b3a/9f"),
    ("email-verified-text", {"email": "dev@example.com", "email_verified": "true"}, None),
    ("email-verified-TEXT", {"email": "dev@example.com", "email_verified": "True"}, None),
    ("email-verified-odd-text", {"email": "dev@example.com", "email_verified": "yes"}, None),
    ("email-verified-number", {"email": "dev@example.com", "email_verified": 1}, None),
    ("email-verified-null", {"email": "dev@example.com", "email_verified": None}, "2b3a/9f"),
    ("email-invalid", {"email": "not an email", "email_verified": True}, None),
    ("email-empty", {"email": "", "email_verified": True}, "2b3a/9f"),
    ("email-null", {"email": None, "email_verified": True}, "2b3a/9f"),
    ("email-number", {"email": 7, "email_verified": True}, "2b3a/9f"),
    ("email-sub-empty", {"sub": "", "email": "dev@example.com", "email_verified": True}, None),
    ("act-missing", {"act": DROP}, None), ("act-null", {"act": None}, None), ("act-text", {"act": "x"}, None), ("act-list", {"act": []}, None),
    ("act-number-member", {"act": {"iss": 7}}, None), ("act-null-member", {"act": {"iss": None}}, None), ("act-nested", {"act": {"act": {"sub": "x"}}}, None),
    ("internal-text", {"internal": "x"}, None), ("internal-object", {"internal": {"service-principal": "COSIGNED"}}, None),
    ("internal-number", {"internal": {"service-principal": 7}}, None), ("internal-null", {"internal": None}, None)]:
    add("identity/chainguard/" + n, issuer="chainguard", change=ch, prove=prove)

# registered claims of the wrong type
for n, v in {"number": 7, "object": {"a": "sigstore"}, "list-empty": [], "null": None, "list-mixed": ["sigstore", 7], "list-null": ["sigstore", None], "empty": "", "upper": "Sigstore", "space": "sigstore ",
             "bool": True, "nested": [["sigstore"]], "words": "a sigstore", "list-twice": ["sigstore", "sigstore"], "list-object": [{"a": "sigstore"}]}.items():
    add("token/aud/" + n, change={"aud": v})
T = now()
TIMES = {"text": str(T + 600), "text-word": "soon", "text-empty": "", "null": None, "negative": -1, "zero": 0, "huge": 10 ** 20, "int64-max": 2 ** 63 - 1, "int64-over": 2 ** 63, "year-9999": 253402300799, "year-10000": 253402300800,
         "1e20": 1e20, "fraction": T + 600.25, "list": [T + 600], "object": {}, "bool": True, "false": False, "rfc3339": "2040-01-01T00:00:00Z"}
for c in ("exp", "nbf", "iat", "auth_time"):
    for n, v in TIMES.items():
        add("token/%s/%s" % (c, n), change={c: v})
add("token/exp/scientific", token=remake(lambda h, p, w: (h, json.dumps({**p, "exp": 0}).replace('"exp": 0', '"exp": 4.1e9'))))
add("token/exp/1e400", token=remake(lambda h, p, w: (h, json.dumps({**p, "exp": 0}).replace('"exp": 0', '"exp": 1e400'))))
add("token/exp/past-fraction", change={"exp": T - 5.5})
add("token/exp/60-days", change={"exp": T + 86400 * 60})
for n, v in {"in-280-seconds": 280, "in-360-seconds": 360, "past": -600, "fraction-in-280-seconds": 280.5}.items():
    add("token/nbf/" + n, change={"nbf": T + v})
add("token/iat/after-exp", change={"iat": T + 9999})
add("token/iat/missing", change={"iat": DROP})
for n, v in {"number": 7, "null": None, "missing": DROP, "list": ["x"], "empty": "", "object": {}, "bool": True, "not-a-url": "email", "no-scheme": "//127.0.0.1/email", "space": "http://127.0.0.1/ email"}.items():
    add("token/iss/" + n, change={"iss": v})
add("token/iss/trailing-space", token=iss(lambda i, b: i + " "))
add("token/iss/leading-space", token=iss(lambda i, b: " " + i))
add("token/iss/newline", token=iss(lambda i, b: i + "\n"))
add("token/iss/upper-scheme", token=iss(lambda i, b: i.replace("http", "HTTP")))
add("token/iss/upper-path", token=iss(lambda i, b: i.upper()))
add("token/iss/query", token=iss(lambda i, b: i + "?x"))
add("token/iss/fragment", token=iss(lambda i, b: i + "#x"))
add("token/iss/https", token=iss(lambda i, b: i.replace("http:", "https:")))
add("token/iss/userinfo", token=iss(lambda i, b: i.replace("http://", "http://a@")))
add("token/iss/escaped", token=iss(lambda i, b: i.replace("email", "em%61il")))
add("token/iss/dot-segment", token=iss(lambda i, b: b + "/x/../email"))
add("token/iss/localhost", token=iss(lambda i, b: i.replace("127.0.0.1", "localhost")))
add("token/iss/discovery-of-another", token=iss(lambda i, b: b + "/email/.well-known"))
for c in ("nonce", "at_hash", "_claim_names", "_claim_sources", "azp", "jti", "acr", "amr"):
    for n in ("number", "null", "list", "object", "text"):
        add("token/other-claims/%s-%s" % (c, n), change={c: {"text": "x", **WRONG}[n]})
add("token/other-claims/distributed", change={"_claim_names": {"groups": "src"}, "_claim_sources": {"src": {"endpoint": "http://127.0.0.1:1/x", "access_token": "y"}}})
add("token/other-claims/distributed-email", change={"email": DROP, "_claim_names": {"email": "src"}, "_claim_sources": {"src": {"endpoint": "http://127.0.0.1:1/x"}}}, prove="dev@example.com")
add("token/other-claims/distributed-source-missing", change={"_claim_names": {"groups": "src"}})
add("token/case/ISS", token=remake(lambda h, p, w: (h, {**{k: v for k, v in p.items() if k != "iss"}, "ISS": p["iss"]})))
add("token/case/Aud", token=remake(lambda h, p, w: (h, {**{k: v for k, v in p.items() if k != "aud"}, "Aud": p["aud"]})))
add("token/case/Exp", token=remake(lambda h, p, w: (h, {**{k: v for k, v in p.items() if k != "exp"}, "Exp": p["exp"]})))
add("token/case/Sub", token=remake(lambda h, p, w: (h, {**{k: v for k, v in p.items() if k != "sub"}, "Sub": p["sub"]})))
add("token/case/Email", token=remake(lambda h, p, w: (h, {**{k: v for k, v in p.items() if k != "email"}, "Email": p["email"]})))
add("token/case/Email-Verified", token=remake(lambda h, p, w: (h, {**{k: v for k, v in p.items() if k != "email_verified"}, "EMAIL_VERIFIED": True})))
add("token/case/both-email", change={"Email": "mallory@example.com"})
add("token/case/both-email-proved", change={"Email": "mallory@example.com"}, prove="mallory@example.com")
add("token/case/both-email-verified", change={"email_verified": False, "Email_Verified": True})
add("token/case/both-exp", change={"exp": T - 600, "EXP": T + 600})
add("token/case/both-aud", change={"aud": "x", "AUD": "sigstore"})
add("token/case/long-s", token=remake(lambda h, p, w: (h, {**{k: v for k, v in p.items() if k != "sub"}, "ſub": p["sub"]})))
add("token/case/header-ALG", token=remake(lambda h, p, w: ({**{k: v for k, v in h.items() if k != "alg"}, "ALG": "RS256"}, p)))
add("token/case/header-Kid", token=remake(lambda h, p, w: ({**{k: v for k, v in h.items() if k != "kid"}, "Kid": "kid-unheard-of"}, p)))

# ================================================================ the token as text
for n, f in {
    "trailing-space": lambda t: t + " ", "leading-space": lambda t: " " + t, "trailing-newline": lambda t: t + "\n", "leading-newline": lambda t: "\n" + t, "crlf": lambda t: t + "\r\n",
    "inner-space": lambda t: t.replace(".", ". ", 1), "inner-newline": lambda t: t[:50] + "\n" + t[50:], "newline-in-signature": lambda t: t[:-10] + "\n" + t[-10:], "bearer-prefix": lambda t: "Bearer " + t,
    "quoted": lambda t: '"' + t + '"', "empty": lambda t: "", "dots": lambda t: "..", "five-parts": lambda t: t + ".AAAA.BBBB", "empty-header": lambda t: "." + t.split(".", 1)[1],
    "empty-payload": lambda t: t.split(".")[0] + ".." + t.split(".")[2], "one-part": lambda t: t.split(".")[0], "padded-header": lambda t: t.replace(".", "=.", 1), "padded-signature": lambda t: t + "==",
    "standard-alphabet": lambda t: t.replace("-", "+").replace("_", "/"), "extra-bits": lambda t: t[:-1] + chr(ord(t[-1]) + 1), "nul": lambda t: t + "\x00", "unicode": lambda t: t + "ä", "percent": lambda t: t.replace(".", "%2E"),
    "70-kib": lambda t: "A" * 70000, "70-kib-of-dots": lambda t: "." * 70000, "trailing-dot": lambda t: t + ".", "json-serialization": lambda t: json.dumps(dict(zip(("protected", "payload", "signature"), t.split(".")))),
    "json-general": lambda t: json.dumps({"payload": t.split(".")[1], "signatures": [{"protected": t.split(".")[0], "signature": t.split(".")[2]}]}), "lower": lambda t: t.lower(), "signature-cut": lambda t: t[:-4], "tab": lambda t: "\t" + t,
}.items():
    add("token/text/" + n, token=f, place="body")
for n, f in {"bearer-prefix": lambda t: "Bearer " + t, "quoted": lambda t: '"' + t + '"', "empty": lambda t: "", "five-parts": lambda t: t + ".AAAA.BBBB", "trailing-dot": lambda t: t + ".", "inner-space": lambda t: t.replace(".", ". ", 1)}.items():
    add("token/text-in-header/" + n, token=f)
    add("token/v1/text-" + n, token=f, api="v1")
for n, f in {"trailing-newline": lambda t: t + "\n", "leading-space": lambda t: " " + t, "empty": lambda t: "", "five-parts": lambda t: t + ".AAAA.BBBB", "nul": lambda t: t + "\x00"}.items():
    add("token/grpc/text-" + n, token=f, api="grpc")
big = lambda n: remake(lambda h, p, w: (h, {**p, "pad": "x" * n}))
add("token/size/30-kib-claim", token=big(30 << 10), place="body")
add("token/size/47-kib-claim", token=big(47 << 10), place="body")
add("token/size/60-kib-claim", token=big(60 << 10), place="body")
add("token/size/1-mib-claim", token=big(1 << 20), place="body")
add("token/size/grpc-60-kib-claim", token=big(60 << 10), place="body", api="grpc")

# ================================================================ JOSE
def jose(name, headers, **kw):
    add("token/jose/" + name, headers=headers, **kw)


jose("kid-number", {"kid": 7})
jose("kid-null", {"kid": None})
jose("kid-list", {"kid": ["kid-RS256"]})
add("token/jose/kid-missing", token=remake(lambda h, p, w: ({k: v for k, v in h.items() if k != "kid"}, p)))
add("token/jose/kid-missing-es256", token=remake(lambda h, p, w: ({"alg": "ES256"}, p), "ES256"))
add("token/jose/kid-missing-stranger", token=remake(lambda h, p, w: ({"alg": "RS256"}, p), signer=lambda d, w: w["identity"].stranger.sign(d, padding.PKCS1v15(), hashes.SHA256())))
jose("kid-space", {"kid": "kid-RS256 "})
jose("kid-path", {"kid": "../../etc/passwd"})
jose("alg-lower", {"alg": "rs256"})
jose("alg-none", {"alg": "none"}, token=lambda t: ".".join(t.split(".")[:2]) + ".")
jose("alg-None", {"alg": "None"}, token=lambda t: ".".join(t.split(".")[:2]) + ".")
jose("alg-none-signed", {"alg": "none"})
jose("alg-null", {"alg": None})
jose("alg-number", {"alg": 1})
jose("alg-empty", {"alg": ""})
jose("alg-unknown", {"alg": "XS256"})
jose("alg-es256-for-rsa-signature", {"alg": "ES256"})
jose("alg-ps256-for-rs256-signature", {"alg": "PS256"})
jose("alg-es256k", {"alg": "ES256K"})
add("token/jose/alg-missing", token=remake(lambda h, p, w: ({"kid": "kid-RS256"}, p)))
pub_pem = lambda w: w["identity"].keys["RS256"].public_key().public_bytes(S.Encoding.PEM, S.PublicFormat.SubjectPublicKeyInfo)
for a, h in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
    add("token/jose/%s-with-public-key" % a, token=remake(lambda hd, p, w, a=a: ({**hd, "alg": a}, p), signer=lambda d, w, h=h: hmac.new(pub_pem(w), d, h).digest()))
add("token/jose/HS256-empty-key", token=remake(lambda hd, p, w: ({**hd, "alg": "HS256"}, p), signer=lambda d, w: hmac.new(b"", d, "sha256").digest()))
for a, h, pad in (("RS384", hashes.SHA384, 0), ("RS512", hashes.SHA512, 0), ("PS256", hashes.SHA256, 1), ("PS384", hashes.SHA384, 1), ("PS512", hashes.SHA512, 1)):
    sg = lambda d, w, h=h, pad=pad: w["identity"].keys["RS256"].sign(d, padding.PSS(padding.MGF1(h()), h.digest_size) if pad else padding.PKCS1v15(), h())
    add("token/jose/%s-by-the-RS256-key" % a, token=remake(lambda hd, p, w, a=a: ({**hd, "alg": a, "kid": "kid-RS256"}, p), signer=sg))
    add("token/jose/%s-without-kid" % a, token=remake(lambda hd, p, w, a=a: ({"alg": a}, p), signer=sg))
add("token/jose/PS256-salt-0", token=remake(lambda hd, p, w: ({"alg": "PS256", "kid": "kid-PS256"}, p), signer=lambda d, w: w["identity"].keys["PS256"].sign(d, padding.PSS(padding.MGF1(hashes.SHA256()), 0), hashes.SHA256())))
add("token/jose/PS256-salt-max", token=remake(lambda hd, p, w: ({"alg": "PS256", "kid": "kid-PS256"}, p), signer=lambda d, w: w["identity"].keys["PS256"].sign(d, padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH), hashes.SHA256())))
add("token/jose/ES256-der-signature", token=remake(lambda hd, p, w: ({"alg": "ES256", "kid": "kid-ES256"}, p), signer=lambda d, w: w["identity"].keys["ES256"].sign(d, ec.ECDSA(hashes.SHA256()))))
add("token/jose/ES256-zero-signature", token=remake(lambda hd, p, w: ({"alg": "ES256", "kid": "kid-ES256"}, p), signer=lambda d, w: bytes(64)))
def long_es(d, w):
    r, s = utils.decode_dss_signature(w["identity"].keys["ES256"].sign(d, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(33, "big") + s.to_bytes(33, "big")
add("token/jose/ES256-66-octets", token=remake(lambda hd, p, w: ({"alg": "ES256", "kid": "kid-ES256"}, p), signer=long_es))
add("token/jose/ES384-by-p256-key", token=remake(lambda hd, p, w: ({"alg": "ES384", "kid": "kid-ES256"}, p), signer=lambda d, w: (lambda rs: rs[0].to_bytes(48, "big") + rs[1].to_bytes(48, "big"))(utils.decode_dss_signature(w["identity"].keys["ES256"].sign(d, ec.ECDSA(hashes.SHA384()))))))
add("token/jose/EdDSA-flipped", alg="EdDSA", token=flip)
add("token/jose/Ed25519-name", token=remake(lambda hd, p, w: ({"alg": "Ed25519", "kid": "kid-EdDSA"}, p), signer=lambda d, w: w["identity"].keys["EdDSA"].sign(d)))
jose("crit-exp", {"crit": ["exp"], "exp": T + 600})
jose("crit-unknown", {"crit": ["x-y"], "x-y": 1})
jose("crit-empty", {"crit": []})
jose("crit-null", {"crit": None})
jose("crit-text", {"crit": "b64"})
jose("crit-b64-true", {"crit": ["b64"], "b64": True})
jose("crit-b64-false", {"crit": ["b64"], "b64": False})
jose("b64-false", {"b64": False})
jose("b64-text", {"b64": "false"})
jose("jku", {"jku": "http://127.0.0.1:1/keys"})
jose("jku-number", {"jku": 7})
jose("x5u", {"x5u": "http://127.0.0.1:1/cert"})
jose("x5c-garbage", {"x5c": ["AAAA"]})
jose("x5c-empty", {"x5c": []})
jose("x5c-text", {"x5c": "AAAA"})
jose("x5t", {"x5t": "AAAA"})
jose("jwk-garbage", {"jwk": {"kty": "RSA"}})
jose("jwk-null", {"jwk": None})
jose("jwk-text", {"jwk": "x"})
def own_jwk(w, key="stranger"):
    j = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(getattr(w["identity"], "stranger").public_key()))
    j.pop("key_ops", None)
    return j
add("token/jose/jwk-of-the-signer", token=remake(lambda hd, p, w: ({**hd, "jwk": own_jwk(w)}, p), signer=lambda d, w: w["identity"].stranger.sign(d, padding.PKCS1v15(), hashes.SHA256())))
add("token/jose/jwk-unused", token=remake(lambda hd, p, w: ({**hd, "jwk": own_jwk(w)}, p)))
add("token/jose/jwk-symmetric", token=remake(lambda hd, p, w: ({**hd, "jwk": {"kty": "oct", "k": "AAAA"}}, p)))
for n, v in {"missing": DROP, "at-jwt": "at+jwt", "lower": "jwt", "jose": "JOSE", "number": 7, "null": None, "empty": "", "list": [], "long": "x" * 1000}.items():
    add("token/jose/typ-" + n, token=remake(lambda h, p, w, v=v: ({k: x for k, x in {**h, "typ": v}.items() if x is not DROP}, p)))
jose("cty-jwt", {"cty": "JWT"})
jose("cty-number", {"cty": 7})
jose("nonce", {"nonce": "x"})
jose("nonce-number", {"nonce": 7})
jose("zip", {"zip": "DEF"})
jose("enc", {"enc": "A128GCM"})
jose("unknown-member", {"hello": {"world": [1, 2]}})
raw_h = lambda f, **kw: remake(lambda h, p, w: (f(json.dumps(h)), p), **kw)
raw_p = lambda f, **kw: remake(lambda h, p, w: (h, f(json.dumps(p), p)), **kw)
for n, f in {"duplicate-alg": lambda h: h[:-1] + ', "alg": "RS256"}', "duplicate-alg-none-first": lambda h: '{"alg": "none", ' + h[1:], "duplicate-alg-none-last": lambda h: h[:-1] + ', "alg": "none"}', "duplicate-kid-last-wrong": lambda h: h[:-1] + ', "kid": "zzz"}',
             "duplicate-kid-first-wrong": lambda h: '{"kid": "zzz", ' + h[1:], "space": lambda h: "  " + h + "\n", "bom": lambda h: "\ufeff" + h, "trailing-garbage": lambda h: h + "x", "two-objects": lambda h: h + h, "list": lambda h: "[" + h + "]", "text": lambda h: '"x"',
             "null": lambda h: "null", "empty-object": lambda h: "{}", "nested-200": lambda h: h[:-1] + ', "n": ' + "[" * 200 + "]" * 200 + "}", "nested-20000": lambda h: h[:-1] + ', "n": ' + "[" * 20000 + "]" * 20000 + "}",
             "not-json": lambda h: "hello", "invalid-utf8": lambda h: h[:-1].encode() + b', "x": "\xff"}', "invalid-utf8-kid": lambda h: h[:-1].encode() + b', "kid": "\xff"}', "comment": lambda h: h + "// x", "trailing-comma": lambda h: h[:-1] + ",}", "single-quotes": lambda h: h.replace('"', "'")}.items():
    add("token/header-json/" + n, token=raw_h(f), place="body")
for n, f in {"duplicate-aud-last-good": lambda t, p: t[:-1].replace('"aud": "sigstore"', '"aud": "x"') + ', "aud": "sigstore"}', "duplicate-aud-first-good": lambda t, p: t[:-1] + ', "aud": "x"}', "duplicate-exp-last-good": lambda t, p: '{"exp": 1, ' + t[1:], "duplicate-exp-first-good": lambda t, p: t[:-1] + ', "exp": 1}',
             "duplicate-iss-last-good": lambda t, p: '{"iss": "x", ' + t[1:], "duplicate-iss-first-good": lambda t, p: t[:-1] + ', "iss": "x"}', "duplicate-email": lambda t, p: '{"email": "mallory@example.com", ' + t[1:], "duplicate-email-last": lambda t, p: t[:-1] + ', "email": "mallory@example.com"}',
             "duplicate-email-verified-last-false": lambda t, p: t[:-1] + ', "email_verified": false}', "duplicate-unused": lambda t, p: t[:-1] + ', "u": 1, "u": 2}', "duplicate-aud-list-then-text": lambda t, p: '{"aud": ["a", "b"], ' + t[1:],
             "space": lambda t, p: " \n\t" + t + "\r\n", "bom": lambda t, p: "\ufeff" + t, "trailing-garbage": lambda t, p: t + "x", "two-objects": lambda t, p: t + t, "list": lambda t, p: "[" + t + "]", "text": lambda t, p: '"hello"', "number": lambda t, p: "7",
             "null": lambda t, p: "null", "empty-object": lambda t, p: "{}", "empty": lambda t, p: "", "not-json": lambda t, p: "hello", "nested-100": lambda t, p: t[:-1] + ', "n": ' + "[" * 100 + "]" * 100 + "}", "nested-200": lambda t, p: t[:-1] + ', "n": ' + '{"a":' * 200 + "1" + "}" * 200 + "}",
             "nested-9000": lambda t, p: t[:-1] + ', "n": ' + "[" * 9000 + "]" * 9000 + "}", "nested-11000": lambda t, p: t[:-1] + ', "n": ' + "[" * 11000 + "]" * 11000 + "}", "invalid-utf8-unused": lambda t, p: t[:-1].encode() + b', "x": "\xff"}', "lone-surrogate-unused": lambda t, p: t[:-1] + ', "x": "\\ud800"}',
             "trailing-comma": lambda t, p: t[:-1] + ",}", "comment": lambda t, p: t[:-1] + "/* x */}", "nan": lambda t, p: t[:-1] + ', "x": NaN}', "leading-zero": lambda t, p: t[:-1] + ', "x": 01}', "control-char": lambda t, p: t[:-1] + ', "x": "a\nb"}', "single-quotes": lambda t, p: t.replace('"', "'"), "nul-after": lambda t, p: t + "\x00", "bad-escape": lambda t, p: t[:-1] + ', "x": "\\x41"}', "escaped-names": lambda t, p: t.replace('"email"', '"\\u0065mail"'), "escaped-slash": lambda t, p: t.replace("/", "\\/"), "utf16": lambda t, p: t.encode("utf-16")}.items():
    add("token/payload-json/" + n, token=raw_p(f), place="body")
add("token/payload-json/invalid-utf8-in-email", token=raw_p(lambda t, p: t[:-1].encode() + b', "email": "a\xff@example.com"}'), prove="a\ufffd@example.com", place="body")
add("identity/username/invalid-utf8", issuer="username", token=raw_p(lambda t, p: t[:-1].encode() + b', "sub": "a\xffb"}'), prove="a\ufffdb", place="body")
add("identity/username/lone-surrogate", issuer="username", token=raw_p(lambda t, p: t[:-1] + ', "sub": "a\\ud800b"}'), prove="a\ufffdb", place="body")

# ================================================================ meta issuers
META = {"empty-segment": "meta-k8s//clusters/blue", "empty-last": "meta-k8s/eu-1/clusters/", "dot": "meta-k8s/eu.1/clusters/blue", "slash": "meta-k8s/eu/1/clusters/blue", "encoded-slash": "meta-k8s/eu%2F1/clusters/blue", "encoded-char": "meta-k8s/e%75/clusters/blue",
        "space": "meta-k8s/eu 1/clusters/blue", "underscore": "meta-k8s/eu_1/clusters/b-2", "upper": "meta-k8s/EU-1/clusters/BLUE", "unicode": "meta-k8s/eü/clusters/blue", "star": "meta-k8s/*/clusters/*", "query": "meta-k8s/eu-1/clusters/blue?x", "fragment": "meta-k8s/eu-1/clusters/blue#x",
        "trailing-slash": "meta-k8s/eu-1/clusters/blue/", "prefix": "x/meta-k8s/eu-1/clusters/blue", "colon": "meta-k8s/eu:1/clusters/blue", "at": "meta-k8s/eu@1/clusters/blue", "newline": "meta-k8s/eu-1/clusters/blue\n", "long": "meta-k8s/" + "a" * 500 + "/clusters/blue", "digit": "meta-k8s/1/clusters/2", "hyphen": "meta-k8s/-/clusters/-", "tilde": "meta-k8s/~/clusters/x"}
for n, i in META.items():
    add("identity/meta-k8s/" + n, issuer=i, change=KUBERNETES, prove=KUBERNETES["sub"])
for n, i in {"dot": "meta-github/octo.org", "slash": "meta-github/octo/org", "empty": "meta-github/", "upper": "meta-github/OCTO", "trailing-slash": "meta-github/octo/"}.items():
    add("identity/meta-github/" + n, issuer=i, change=GITHUB, prove=GITHUB["sub"])
add("identity/meta-k8s/userinfo", issuer="meta-k8s/eu-1/clusters/blue", token=iss(lambda i, b: i.replace("http://", "http://a@")))
add("identity/meta-k8s/upper-host", issuer="meta-k8s/eu-1/clusters/blue", token=iss(lambda i, b: i.replace("http://", "HTTP://")))
add("identity/meta-k8s/other-port", issuer="meta-k8s/eu-1/clusters/blue", token=iss(lambda i, b: i.replace("/meta", "0/meta")))
add("identity/meta-k8s/wrong-audience", issuer="meta-k8s/eu-1/clusters/blue", change={"aud": "x"})
add("identity/meta-k8s/sub-empty", issuer="meta-k8s/eu-1/clusters/blue", change={"sub": ""})

# ================================================================ keys
for f in sorted(os.listdir(HERE + "/keys")):
    if f.endswith(".pub.der"):
        n, der = f[:-8], open(HERE + "/keys/" + f, "rb").read()
        try:
            k = S.load_pem_private_key(open(HERE + "/keys/" + n + ".pem", "rb").read(), None, unsafe_skip_rsa_key_validation=True)
        except Exception:
            k = None
        each("weak" if n not in ("ed448",) else "key", n, odd(n, k, der=der), apis=APIS if n != "rsa512" else ("v2",))
point = P256.public_key().public_bytes(S.Encoding.X962, S.PublicFormat.UncompressedPoint)
comp = P256.public_key().public_bytes(S.Encoding.X962, S.PublicFormat.CompressedPoint)
head = D[:-65]
each("weak", "compressed-point", odd("compressed", P256, der=bytes([0x30, 0x39]) + head[2:-3] + b"\x03\x22\x00" + comp))
each("weak", "off-curve", odd("off-curve", P256, der=head + point[:-1] + bytes([point[-1] ^ 1])))
each("weak", "infinity", odd("infinity", P256, der=bytes([0x30, 0x19]) + head[2:-3] + b"\x03\x02\x00\x00"))
each("weak", "hybrid-point", odd("hybrid", P256, der=head + bytes([6 + (point[-1] & 1)]) + point[1:]))
each("weak", "zero-point", odd("zero-point", P256, der=head + b"\x04" + bytes(64)))
each("weak", "spki-trailing", odd("spki-trailing", P256, der=D + b"\x00"))
each("weak", "spki-cut", odd("spki-cut", P256, der=D[:-1]))
each("weak", "spki-ber-length", odd("spki-ber", P256, der=b"\x30\x81" + D[1:]))
RD = spki(RSA2)
each("weak", "rsa-no-null", odd("rsa-no-null", RSA2, der=RD.replace(bytes.fromhex("300d06092a864886f70d0101010500"), bytes.fromhex("300b06092a864886f70d010101")).replace(RD[:4], b"\x30\x82" + (len(RD) - 6).to_bytes(2, "big"), 1)))
PK1 = RSA2.public_key().public_bytes(S.Encoding.DER, S.PublicFormat.PKCS1)
small = rsa.RSAPublicNumbers(65537, 3 * (RSA2.public_key().public_numbers().n // 3 | 1)).public_key()
each("weak", "rsa-divisible-by-3", odd("rsa-div3", RSA2, der=small.public_bytes(S.Encoding.DER, S.PublicFormat.SubjectPublicKeyInfo)))
n_even = RSA2.public_key().public_numbers().n - 1
def der_int(n):
    b = n.to_bytes(n.bit_length() // 8 + 1, "big")
    return b"\x02" + der_len(len(b)) + b
def der_len(n):
    return bytes([n]) if n < 128 else (b"\x81" + bytes([n]) if n < 256 else b"\x82" + n.to_bytes(2, "big"))
def seq(tag, b):
    return bytes([tag]) + der_len(len(b)) + b
def rsa_spki(n, e):
    return seq(0x30, bytes.fromhex("300d06092a864886f70d0101010500") + seq(3, b"\x00" + seq(0x30, der_int(n) + der_int(e))))
N = RSA2.public_key().public_numbers().n
for n_, (a, e) in {"rsa-even": (n_even, 65537), "rsa-e-1": (N, 1), "rsa-e-even": (N, 65536), "rsa-e-0": (N, 0), "rsa-e-huge": (N, 1 << 64 | 1), "rsa-e-2p31": (N, (1 << 31) + 11), "rsa-n-negative": (-N, 65537), "rsa-n-zero": (0, 65537), "rsa-n-prime": (N, -3)}.items():
    if a < 0:
        b = a.to_bytes(257, "big", signed=True)
        der = seq(0x30, bytes.fromhex("300d06092a864886f70d0101010500") + seq(3, b"\x00" + seq(0x30, b"\x02" + der_len(len(b)) + b + der_int(e))))
    elif e < 0:
        der = seq(0x30, bytes.fromhex("300d06092a864886f70d0101010500") + seq(3, b"\x00" + seq(0x30, der_int(N) + b"\x02\x01\xfd")))
        n_ = "rsa-e-negative"
    else:
        der = rsa_spki(a, e)
    each("weak", n_, odd(n_, RSA2, der=der))
EDD = spki(ED)
each("weak", "ed25519-31-octets", odd("ed-31", ED, der=b"\x30\x29" + EDD[2:9] + b"\x03\x20\x00" + EDD[-31:]))
each("weak", "ed25519-zero", odd("ed-zero", ED, der=EDD[:-32] + bytes(32)))
each("weak", "ed25519-params-null", odd("ed-null", ED, der=b"\x30\x2c\x30\x07" + EDD[4:9] + b"\x05\x00" + EDD[9:]))

t64 = lambda d: base64.b64encode(d).decode()
FORMS = {
    "text-before": b"hello\n" + PUB, "text-after": PUB + b"hello\n", "blank-before": b"\n\n" + PUB, "two-blocks": PUB + pem("PUBLIC KEY", spki(OTHER)), "cert-then-key": pem("CERTIFICATE", b"\x30\x00") + PUB, "key-then-cert": PUB + pem("CERTIFICATE", b"\x30\x00"), "pem-headers": pem("PUBLIC KEY", D, headers="Comment: x\n\n"),
    "pem-headers-no-blank": pem("PUBLIC KEY", D, headers="Comment: x\n"), "proc-type": pem("PUBLIC KEY", D, headers="Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"), "label-ec-public-key": pem("EC PUBLIC KEY", D), "label-private-key": pem("PRIVATE KEY", D), "label-certificate": pem("CERTIFICATE", D), "label-lower": PUB.replace(b"PUBLIC KEY", b"public key"),
    "label-rsa-for-ec": pem("RSA PUBLIC KEY", D), "label-mismatch": PUB.replace(b"END PUBLIC", b"END RSA PUBLIC"), "label-space": PUB.replace(b"PUBLIC KEY--", b"PUBLIC KEY --"), "no-final-newline": PUB.rstrip(b"\n"), "leading-spaces": b"".join(b"  " + l + b"\n" for l in PUB.splitlines()), "leading-space-first-line": b" " + PUB,
    "trailing-spaces": b"".join(l + b"  \n" for l in PUB.splitlines()), "cr-only": PUB.replace(b"\n", b"\r"), "base64-spaces": PUB.replace(b"M", b" M", 1), "base64-inner-spaces": pem("PUBLIC KEY", D, width=4), "width-76": pem("PUBLIC KEY", D, 76), "width-10": pem("PUBLIC KEY", D, 10), "one-line-all": b"-----BEGIN PUBLIC KEY-----" + base64.b64encode(D) + b"-----END PUBLIC KEY-----",
    "unpadded": b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(D).rstrip(b"=") + b"\n-----END PUBLIC KEY-----\n", "extra-padding": PUB.replace(b"==\n", b"===\n"), "base64url": PUB.replace(b"+", b"-").replace(b"/", b"_"), "no-end": PUB.split(b"-----END")[0], "no-begin": PUB.split(b"KEY-----\n", 1)[1], "bare-base64": base64.b64encode(D),
    "bom": b"\xef\xbb\xbf" + PUB, "escaped-newlines": PUB.replace(b"\n", b"\\n"), "tabs": PUB.replace(b"\n", b"\t\n"), "blank-lines-inside": PUB.replace(b"\n", b"\n\n"), "four-dashes": PUB.replace(b"-----", b"----"), "checksum": PUB.replace(b"-----END", b"=abcd\n-----END"), "empty": b"", "space": b" ", "empty-block": b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
    "jwk": json.dumps({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}).encode(), "ssh": b"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY= x", "nul-after": PUB + b"\x00", "1-mib": PUB + b" " * (1 << 20), "pgp": b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n", "half-block-before": b"-----BEGIN PUBLIC KEY-----\nAAAA\n" + PUB, "garbage-in-base64": PUB.replace(b"M", b"*M", 1), "form-feed": PUB.replace(b"\n", b"\x0c\n", 1),
}
for n, t in FORMS.items():
    each("form", n, odd("form-" + n, P256, text=t))
each("form", "pkcs1", odd("form-pkcs1", RSA2, text=pem("RSA PUBLIC KEY", PK1)))
each("form", "pkcs1-as-public-key", odd("form-pkcs1-pk", RSA2, text=pem("PUBLIC KEY", PK1)))
each("form", "pkcs1-der", odd("form-pkcs1-der", RSA2, text=PK1), apis=("v1",))
each("form", "spki-as-rsa-public-key", odd("form-spki-rsa", RSA2, text=pem("RSA PUBLIC KEY", RD)))
each("form", "pkcs1-trailing", odd("form-pkcs1-tr", RSA2, text=pem("RSA PUBLIC KEY", PK1 + b"\x00")))
each("form", "private-key", odd("form-private", P256, text=P256.private_bytes(S.Encoding.PEM, S.PrivateFormat.PKCS8, S.NoEncryption())))
each("form", "ec-private-key", odd("form-sec1", P256, text=P256.private_bytes(S.Encoding.PEM, S.PrivateFormat.TraditionalOpenSSL, S.NoEncryption())))
each("form", "der-trailing", odd("form-der-trailing", P256, text=D + b"\x00"), apis=("v1",))
each("form", "der-rsa", odd("form-der-rsa", RSA2, text=RD), apis=("v1",))
each("form", "der-ed25519", odd("form-der-ed", ED, text=EDD), apis=("v1", "v2"))
_n = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
_c = x509.CertificateBuilder().subject_name(_n).issuer_name(_n).public_key(P256.public_key()).serial_number(1).not_valid_before(__import__("datetime").datetime(2020, 1, 1)).not_valid_after(__import__("datetime").datetime(2040, 1, 1)).sign(P256, hashes.SHA256()).public_bytes(S.Encoding.PEM)
each("form", "certificate", odd("form-cert", P256, text=_c))

# ================================================================ proofs
sig = lambda k, d, h=hashes.SHA256: k.sign(d, ec.ECDSA(h(), deterministic_signing=True))
rs = lambda d: utils.decode_dss_signature(sig(P256, d))
HOW = {
    "p256-sha384": lambda d: sig(P256, d, hashes.SHA384), "p256-sha512": lambda d: sig(P256, d, hashes.SHA512), "p256-sha1": lambda d: sig(P256, d, hashes.SHA1), "raw-rs": lambda d: b"".join(x.to_bytes(32, "big") for x in rs(d)), "der-trailing": lambda d: sig(P256, d) + b"\x00", "der-trailing-inside": lambda d: (lambda s: b"\x30" + bytes([s[1] + 2]) + s[2:] + b"\x05\x00")(sig(P256, d)),
    "der-long-length": lambda d: (lambda s: b"\x30\x81" + s[1:])(sig(P256, d)), "r-leading-zero": lambda d: (lambda r, s: seq(0x30, seq(2, b"\x00" + r.to_bytes(33, "big")) + der_int(s)))(*rs(d)), "r-negative": lambda d: (lambda r, s: seq(0x30, seq(2, (r - (1 << 256) if r >> 255 else -r).to_bytes(33, "big", signed=True)) + der_int(s)))(*rs(d)), "r-zero": lambda d: seq(0x30, b"\x02\x01\x00" + der_int(rs(d)[1])),
    "s-zero": lambda d: seq(0x30, der_int(rs(d)[0]) + b"\x02\x01\x00"), "both-zero": lambda d: b"\x30\x06\x02\x01\x00\x02\x01\x00", "high-s": lambda d: (lambda r, s: utils.encode_dss_signature(r, max(s, ORDER - s)))(*rs(d)), "low-s": lambda d: (lambda r, s: utils.encode_dss_signature(r, min(s, ORDER - s)))(*rs(d)), "s-plus-order": lambda d: (lambda r, s: utils.encode_dss_signature(r, s + ORDER))(*rs(d)),
    "r-plus-order": lambda d: (lambda r, s: utils.encode_dss_signature(r + ORDER, s))(*rs(d)), "r-is-order": lambda d: utils.encode_dss_signature(ORDER, rs(d)[1]), "hex": lambda d: sig(P256, d).hex().encode(), "base64-twice": lambda d: base64.b64encode(sig(P256, d)), "pem-like": lambda d: b"-----BEGIN SIGNATURE-----\n" + base64.b64encode(sig(P256, d)) + b"\n-----END SIGNATURE-----\n", "prehashed": lambda d: sig(P256, hashlib.sha256(d).digest()), "with-newline": lambda d: sig(P256, d + b"\n"),
    "upper": lambda d: sig(P256, d.upper()), "64-kib": lambda d: b"\x30" * 65536, "indefinite-length": lambda d: b"\x30\x80" + sig(P256, d)[2:] + b"\x00\x00", "of-the-empty-text": lambda d: sig(P256, b""), "swapped": lambda d: utils.encode_dss_signature(*rs(d)[::-1]), "another-family": lambda d: RSA2.sign(d, padding.PKCS1v15(), hashes.SHA256()),
}
for n, f in HOW.items():
    each("proof", n, odd("proof-" + n, P256, how=f), apis=("v2",) if n == "64-kib" else APIS)
for n, f in {"sha384": lambda d: RSA2.sign(d, padding.PKCS1v15(), hashes.SHA384()), "sha512": lambda d: RSA2.sign(d, padding.PKCS1v15(), hashes.SHA512()), "sha1": lambda d: RSA2.sign(d, padding.PKCS1v15(), hashes.SHA1()), "pss-32": lambda d: RSA2.sign(d, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()), "pss-max": lambda d: RSA2.sign(d, padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH), hashes.SHA256()),
             "cut": lambda d: RSA2.sign(d, padding.PKCS1v15(), hashes.SHA256())[:-1], "leading-zero": lambda d: b"\x00" + RSA2.sign(d, padding.PKCS1v15(), hashes.SHA256()), "plus-modulus": lambda d: (int.from_bytes(RSA2.sign(d, padding.PKCS1v15(), hashes.SHA256()), "big") + N).to_bytes(257, "big"), "no-digest-info": lambda d: pow(int.from_bytes(b"\x00\x01" + b"\xff" * 221 + b"\x00" + hashlib.sha256(d).digest(), "big"), RSA2.private_numbers().d, N).to_bytes(256, "big"),
             "digest-info-no-null": lambda d: (lambda t: pow(int.from_bytes(b"\x00\x01" + b"\xff" * (253 - len(t)) + b"\x00" + t, "big"), RSA2.private_numbers().d, N).to_bytes(256, "big"))(bytes.fromhex("302f300b0609608648016503040201" + "0420") + hashlib.sha256(d).digest())}.items():
    each("proof", "rsa-" + n, odd("proof-rsa-" + n, RSA2, how=f))
L = 2 ** 252 + 27742317777372353535851937790883648493
for n, f in {"prehashed": lambda d: ED.sign(hashlib.sha512(d).digest()), "trailing": lambda d: ED.sign(d) + b"\x00", "cut": lambda d: ED.sign(d)[:-1], "malleable": lambda d: (lambda s: s[:32] + (int.from_bytes(s[32:], "little") + L).to_bytes(32, "little"))(ED.sign(d)), "zero": lambda d: bytes(64)}.items():
    each("proof", "ed25519-" + n, odd("proof-ed-" + n, ED, how=f))
for n, (k, h) in {"p384-sha512": (P384, hashes.SHA512), "p521-sha256": (P521, hashes.SHA256), "p521-sha384": (P521, hashes.SHA384)}.items():
    each("proof", n, odd("proof-" + n, k, how=lambda d, k=k, h=h: sig(k, d, h)))
for n, (ch, prove, t) in {"username-with-domain": ({}, "jane!127.0.0.1", "username"), "kubernetes-uri": ({}, "https://kubernetes.io/namespaces/builds/serviceaccounts/signer", "kubernetes"), "uri-normalized": ({"sub": H + "/a b"}, H + "/a%20b", "uri"), "github-email": ({"email": "dev@example.com"}, "dev@example.com", "github"), "github-email-sub": ({"email": "dev@example.com"}, GITHUB["sub"], "github"),
                          "email-case": ({"email": "Dev@example.com"}, "dev@example.com", "email"), "challenge-sub-with-email": ({"email": "dev@example.com"}, H + "/users/18", "challenge-sub"), "unicode-sub": ({"sub": "jané"}, "jane\u0301", "username"), "spiffe-no-scheme": ({}, "example.org/ns/prod/sa/builder", "spiffe")}.items():
    for api in APIS:
        add("proof/%s/text-%s" % (api, n), api=api, issuer=t, change=ch, prove=prove)

# ================================================================ CSRs
B = lambda: x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
def req(key, h=hashes.SHA256, subject=None, exts=(), attrs=(), **kw):
    b = x509.CertificateSigningRequestBuilder().subject_name(subject or x509.Name([]))
    for e in exts:
        b = b.add_extension(e, False)
    for o, v in attrs:
        b = b.add_attribute(o, v)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        kw["ecdsa_deterministic"] = True if h in (hashes.SHA256, hashes.SHA384, hashes.SHA512) else None
    return b.sign(key, h() if h else None, **kw).public_bytes(S.Encoding.DER)
def tamper(der, at=-3):
    return der[:at] + bytes([der[at] ^ 1]) + der[at + 1:]
SUBJ = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mallory"), x509.NameAttribute(NameOID.EMAIL_ADDRESS, "mallory@example.com")])
CSR = {  # name -> (DER or text of the request, from the key)
    "subject": (P256, lambda: req(P256, subject=SUBJ)), "san": (P256, lambda: req(P256, exts=[x509.SubjectAlternativeName([x509.RFC822Name("mallory@example.com"), x509.DNSName("x.example")])])), "ca-extension": (P256, lambda: req(P256, exts=[x509.BasicConstraints(True, 3), x509.KeyUsage(True, True, True, True, True, True, True, False, False)])),
    "challenge-password": (P256, lambda: req(P256, attrs=[(x509.oid.AttributeOID.CHALLENGE_PASSWORD, b"secret")])), "no-extensions": (P256, lambda: req(P256)), "p256-sha384": (P256, lambda: req(P256, hashes.SHA384)), "p256-sha512": (P256, lambda: req(P256, hashes.SHA512)), "p384-sha512": (P384, lambda: req(P384, hashes.SHA512)), "p521-sha256": (P521, lambda: req(P521, hashes.SHA256)), "p521-sha384": (P521, lambda: req(P521, hashes.SHA384)),
    "rsa-sha384": (RSA2, lambda: req(RSA2, hashes.SHA384)), "rsa-sha512": (RSA2, lambda: req(RSA2, hashes.SHA512)), "rsa-pss-sha256": (RSA2, lambda: req(RSA2, rsa_padding=padding.PSS(padding.MGF1(hashes.SHA256()), 32))), "rsa-pss-sha384": (RSA2, lambda: req(RSA2, hashes.SHA384, rsa_padding=padding.PSS(padding.MGF1(hashes.SHA384()), 48))), "rsa-pss-sha512": (RSA2, lambda: req(RSA2, hashes.SHA512, rsa_padding=padding.PSS(padding.MGF1(hashes.SHA512()), 64))),
    "sha224": (P256, lambda: req(P256, hashes.SHA224)), "rsa-sha224": (RSA2, lambda: req(RSA2, hashes.SHA224)), "der-trailing": (P256, lambda: req(P256) + b"\x00"), "der-cut": (P256, lambda: req(P256)[:-1]), "tampered-signature": (P256, lambda: tamper(req(P256), -2)), "other-signer": (P256, lambda: req(P256).replace(D, spki(OTHER))), "ed25519-tampered": (ED, lambda: tamper(req(ED, None), -40)), "sha3-256": (P256, lambda: req(P256, hashes.SHA3_256)),
}
def openssl_csr(key, *args):
    with tempfile.NamedTemporaryFile(suffix=".pem") as f:
        f.write(key.private_bytes(S.Encoding.PEM, S.PrivateFormat.PKCS8, S.NoEncryption()))
        f.flush()
        return subprocess.run(["openssl", "req", "-new", "-key", f.name, "-subj", "/", "-outform", "DER", *args], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
CSR["sha1"] = (P256, lambda: openssl_csr(P256, "-sha1"))
CSR["rsa-sha1"] = (RSA2, lambda: openssl_csr(RSA2, "-sha1"))
CSR["rsa-md5"] = (RSA2, lambda: openssl_csr(RSA2, "-md5"))
for n, (k, f) in CSR.items():
    kind = odd("csr-" + n, k)
    text = pem("CERTIFICATE REQUEST", f())
    for api in ("v2", "v1"):
        add("csr/%s/%s" % (api, n), api=api, key=kind, form="none", body=lambda b, t=text: {**b, "certificateSigningRequest": b64(t)})
R = req(P256)
RP = pem("CERTIFICATE REQUEST", R)
kind = odd("csr-forms", P256)
for n, t in {"der-not-pem": R, "new-label": pem("NEW CERTIFICATE REQUEST", R), "other-label": pem("CERTIFICATE", R), "lower-label": RP.replace(b"CERTIFICATE REQUEST", b"certificate request"), "two-blocks": RP + pem("CERTIFICATE REQUEST", req(OTHER)), "key-then-csr": PUB + RP, "csr-then-key": RP + PUB, "text-before": b"Certificate Request:\n    Data:\n" + RP,
             "text-after": RP + b"hello", "crlf": RP.replace(b"\n", b"\r\n"), "cr": RP.replace(b"\n", b"\r"), "one-line": b"-----BEGIN CERTIFICATE REQUEST-----\n" + base64.b64encode(R) + b"\n-----END CERTIFICATE REQUEST-----\n", "no-final-newline": RP.rstrip(), "headers": pem("CERTIFICATE REQUEST", R, headers="A: b\n\n"), "empty": b"", "space": b" ", "empty-block": b"-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n", "twice-base64": base64.b64encode(RP), "nul-after": RP + b"\x00", "leading-spaces": b"  " + RP,
             "half-block-before": b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n" + RP}.items():
    for api in ("v2", "v1"):
        add("csr/%s/form-%s" % (api, n), api=api, key=kind, form="none", body=lambda b, t=t: {**b, "certificateSigningRequest": b64(t)})
for n, t in {"null": None, "number": 7, "object": {}, "list": [], "base64url": base64.urlsafe_b64encode(RP).decode(), "unpadded": b64(RP).rstrip("="), "newlines": base64.encodebytes(RP).decode(), "raw-pem": RP.decode(), "bool": True}.items():
    for api in ("v2", "v1"):
        add("csr/%s/json-%s" % (api, n), api=api, key=kind, form="none", body=lambda b, t=t: {**b, "certificateSigningRequest": t})
for f in ("rsa1536", "rsa2048e3", "rsa8192", "rsafermat", "rsaroca", "brainpool256", "rsa2056", "rsa2049", "ed448", "dsa2048"):
    k = S.load_pem_private_key(open(HERE + "/keys/" + f + ".pem", "rb").read(), None, unsafe_skip_rsa_key_validation=True)
    try:
        t = pem("CERTIFICATE REQUEST", req(k, None if f == "ed448" else hashes.SHA256))
    except Exception:
        t = pem("CERTIFICATE REQUEST", openssl_csr(k, "-sha256"))
    for api in ("v2", "v1"):
        add("weak-csr/%s/%s" % (api, f), api=api, key=odd("wcsr-" + f, k, der=open(HERE + "/keys/" + f + ".pub.der", "rb").read()) if api == "v2" else "odd:wcsr-" + f, form="none", body=lambda b, t=t: {**b, "certificateSigningRequest": b64(t)})
for api in APIS:
    for h in ("sha384", "sha512"):
        add("csr/%s/builder-p256-%s" % (api, h), api=api, form="csr", hash=h)
        add("csr/%s/builder-rsa2048-%s" % (api, h), api=api, form="csr", key="rsa2048", hash=h)
    add("csr/%s/trailing-der" % api, api=api, form="csr", proof=lambda d: d + b"\x00")
    add("csr/%s/empty-der" % api, api=api, form="csr", proof=lambda d: b"")
    add("csr/%s/signed-by-another" % api, api=api, form="csr", other_key=True)
    add("csr/%s/bad-token-and-bad-csr" % api, api=api, form="csr", proof=lambda d: b"", change={"aud": "x"})
    add("csr/%s/token-none" % api, api=api, form="csr", place="none")
    add("proof/%s/bad-key-and-bad-token" % api, api=api, key="rsa1024", change={"aud": "x"})
    add("proof/%s/weak-key-and-bad-proof" % api, api=api, key="rsa1024", other_key=True)
    add("proof/%s/bad-proof-and-bad-name" % api, api=api, other_key=True, issuer="github", change={"job_workflow_ref": DROP})
    for t in ("github", "gitlab-typed", "username", "spiffe", "kubernetes", "chainguard", "uri", "dex", "circleci"):
        add("identity/%s/%s" % (api, t), api=api, issuer=t)
        add("identity/%s/%s-csr" % (api, t), api=api, issuer=t, form="csr", key="rsa2048")
    add("refuse/%s/email-unverified" % api, api=api, change={"email_verified": False})
    add("refuse/%s/github-missing-claim" % api, api=api, issuer="github", change={"job_workflow_ref": DROP})
    add("refuse/%s/github-missing-plain-claim" % api, api=api, issuer="github", change={"sha": DROP})
    add("refuse/%s/github-bad-uri" % api, api=api, issuer="github", change={"job_workflow_ref": "a%zz"})
    add("refuse/%s/sub-missing" % api, api=api, issuer="uri", change={"sub": DROP})

# ================================================================ bodies
pk = lambda b: b["publicKeyRequest"]
def body(name, f, **kw):
    add("body/" + name, body=f, **kw)
def wtok(f):
    """A body callback that is also given the token."""
    return lambda b: f(b, world_token())
def world_token():
    f = sys._getframe(2)
    while f:
        if "token" in f.f_locals and "proof" in f.f_locals:
            return f.f_locals["token"]
        f = f.f_back
J = lambda b: json.dumps(b)
for n, f in {
    "trailing-garbage": lambda b: (J(b) + "x").encode(), "trailing-object": lambda b: (J(b) + "{}").encode(), "trailing-null": lambda b: (J(b) + "null").encode(), "trailing-space": lambda b: (J(b) + " \n\t\r").encode(), "trailing-nul": lambda b: (J(b) + "\x00").encode(), "trailing-brace": lambda b: (J(b) + "}").encode(), "leading-space": lambda b: (" \n" + J(b)).encode(), "bom": lambda b: b"\xef\xbb\xbf" + J(b).encode(), "utf16": lambda b: J(b).encode("utf-16"),
    "trailing-comma": lambda b: (J(b)[:-1] + ",}").encode(), "comment": lambda b: (J(b)[:-1] + "/**/}").encode(), "single-quotes": lambda b: J(b).replace('"', "'").encode(), "unquoted": lambda b: J(b).replace('"publicKeyRequest"', "publicKeyRequest").encode(), "cut": lambda b: J(b)[:-1].encode(), "null": lambda b: b"null", "number": lambda b: b"7", "text": lambda b: b'"x"', "true": lambda b: b"true", "space-only": lambda b: b"  ", "list-of-one": lambda b: ("[" + J(b) + "]").encode(),
    "duplicate-member": lambda b: (J(b)[:-1] + ', "publicKeyRequest": {}}').encode(), "duplicate-null-member": lambda b: (J(b)[:-1] + ', "publicKeyRequest": null}').encode(), "duplicate-null-first": lambda b: ('{"publicKeyRequest": null, ' + J(b)[1:]).encode(), "duplicate-unknown": lambda b: (J(b)[:-1] + ', "x": 1, "x": 2}').encode(), "both-spellings": lambda b: {**b, "public_key_request": pk(b)}, "both-spellings-null": lambda b: {**b, "public_key_request": None}, "both-spellings-inner": lambda b: {"publicKeyRequest": {**pk(b), "public_key": pk(b)["publicKey"]}},
    "upper-case-member": lambda b: {"PublicKeyRequest": pk(b)}, "escaped-member": lambda b: J(b).replace('"publicKeyRequest"', '"\\u0070ublicKeyRequest"').encode(), "mixed-spelling": lambda b: {"publicKeyRequest": {"public_key": pk(b)["publicKey"], "proofOfPossession": pk(b)["proofOfPossession"]}}, "member-number-name": lambda b: {"2": pk(b)},
    "invalid-utf8-unknown": lambda b: J(b)[:-1].encode() + b', "x": "\xff"}', "invalid-utf8-content": lambda b: J(b).replace("-----BEGIN", "Z-----BEGIN", 1).encode().replace(b"Z", b"\xff", 1), "lone-surrogate-unknown": lambda b: (J(b)[:-1] + ', "x": "\\ud800"}').encode(), "lone-surrogate-content": lambda b: J(b).replace("-----BEGIN", "\\ud800-----BEGIN", 1).encode(), "control-char": lambda b: (J(b)[:-1] + ', "x": "a\nb"}').encode(), "bad-escape": lambda b: (J(b)[:-1] + ', "x": "\\q"}').encode(), "leading-zero": lambda b: (J(b)[:-1] + ', "x": 01}').encode(), "nan": lambda b: (J(b)[:-1] + ', "x": NaN}').encode(), "big-number": lambda b: (J(b)[:-1] + ', "x": 1e999}').encode(), "plus-number": lambda b: (J(b)[:-1] + ', "x": +1}').encode(), "deep-unknown-type": lambda b: {**b, "x": {"@type": "x", "y": [None, {"a": []}]}},
    "unknown-nested-100": lambda b: (J(b)[:-1] + ', "x": ' + "[" * 100 + "]" * 100 + "}").encode(), "unknown-nested-200": lambda b: (J(b)[:-1] + ', "x": ' + '{"a":' * 200 + "1" + "}" * 200 + "}").encode(), "unknown-nested-9990": lambda b: (J(b)[:-1] + ', "x": ' + "[" * 9990 + "]" * 9990 + "}").encode(), "unknown-nested-10100": lambda b: (J(b)[:-1] + ', "x": ' + "[" * 10100 + "]" * 10100 + "}").encode(), "unknown-nested-100000": lambda b: (J(b)[:-1] + ', "x": ' + "[" * 100000 + "]" * 100000 + "}").encode(), "unknown-in-inner": lambda b: {"publicKeyRequest": {**pk(b), "x": 1, "publicKey": {**pk(b)["publicKey"], "y": {}}}}, "type-member": lambda b: {**b, "@type": "x"},
    "4-mib-less": lambda b: {**b, "pad": "x" * ((4 << 20) - 2000)}, "4-mib-exact-ish": lambda b: {**b, "pad": "x" * ((4 << 20) - len(J({**b, "pad": ""})))}, "4-mib-plus-1": lambda b: {**b, "pad": "x" * ((4 << 20) - len(J({**b, "pad": ""})) + 1)}, "1-mib-content": lambda b: {"publicKeyRequest": {**pk(b), "publicKey": {"content": "x" * (1 << 20)}}},
}.items():
    body(n, f)
BAD = {"null": None, "number": 7, "text": "x", "empty": "", "list": [], "object": {}, "bool": True, "float": 1.5}
for w, v in BAD.items():
    body("credentials-" + w, lambda b, v=v: {**b, "credentials": v})
    body("token-member-" + w, lambda b, v=v: {**b, "credentials": {"oidcIdentityToken": v}})
    body("token-member-only-" + w, lambda b, v=v: {**b, "credentials": {"oidcIdentityToken": v}}, place="none")
    body("public-key-request-" + w, lambda b, v=v: {"publicKeyRequest": v})
    body("public-key-" + w, lambda b, v=v: {"publicKeyRequest": {**pk(b), "publicKey": v}})
    body("content-" + w, lambda b, v=v: {"publicKeyRequest": {**pk(b), "publicKey": {"content": v}}})
    body("proof-" + w, lambda b, v=v: {"publicKeyRequest": {**pk(b), "proofOfPossession": v}})
    body("algorithm-" + w, lambda b, v=v: {"publicKeyRequest": {**pk(b), "publicKey": {**pk(b)["publicKey"], "algorithm": v}}})
    body("csr-beside-key-" + w, lambda b, v=v: {**b, "certificateSigningRequest": v})
    body("key-beside-csr-" + w, lambda b, v=v: {**b, "publicKeyRequest": v}, form="csr")
    add("body/v1/public-key-" + w, api="v1", body=lambda b, v=v: {**b, "publicKey": v})
    add("body/v1/content-" + w, api="v1", body=lambda b, v=v: {**b, "publicKey": {"content": v}})
    add("body/v1/proof-" + w, api="v1", body=lambda b, v=v: {**b, "signedEmailAddress": v})
    add("body/v1/algorithm-" + w, api="v1", body=lambda b, v=v: {**b, "publicKey": {**b["publicKey"], "algorithm": v}})
    add("body/v1/csr-beside-key-" + w, api="v1", body=lambda b, v=v: {**b, "certificateSigningRequest": v})
    add("body/v1/key-beside-csr-" + w, api="v1", form="csr", body=lambda b, v=v: {**b, "publicKey": v})
for n, v in {"enum-99": 99, "enum-negative": -1, "enum-1e0": 1.0, "enum-2.5": 2.5, "enum-text-2": "2", "enum-int32-over": 1 << 31, "enum-lower": "ecdsa", "enum-full": "PUBLIC_KEY_ALGORITHM_UNSPECIFIED", "enum-rsa-pss": "RSA_PSS", "enum-empty": "", "enum-1e99": 1e99}.items():
    body("algorithm-" + n, lambda b, v=v: {"publicKeyRequest": {**pk(b), "publicKey": {**pk(b)["publicKey"], "algorithm": v}}})
for n, f in {"newlines": lambda s: base64.encodebytes(s).decode(), "trailing-newline": lambda s: b64(s) + "\n", "leading-space": lambda s: " " + b64(s), "inner-space": lambda s: b64(s)[:8] + " " + b64(s)[8:], "crlf": lambda s: b64(s)[:8] + "\r\n" + b64(s)[8:], "unpadded": lambda s: b64(s).rstrip("="), "url-padded": lambda s: base64.urlsafe_b64encode(s).decode(), "mixed-alphabets": lambda s: b64(s)[:-8] + "+-_/" + b64(s)[-4:], "extra-padding": lambda s: b64(s) + "=", "four-padding": lambda s: b64(s) + "====", "bad-char": lambda s: b64(s)[:8] + "*" + b64(s)[9:], "one-char": lambda s: "A", "hex": lambda s: s.hex(), "padding-inside": lambda s: b64(s)[:4] + "==" + b64(s)[4:], "data-url": lambda s: "data:;base64," + b64(s), "unicode": lambda s: b64(s) + "ä", "trailing-bits": lambda s: b64(s[:64])[:-3] + "B=="}.items():
    body("proof-base64-" + n, lambda b, f=f: {"publicKeyRequest": {**pk(b), "proofOfPossession": f(base64.b64decode(pk(b)["proofOfPossession"]))}})
    add("body/v1/proof-base64-" + n, api="v1", body=lambda b, f=f: {**b, "signedEmailAddress": f(base64.b64decode(b["signedEmailAddress"]))})
    add("body/v1/content-base64-" + n, api="v1", body=lambda b, f=f: {**b, "publicKey": {"content": f(base64.b64decode(b["publicKey"]["content"]))}})
for n, f in {"snake-case": lambda b: {"public_key": b["publicKey"], "signed_email_address": b["signedEmailAddress"]}, "snake-csr": lambda b: {"certificate_signing_request": b64(RP)}, "both-key-and-csr": lambda b: {**b, "certificateSigningRequest": b64(RP)}, "csr-garbage": lambda b: {"certificateSigningRequest": "AAAA"}, "unknown": lambda b: {**b, "x": [1]}, "trailing-garbage": lambda b: (J(b) + "x").encode(), "empty": lambda b: b"", "empty-object": lambda b: {}, "null": lambda b: b"null", "list": lambda b: b"[]", "not-json": lambda b: b"{x", "duplicate": lambda b: (J(b)[:-1] + ', "publicKey": {}}').encode(), "v2-body": lambda b: {"publicKeyRequest": {"publicKey": {"content": "x"}}}, "raw-pem-content": lambda b: {**b, "publicKey": {"content": base64.b64decode(b["publicKey"]["content"]).decode()}}, "chain-member": lambda b: {**b, "chain": "x"}, "credentials-member": lambda b: {**b, "credentials": {"oidcIdentityToken": "x"}}, "algorithm-odd": lambda b: {**b, "publicKey": {**b["publicKey"], "algorithm": "what?"}}, "5-megabytes": lambda b: {**b, "pad": "x" * (5 << 20)}}.items():
    add("body/v1/" + n, api="v1", body=f)
add("body/v1/token-in-body-only", api="v1", place="none", body=wtok(lambda b, t: {**b, "credentials": {"oidcIdentityToken": t}}))
add("body/v2-body-with-v1-key", body=lambda b: {"publicKey": {"content": b64(pk(b)["publicKey"]["content"])}, "signedEmailAddress": pk(b)["proofOfPossession"]})
body("token-snake-case", wtok(lambda b, t: {**b, "credentials": {"oidc_identity_token": t}}), place="none")
body("token-both-spellings", wtok(lambda b, t: {**b, "credentials": {"oidc_identity_token": t, "oidcIdentityToken": t}}), place="none")
body("token-null-then-good", wtok(lambda b, t: (J(b)[:-1] + ', "credentials": {"oidcIdentityToken": null, "oidcIdentityToken": "' + t + '"}}').encode()), place="none")
body("token-extra-members", wtok(lambda b, t: {**b, "credentials": {"oidcIdentityToken": t, "other": 1}}), place="none")
body("token-at-top", wtok(lambda b, t: {**b, "oidcIdentityToken": t}), place="none")
body("credentials-is-the-token", wtok(lambda b, t: {**b, "credentials": t}), place="none")
body("token-empty-and-none", lambda b: {**b, "credentials": {"oidcIdentityToken": ""}}, place="none")
for n, ct in {"form": "application/x-www-form-urlencoded", "json-charset": "application/json; charset=utf-8", "json-latin1": "application/json; charset=iso-8859-1", "grpc": "application/grpc", "grpc-web": "application/grpc-web", "octets": "application/octet-stream", "garbage": ";;;", "upper": "APPLICATION/JSON", "protobuf": "application/x-protobuf", "multipart": "multipart/form-data; boundary=x"}.items():
    add("body/content-type/" + n, content_type=ct)
for n, a in {"any": "*/*", "html": "text/html", "empty": "", "xml-q0": "application/json;q=0", "protobuf": "application/x-protobuf"}.items():
    add("body/accept/" + n, accept=a)
    add("body/v1/accept-" + n, accept=a, api="v1")
