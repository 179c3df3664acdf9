#!/usr/bin/env python3
"""Play every recorded case that this server is meant to answer by now, and hold it against the incumbent's answers.

    check.py --binary PATH [--ct none|embedded] [--suite base more raw] [--out FOLDER]
    check.py --show NAME        what the incumbent answered to one case

Differences on purpose stand in allow*.json. Where the reason there begins with `refused:`, a clean refusal is demanded in
place of the incumbent's answer: 400 and code 3. The last line is `N passed, N failed`.
"""
import argparse, contextlib, gzip, importlib, io, json, os, re, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import run

# What is demanded by now: the one list to widen when a transport or a call is added.
APIS = ("v2",)                                                                          # of v2, v1, grpc
GETS = ("get/trustBundle", "get/configuration", "get/healthz", "get/unknown", "cors/preflight")   # and get/rootCert
RAW = ("ok/", "auth/", "cors/")                                                         # prefixes of raw.py's cases
RAW_WITHOUT = re.compile(r"v1")                                                         # names of those not demanded

ANSWERS = {("base", "none"): "incumbent-none.json", ("base", "embedded"): "incumbent-embedded.json",
           ("more", "none"): "incumbent-none-more.json.gz", ("raw", "none"): "incumbent-raw.json"}
ALLOW = {"base": "allow.json", "more": "allow-more.json", "raw": "allow-raw.json"}
MODULE = {"base": "cases", "more": "more"}


def load(name):
    path = os.path.join(HERE, name)
    with gzip.open(path, "rt", encoding="utf-8") if name.endswith(".gz") else open(path, encoding="utf-8") as f:
        return json.load(f)


def play(suite, binary, ct, out):
    """The answers of `binary`, and the names of the cases that were demanded."""
    if suite == "raw":
        subprocess.run([sys.executable, "-B", os.path.join(HERE, "raw.py"), "--binary", binary, "--out", out], check=True)
        return {n for n in load(ANSWERS[suite, ct]) if n.startswith(RAW) and not RAW_WITHOUT.search(n)}
    cases = importlib.import_module(MODULE[suite]).CASES
    cases[:] = [c for c in cases if c.api in APIS]
    run.record(argparse.Namespace(binary=binary, out=out, ct=ct, only="", cases=[MODULE[suite]]))
    return {c.name for c in cases} | (set(GETS) if suite == "base" else set())


def judge(suite, ct, names, out):
    """Prints the differences; answers how many cases passed and how many failed."""
    theirs, ours, allow = load(ANSWERS[suite, ct]), json.load(open(out)), load(ALLOW[suite])
    unrecorded = sorted(names - set(theirs))
    if unrecorded:
        raise SystemExit("no recorded answer for " + ", ".join(unrecorded[:5]))
    folder = os.path.dirname(out)
    demanded = os.path.join(folder, suite + "-demanded.json")
    json.dump({n: theirs[n] for n in names}, open(demanded, "w"))
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        run.compare(demanded, out, os.path.join(HERE, ALLOW[suite]))
    *differences, verdict = said.getvalue().splitlines()
    print("\n".join(differences), end="\n" if differences else "")
    passed, failed = (int(word) for word in re.findall(r"\d+", verdict))
    for name in sorted(key.removesuffix("*").removesuffix(".") for key, why in allow.items() if why.startswith("refused:")):
        if name in names and name in ours and not refused(ours[name]):
            print("%s must be refused with 400 and code 3, not %s" % (name, json.dumps(ours[name], ensure_ascii=False)[:200]))
            passed, failed = passed - 1, failed + 1
    return passed, failed


def refused(answer):
    code = answer.get("code", None)
    if code is None and isinstance(answer.get("body"), str):
        with contextlib.suppress(ValueError, AttributeError):
            code = json.loads(answer["body"]).get("code")
    return (answer.get("http") == 400 and code == 3) or answer.get("grpc") == "INVALID_ARGUMENT"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--binary")
    p.add_argument("--ct", default="none", choices=["none", "embedded"])
    p.add_argument("--suite", nargs="+", default=["base", "more", "raw"], choices=["base", "more", "raw"])
    p.add_argument("--out", help="where to leave the answers; a new folder under /tmp when not given")
    p.add_argument("--show", metavar="NAME")
    a = p.parse_args()
    if a.show:
        found = [(key, doc[a.show]) for key, doc in ((key, load(name)) for key, name in ANSWERS.items()) if a.show in doc]
        for (suite, ct), answer in found:
            print("%s, --ct %s: %s" % (suite, ct, json.dumps(answer, indent=1, ensure_ascii=False)))
        return 0 if found else "no answer is recorded for " + a.show
    if not a.binary:
        p.error("--binary is needed")
    folder = a.out or tempfile.mkdtemp(prefix="parity-check-")
    os.makedirs(folder, exist_ok=True)
    totals = [0, 0]
    for suite in a.suite:
        if (suite, a.ct) not in ANSWERS:
            print("%s: not recorded with --ct %s, left out" % (suite, a.ct))
            continue
        out = os.path.join(folder, suite + "-%s.json" % a.ct)
        passed, failed = judge(suite, a.ct, play(suite, os.path.abspath(a.binary), a.ct, out), out)
        print("parity %s, --ct %s: %d equal, %d not" % (suite, a.ct, passed, failed), flush=True)
        totals = [totals[0] + passed, totals[1] + failed]
    print("%d passed, %d failed" % tuple(totals))
    return 1 if totals[1] or not totals[0] else 0


if __name__ == "__main__":
    sys.exit(main())
