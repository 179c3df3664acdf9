#!/usr/bin/env python3
"""Play every recorded case, and hold it against Fulcio's answers.

    check.py --binary PATH [--ct none embedded] [--suite base more] [--out FOLDER]
    check.py --show NAME        what Fulcio answered to one case

Differences on purpose stand in allow*.json. Where the reason there begins with `refused:`, a clean refusal is demanded in
place of Fulcio's answer: 400 and code 3. The last line is `N passed, N failed`.
"""
import argparse, contextlib, gzip, importlib, io, json, os, re, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import run

GETS = {"get/trustBundle", "get/configuration", "get/rootCert", "get/healthz", "get/unknown", "cors/preflight"}
ANSWERS = {("base", "none"): "fulcio-none.json", ("base", "embedded"): "fulcio-embedded.json",
           ("more", "none"): "fulcio-none-more.json.gz"}
ALLOW = {"base": "allow.json", "more": "allow-more.json"}
MODULE = {"base": "cases", "more": "more"}


def load(name):
    path = os.path.join(HERE, name)
    with gzip.open(path, "rt", encoding="utf-8") if name.endswith(".gz") else open(path, encoding="utf-8") as f:
        return json.load(f)


def play(suite, binary, ct, out):
    """The answers of `binary`, and the names of the cases that were demanded."""
    cases = importlib.import_module(MODULE[suite]).CASES
    run.record(argparse.Namespace(binary=binary, out=out, ct=ct, only="", cases=[MODULE[suite]]))
    return {c.name for c in cases} | (GETS if suite == "base" else set())


def judge(suite, ct, names, out):
    """Prints the differences; answers how many cases passed and how many failed."""
    theirs, ours, allow = load(ANSWERS[suite, ct]), json.load(open(out)), load(ALLOW[suite])
    unrecorded = sorted(names - set(theirs))
    if unrecorded:
        raise SystemExit("no recorded answer for " + ", ".join(unrecorded[:5]))
    demanded = os.path.join(os.path.dirname(out), suite + "-demanded.json")
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
    return (answer.get("http") == 400 and answer.get("code") == 3) or answer.get("grpc") == "INVALID_ARGUMENT"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--binary")
    p.add_argument("--ct", nargs="+", default=["none", "embedded"], choices=["none", "embedded"])
    p.add_argument("--suite", nargs="+", default=["base", "more"], choices=["base", "more"])
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
    for suite, ct in ((suite, ct) for suite in a.suite for ct in a.ct if (suite, ct) in ANSWERS):
        out = os.path.join(folder, suite + "-%s.json" % ct)
        passed, failed = judge(suite, ct, play(suite, os.path.abspath(a.binary), ct, out), out)
        print("parity %s, --ct %s: %d equal, %d not" % (suite, ct, passed, failed), flush=True)
        totals = [totals[0] + passed, totals[1] + failed]
    print("%d passed, %d failed" % tuple(totals))
    return 1 if totals[1] or not totals[0] else 0


if __name__ == "__main__":
    sys.exit(main())
