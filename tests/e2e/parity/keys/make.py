"""Odd keys, made once: keys/*.pem (private) and keys/*.pub.der (SPKI)."""
import os, random, subprocess
from cryptography.hazmat.primitives import serialization as S
from cryptography.hazmat.primitives.asymmetric import rsa
here = os.path.dirname(os.path.abspath(__file__))
def ossl(name, *args):
    p = here + "/" + name
    if not os.path.exists(p + ".pem"):
        subprocess.run(["openssl", "genpkey", *args, "-out", p + ".pem"], check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["openssl", "pkey", "-in", p + ".pem", "-pubout", "-outform", "DER", "-out", p + ".pub.der"], check=True)
for n in (512, 1536, 2047, 2049, 2056, 8192): 
    ossl("rsa%d" % n, "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:%d" % n)
for e in (3, 17, 65539): ossl("rsa2048e%d" % e, "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_pubexp:%d" % e)
ossl("rsapss2048", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048")
ossl("explicit256", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit")
ossl("brainpool256", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1")
for a in ("ed448", "x25519", "x448"): ossl(a, "-algorithm", a)
if not os.path.exists(here + "/dsaparam.pem"):
    subprocess.run(["openssl", "genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:2048", "-out", here + "/dsaparam.pem"], check=True, stderr=subprocess.DEVNULL)
ossl("dsa2048", "-paramfile", here + "/dsaparam.pem")
def prime(n):
    for q in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43): 
        if n % q == 0: return False
    for a in (2, 3, 5, 7, 11, 13, 17, 19):
        d, s = n - 1, 0
        while d % 2 == 0: d, s = d // 2, s + 1
        x = pow(a, d, n)
        if x in (1, n - 1): continue
        for _ in range(s - 1):
            x = x * x % n
            if x == n - 1: break
        else: return False
    return True
def save(name, p, q):
    if os.path.exists(here + "/" + name + ".pem"): return
    p, q = max(p, q), min(p, q)
    d = pow(65537, -1, (p - 1) * (q - 1))
    k = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(65537, p * q)).private_key(unsafe_skip_rsa_key_validation=True)
    open(here + "/" + name + ".pem", "wb").write(k.private_bytes(S.Encoding.PEM, S.PrivateFormat.PKCS8, S.NoEncryption()))
    open(here + "/" + name + ".pub.der", "wb").write(k.public_key().public_bytes(S.Encoding.DER, S.PublicFormat.SubjectPublicKeyInfo))
rnd = random.SystemRandom()
def nextp(n):
    n |= 1
    while not (prime(n) and (n - 1) % 65537): n += 2
    return n
if not os.path.exists(here + "/rsafermat.pem"):
    p = nextp((3 << 1022) | rnd.getrandbits(1022)); save("rsafermat", p, nextp(p + 2000))
if not os.path.exists(here + "/rsaroca.pem"):
    ps, n = [], 2
    while len(ps) < 126:
        if all(n % q for q in ps): ps.append(n)
        n += 1
    M = 1
    for q in ps: M *= q
    def roca():
        while True:
            p = rnd.randrange((3 << 1022) // M, (1 << 1024) // M) * M + pow(65537, rnd.getrandbits(60), M)
            if p.bit_length() == 1024 and prime(p): return p
    save("rsaroca", roca(), roca())
