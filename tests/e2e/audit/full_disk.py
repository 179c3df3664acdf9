#!/usr/bin/env python3
"""A real full disk: a small tmpfs under the audit log. Needs root, for the mount.

    full_disk.py --binary PATH

Fills the file system under load: nothing more is signed, /readyz says so, the log has one ERROR line. Once there is room, it goes on by
itself, `sigmint audit verify` accepts the file, and every certificate has its intent. Not part of the test run.
"""
import argparse, json, os, subprocess, tempfile, time

import peers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="sigmint-audit-")
    disk, (private, public) = os.path.join(folder, "disk"), peers.make_key(folder)
    os.mkdir(disk)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", disk], check=True)
    audit, filler, log = os.path.join(disk, "audit.jsonl"), os.path.join(disk, "filler"), os.path.join(folder, "log")
    issuer = peers.Issuer(arguments.binary, folder)
    try:
        with open(filler, "wb") as file:
            file.write(b"x" * (31 << 20))
        with open(log, "wb") as errors:
            more = ["--audit-sync", "request", "--audit-key", private, "--log_type", "prod"]
            server = peers.Server(arguments.binary, issuer, audit, more, errors=errors)
        clients = peers.Clients(server, issuer, 8)
        peers.wait(lambda: server.get("/readyz") == 503)
        time.sleep(1)
        before, refused = len(clients.serials), dict(clients.refusals)
        time.sleep(2)
        assert len(clients.serials) == before, "signed on a full disk"
        assert set(refused) == {"AUDIT_UNAVAILABLE"}, refused
        with open(audit, "rb") as file:
            assert file.read().endswith(b"\n"), "a line that is not whole"
        os.remove(filler)
        peers.wait(lambda: server.get("/readyz") == 200)
        peers.wait(lambda: len(clients.serials) > before)
        received = clients.end()
        server.stop()
        code, text = peers.verify(arguments.binary, public, audit)
        print(text, end="")
        assert code == 0
        records = peers.records(audit)
        intents = {int(record["serial"], 16) for record in records if record["type"] == "intent"}
        assert all(serial in intents for serial in received)
        with open(log) as file:
            lines = [json.loads(line) for line in file if line.startswith("{")]
        errors = [line["message"] for line in lines if line["level"] == "ERROR"]
        resumed = [record for record in records if record["type"] == "resume"]
        print(f"{before} certificates, then {sum(clients.refusals.values())} refusals, then {len(received) - before} certificates; "
              f"ERROR lines: {errors}; {resumed}")
        assert errors == ["the audit log cannot be written"], errors
    finally:
        issuer.process.kill()
        subprocess.run(["umount", "-l", disk])


if __name__ == "__main__":
    main()
