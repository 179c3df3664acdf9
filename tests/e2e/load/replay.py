#!/usr/bin/env python3
"""What `sigmint policy replay` takes for a million audit records under the examples of config/policy: time, CPU time, memory.

    replay.py --binary PATH [--records 1000000] [--policy config/policy] [--outcomes]

Asked: at most 60 s and 200 MiB on two processors with a release build. The records are of GitHub, GitLab, Keycloak, Entra, Okta and
Kubernetes in turn, each with all claims that such tokens have, half of them denied. With --outcomes each intent is followed by its
outcome, as in a real log. Not part of the test run.
"""
import argparse, json, os, resource, subprocess, sys, tempfile, time

ISSUERS = [
    ("https://token.actions.githubusercontent.com", "github-workflow", lambda n: {
        "sub": "repo:octo-org/app:ref:refs/heads/main", "repository": "octo-org/app", "repository_id": "1296269",
        "repository_owner": "octo-org", "repository_owner_id": "9919" if n % 2 else "1", "repository_visibility": "private", "ref": "refs/heads/main",
        "ref_type": "branch", "ref_protected": "true", "sha": f"{n:040x}", "event_name": "push", "head_ref": "", "base_ref": "",
        "workflow": "build", "workflow_ref": "octo-org/app/.github/workflows/build.yml@refs/heads/main", "workflow_sha": f"{n:040x}",
        "job_workflow_ref": "octo-org/app/.github/workflows/build.yml@refs/heads/main", "job_workflow_sha": f"{n:040x}",
        "actor": "mona", "actor_id": "1", "run_id": str(n), "run_number": "7", "run_attempt": "1",
        "runner_environment": "github-hosted", "enterprise": "octo"}),
    ("https://gitlab.com", "gitlab-pipeline", lambda n: {
        "sub": "project_path:acme/app:ref_type:branch:ref:main", "namespace_path": "acme", "namespace_id": "72" if n % 2 else "9",
        "project_path": "acme/app", "project_id": "20", "user_login": "mona", "user_email": "mona@example.com", "user_id": "5",
        "pipeline_id": str(n), "pipeline_source": "push", "job_id": str(n), "ref": "main", "ref_type": "branch", "ref_path": "refs/heads/main",
        "ref_protected": "true", "sha": f"{n:040x}", "runner_id": 4, "runner_environment": "gitlab-hosted",
        "ci_config_ref_uri": "gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main", "ci_config_sha": f"{n:040x}"}),
    ("https://keycloak.example.com/realms/corp", "email", lambda n: {
        "sub": f"{n:x}", "email": "mona@example.com", "email_verified": True, "preferred_username": "mona",
        "groups": ["/staff", "/release-managers"] if n % 2 else ["/staff"]}),
    ("https://login.microsoftonline.com/0f5c2f0e-3b0c-4f1d-9a51-7d6c4b2a1e90/v2.0", "email", lambda n: {
        "sub": f"{n:x}", "oid": f"{n:x}", "tid": "0f5c2f0e-3b0c-4f1d-9a51-7d6c4b2a1e90", "email": "mona@example.com",
        "groups": ["8d1fb2a5-6b5e-4c0e-8a0a-2f3d4c5b6a79"] if n % 2 else []}),
    ("https://example.okta.com/oauth2/default", "email", lambda n: {
        "sub": f"{n:x}", "email": "mona@example.com", "email_verified": True, "groups": ["signers"] if n % 2 else ["everyone"]}),
    ("https://kubernetes.default.svc", "kubernetes", lambda n: {
        "sub": "system:serviceaccount:builds:signer", "kubernetes.io": {"namespace": "builds" if n % 2 else "sandbox",
        "serviceaccount": {"name": "signer", "uid": "5f2b"}, "pod": {"name": "job", "uid": "6f2b"}}}),
]


def record(n):
    # Two of an issuer in a row, one allowed and one not.
    issuer, kind, claims = ISSUERS[n // 2 % len(ISSUERS)]
    now = 1795824000 + n // 1000
    common = {"time": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now)), "request_id": f"{n:032x}", "transport": "grpc",
              "client": "192.0.2.1"}
    claims = {"iss": issuer, "aud": "sigstore", "iat": now, "exp": now + 600, **claims(n)}
    name = f"https://example.com/{n % 5000}" if kind != "email" else claims["email"]
    chain = {"chain": "00" * 8, "seq": n, "prev": f"{n:064x}"}
    return {"v": 1, "type": "intent", **chain, **common, "issuer": issuer, "audience": ["sigstore"], "claims": claims, "identity": kind,
            "san": {"type": "email" if kind == "email" else "uri", "value": name}, "extensions": {"issuer": issuer},
            "key": {"kind": "ecdsa", "bits": 256, "sha256": f"{n:064x}"}, "policy": {"outcome": "allow", "rule": f"old-{n % 3}"},
            "serial": f"{n:040x}", "tbs_sha256": f"{n:064x}"}, {"v": 1, "type": "outcome", **chain, **common, "serial": f"{n:040x}",
            "tbs_sha256": f"{n:064x}", "certificate_sha256": f"{n:064x}", "scts": [f"{n:064x}"]}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--binary", required=True)
    arguments.add_argument("--records", type=int, default=1_000_000)
    arguments.add_argument("--policy", default=os.path.join(os.path.dirname(__file__), "..", "..", "..", "config", "policy"))
    arguments.add_argument("--outcomes", action="store_true")
    told = arguments.parse_args()
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as log:
        for n in range(told.records):
            intent, outcome = record(n)
            log.write(json.dumps(intent, separators=(",", ":")) + "\n")
            if told.outcomes:
                log.write(json.dumps(outcome, separators=(",", ":")) + "\n")
        log.flush()
        print(f"{told.records} decisions, {os.path.getsize(log.name) // 2**20} MiB")
        begin = time.monotonic()
        command = [told.binary, "policy", "replay", "--policy", told.policy, "--claims-recorded", "all", log.name]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        took, used = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    print(done.stdout)
    print(f"{took:.1f} s, CPU {used.ru_utime + used.ru_stime:.1f} s, at most {used.ru_maxrss / 1024:.0f} MiB")
    half = f"{told.records} decisions: {told.records // 2} change, 0 undecidable"
    if done.returncode != 0 or half not in done.stdout:
        sys.exit(f"expected: {half}")


main()
