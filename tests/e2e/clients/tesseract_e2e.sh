#!/usr/bin/env bash
# `sigmint serve` with a real certificate transparency log: what TesseraCT has written equals what sigmint has sent, the
# certificates carry its timestamps, and without the log there is no certificate. `sigmint audit reconcile` finds the certificate that
# somebody else signed with the CA's key, and nothing before there is one.
#
#   tests/e2e/clients/tesseract_e2e.sh [BINARY]        default: target/release/sigmint
#
# Needs Go, openssl and Python; ends with 77 when there is no Go. The last line is `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/../../.."

binary="$(realpath "${1:-target/release/sigmint}")"
certificates=8
passed=0
failed=0
work="$(mktemp -d)"
children=()

say() { printf '\n== %s\n' "$*"; }
# expect TEXT COMMAND.. - counts whether the command succeeds; shows what it said when not.
expect() {
    local text="$1"
    shift
    if "$@" >"$work/out" 2>&1; then
        passed=$((passed + 1))
        echo "ok: $text"
    else
        failed=$((failed + 1))
        cat "$work/out"
        echo "FAILED: $text"
    fi
}
stop() {
    echo "tesseract_e2e.sh: $*" >&2
    exit 1
}
end() {
    tests/e2e/clients/tesseract.sh stop "$work/log" || true
    for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
    rm -rf "$work"
}
trap end EXIT

# wait_for PATTERN FILE PID - until a line of the file is as the pattern says.
wait_for() {
    for _ in $(seq 100); do
        grep -q "$1" "$2" && return
        kill -0 "$3" 2>/dev/null || break
        sleep 0.1
    done
    cat "$2" >&2
    stop "no line like '$1'"
}

ports() {
    python3 -c 'import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
print(*(s.getsockname()[1] for s in sockets))'
}

request() { "$binary" request --url "http://127.0.0.1:$port" --token "@$work/issuer/identity-token" --out "$1" 2>&1; }
# refused TEXT - no certificate comes, and the client is told this.
refused() {
    local said
    if said="$(request "$work/none")"; then return 1; fi
    echo "$said"
    [ ! -e "$work/none/chain.pem" ] && [[ "$said" == *"$1"* ]]
}
inspect() { "$binary" inspect --ct-log-key "$work/log/log.pub.pem" "$1/chain.pem" | grep ': the signature is right'; }

# The log's files, as a web server shows them, beside the audit log.
reconcile() {
    "$binary" audit reconcile --ct-log "http://127.0.0.1:$files_port" --ct-log-public-key-path "$work/log/log.pub.pem" \
        --chain "$work/ca/chain.pem" --metrics "$work/reconcile.prom" "$@" "$work/audit"
}
# ends_with CODE COMMAND.. - whether the command ends with this exit code.
ends_with() {
    local code="$1" status=0
    shift
    "$@" || status=$?
    [ "$status" -eq "$code" ]
}
shows() { grep -qF -- "$1" "$2"; }

[ -x "$binary" ] || stop "$binary is not there; build it: cargo build --release"
read -r port grpc_port metrics_port log_port files_port < <(ports)

say "TesseraCT"
tests/e2e/clients/tesseract.sh install

say "CA, log, issuer, server"
mkdir "$work/audit"
password="$(openssl rand -hex 16)"
CERTS_PASSWORD="$password" certs/generate.sh "$work/ca" >/dev/null
read -r -a log_flags < <(tests/e2e/clients/tesseract.sh start "$work/ca/chain.pem" "$work/log" "$log_port" | tail -1)
"$binary" dev --issuer-only --issuer-port 0 --dir "$work/issuer" >"$work/issuer.txt" 2>&1 &
children+=($!)
wait_for '^Serving ' "$work/issuer.txt" $!
FULCIO_SERVE_FILECA_KEY_PASSWD="$password" "$binary" serve --ca fileca --fileca-cert "$work/ca/chain.pem" \
    --fileca-key "$work/ca/intermediate.key" --config-path "$work/issuer/issuers.yaml" --host 127.0.0.1 --port "$port" \
    --grpc-host 127.0.0.1 --grpc-port "$grpc_port" --metrics-port "$metrics_port" --audit-path "$work/audit/audit.jsonl" \
    "${log_flags[@]}" >"$work/serve.txt" 2>&1 &
children+=($!)
server=$!
wait_for listening "$work/serve.txt" "$server"

say "Certificates"
for number in $(seq "$certificates"); do
    expect "certificate $number is issued" request "$work/$number"
    expect "certificate $number has the log's timestamp" inspect "$work/$number"
done
expect "every entry read back equals what was sent" python3 tests/e2e/clients/tesseract_entries.py "$work/log/storage" \
    --issuer "$work/ca/chain.pem" $(seq -f "$work/%g/chain.pem" "$certificates")

say "The log beside the audit log"
python3 -m http.server --bind 127.0.0.1 "$files_port" --directory "$work/log/storage" >"$work/files.txt" 2>&1 &
children+=($!)
for _ in $(seq 100); do
    (exec 3<>"/dev/tcp/127.0.0.1/$files_port") 2>/dev/null && break
    sleep 0.1
done
expect "every certificate in the log is recorded" reconcile --state "$work/state.json"
expect "all of them were compared" shows 'entries{kind="recorded"} '"$certificates" "$work/reconcile.prom"
serial="$(CERTS_PASSWORD="$password" tests/e2e/audit/steal.sh "$work/ca" "http://127.0.0.1:$log_port/test" thief@example.com)"
for more in "--state $work/state.json" ""; do
    # shellcheck disable=SC2086 # two words, or none
    expect "a certificate signed with the CA's key behind the server's back ends with 3${more:+, also in a later run}" \
        ends_with 3 reconcile --json $more
    cp "$work/out" "$work/found"
    for words in '"kind": "no_record"' "\"serial\": \"$serial\"" '"value": "thief@example.com"' "\"index\": $certificates" '"signedByUs": "yes"'; do
        expect "what is found says $words" shows "$words" "$work/found"
    done
done
expect "the metric says so" shows 'findings{kind="no_record"} 1' "$work/reconcile.prom"

say "Without the log"
tests/e2e/clients/tesseract.sh stop "$work/log"
expect "no certificate leaves, and the client is told in Fulcio's words" refused "Error entering certificate in CTL"
expect "the log line names the log" grep -q "127.0.0.1:$log_port" "$work/serve.txt"

kill -TERM "$server"
expect "sigmint serve ends with 0" wait "$server"

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
