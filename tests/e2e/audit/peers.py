"""A sigmint that records, an issuer, and clients, for the scripts of this folder. Needs Python's cryptography."""
import base64, http.client, json, os, re, socket, subprocess, threading, time, urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

TOKEN_SECONDS = 300


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Issuer:
    """`sigmint dev --issuer-only`."""

    def __init__(self, binary, folder):
        self.port, self.folder = free_port(), os.path.join(folder, "issuer")
        words = [binary, "dev", "--issuer-only", "--issuer-port", str(self.port), "--dir", self.folder]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.config, self.made, self.text = os.path.join(self.folder, "issuers.yaml"), 0, None
        wait(lambda: os.path.exists(self.config) and self.token())

    def token(self):
        if time.time() - self.made > TOKEN_SECONDS:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/email/token", timeout=5) as answer:
                    body = answer.read().decode()
            except OSError:
                return None
            found = re.search(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", body)
            self.text, self.made = found.group(0), time.time()
        return self.text

    def subject(self):
        payload = self.token().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return claims["email"]


class Server:
    """`sigmint serve` with a throw-away CA, whose log is `audit`."""

    def __init__(self, binary, issuer, audit, more=(), prefix=(), errors=subprocess.DEVNULL):
        self.port = free_port()
        words = [*prefix, binary, "serve", "--ca", "ephemeralca", "--config-path", issuer.config, "--ct-log-url=",
                 "--host", "127.0.0.1", "--grpc-host", "127.0.0.1", "--metrics-host", "127.0.0.1", "--port", str(self.port),
                 "--grpc-port", str(free_port()), "--metrics-port", str(free_port()), "--audit-path", audit, *more]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=errors)
        wait(lambda: self.get("/healthz") == 200 or self.process.poll() is not None)
        assert self.process.poll() is None, "it does not start"

    def get(self, path):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        assert self.process.wait(40) == 0


class Clients:
    """Threads that ask for certificates, one after the other, and keep the serial numbers that they got."""

    def __init__(self, server, issuer, count):
        self.server, self.serials, self.refusals, self.going = server, [], {}, True
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        proof = key.sign(issuer.subject().encode(), ec.ECDSA(hashes.SHA256()))
        body = {"credentials": {"oidcIdentityToken": issuer.token()}, "publicKeyRequest": {
            "publicKey": {"algorithm": "ECDSA", "content": public.decode()},
            "proofOfPossession": base64.b64encode(proof).decode()}}
        self.body = json.dumps(body)
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        while self.going:
            try:
                connection.request("POST", "/api/v2/signingCert", self.body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                text = json.loads(answer.read())
            except (OSError, http.client.HTTPException, ValueError):
                connection.close()
                if self.server.process.poll() is not None:
                    return
                continue
            if answer.status == 200:
                pem = text["signedCertificateDetachedSct"]["chain"]["certificates"][0]
                self.serials.append(x509.load_pem_x509_certificate(pem.encode()).serial_number)
            else:
                reason = text["details"][0]["reason"]
                self.refusals[reason] = self.refusals.get(reason, 0) + 1

    def end(self):
        self.going = False
        for thread in self.threads:
            thread.join(30)
        return self.serials


def records(path):
    """The whole records of a file; a line that was cut off is left out."""
    found = []
    with open(path, "rb") as file:
        for line in file:
            try:
                found.append(json.loads(line))
            except ValueError:
                pass
    return found


def make_key(folder):
    private, public = os.path.join(folder, "audit.key"), os.path.join(folder, "audit.pub")
    key = ec.generate_private_key(ec.SECP256R1())
    with open(private, "wb") as file:
        file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    with open(public, "wb") as file:
        file.write(key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    return private, public


def verify(binary, public, *files):
    run = subprocess.run([binary, "audit", "verify", "--key", public, *files], capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def wait(is_so, seconds=60):
    end = time.time() + seconds
    while not is_so():
        assert time.time() < end, "waited in vain"
        time.sleep(0.02)
