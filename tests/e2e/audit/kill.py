#!/usr/bin/env python3
"""Kills a server under load again and again, and holds its audit log against what its clients got.

    kill.py --binary PATH [--rounds 100] [--clients 16] [--sync request]

After each kill -9 the next start goes on in the same file. After each start `sigmint audit verify` must accept the file, whatever was
cut off; at the end every certificate that a client received must have its intent. Not part of the test run.
"""
import argparse, os, random, tempfile, time

import peers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--sync", default="request")
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="sigmint-audit-")
    audit, (private, public) = os.path.join(folder, "audit.jsonl"), peers.make_key(folder)
    issuer = peers.Issuer(arguments.binary, folder)
    received, more = [], ["--audit-sync", arguments.sync, "--audit-key", private]
    try:
        for number in range(arguments.rounds):
            server = peers.Server(arguments.binary, issuer, audit, more)
            if number:
                # A signed head of this start covers what the kill before left behind.
                peers.wait(lambda: peers.verify(arguments.binary, public, audit)[0] == 0, 20)
            clients = peers.Clients(server, issuer, arguments.clients)
            time.sleep(random.uniform(0.1, 1.0))
            server.kill()
            received += clients.end()
            assert not clients.refusals, clients.refusals
        server = peers.Server(arguments.binary, issuer, audit, more)
        server.stop()
        code, text = peers.verify(arguments.binary, public, audit)
        print(text, end="")
        assert code == 0
        records = peers.records(audit)
        intents = {int(record["serial"], 16) for record in records if record["type"] == "intent"}
        outcomes = {int(record["serial"], 16) for record in records if record["type"] == "outcome"}
        missing = [serial for serial in received if serial not in intents]
        print(f"{arguments.rounds} kills, {len(received)} certificates received, {len(intents)} intents, "
              f"{len(intents - outcomes)} of them without outcome, "
              f"{len([serial for serial in received if serial not in outcomes])} received ones without outcome, "
              f"{sum(1 for record in records if record.get('torn'))} incomplete lines")
        assert received, "no certificate at all: nothing was tried"
        assert not missing, f"{len(missing)} certificates without an intent"
    finally:
        issuer.process.kill()


if __name__ == "__main__":
    main()
