#!/usr/bin/env bash
# A real certificate transparency log on loopback: TesseraCT (static CT API, POSIX storage), built from the Go registry.
#
#   tests/e2e/clients/tesseract.sh install                          builds .test-tools/bin/tesseract (a minute or two), once
#   tests/e2e/clients/tesseract.sh start CHAIN.pem FOLDER [PORT]    starts a new log in FOLDER that takes code-signing certificates
#                                                               below the last certificate of CHAIN.pem; PORT is 6962 by default
#   tests/e2e/clients/tesseract.sh stop FOLDER
#
# `start` ends when the log answers and prints what sigmint needs:
#   --ct-log-url http://127.0.0.1:PORT/test --ct-log-public-key-path FOLDER/log.pub.pem
# The entries are then under FOLDER/storage/tile; tests/e2e/clients/tesseract_entries.py reads them.
# Ends with 77 when there is no Go to build it with.
set -euo pipefail

version=v0.1.2
# v0.1.2 asks for development versions of its own libraries that the registry does not hand out. These are the released ones.
formats=v0.1.1 merkle=v0.0.2 tessera=v1.0.4

root="$(cd "$(dirname "$0")/../../.." && pwd)"
binary="$root/.test-tools/bin/tesseract"
stamp="$version formats $formats merkle $merkle tessera $tessera"

stop() {
    printf 'tesseract.sh: %s\n' "$*" >&2
    exit 1
}

install() {
    if [ -x "$binary" ] && [ "$(cat "$binary.version" 2>/dev/null)" = "$stamp" ]; then
        return
    fi
    if ! command -v go >/dev/null; then
        echo "tesseract.sh: no Go, no TesseraCT; install Go 1.26 or later to run this test" >&2
        exit 77
    fi
    local work module
    work="$(mktemp -d)"
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$work'" EXIT
    # `go install` would ask the registry for a list of versions that it may not have; a download asks for this one alone.
    (cd "$work" && go mod download -json "github.com/transparency-dev/tesseract@$version") >"$work/download.json" ||
        stop "the Go registry does not hand out TesseraCT $version"
    module="$(sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p' "$work/download.json")"
    cp -r "$module" "$work/source"
    chmod -R u+w "$work/source"
    # What the development version of tessera has and the release has not: tuning of the deduplication database.
    sed -i -e '/dgraph-io\/badger/d' -e 's/tposix_as\.DefaultCompactionInterval/5*time.Minute/' \
        -e '/^\t\tCompactionInterval:/d' -e '/^\t\tBadgerOptions:/,/^\t\t},$/d' \
        -e 's/^\tasOpts := /\t_, _ = antispamIndexCacheBytes, antispamBlockCacheBytes\n&/' \
        "$work/source/cmd/tesseract/posix/main.go"
    sed -i -e "/^\tgithub.com\/transparency-dev\/formats /s/ v.*/ $formats/" \
        -e "/^\tgithub.com\/transparency-dev\/merkle /s/ v.*/ $merkle/" \
        -e "/^\tgithub.com\/transparency-dev\/tessera /s/ v.*/ $tessera/" "$work/source/go.mod"
    mkdir -p "$(dirname "$binary")"
    (cd "$work/source" && go build -mod=mod -o "$binary" ./cmd/tesseract/posix) || stop "TesseraCT does not build"
    echo "$stamp" >"$binary.version"
}

start() {
    local chain="$1" folder="$2" port="${3:-6962}"
    install
    mkdir -p "$folder"
    [ ! -e "$folder/storage" ] || stop "$folder has a log already"
    openssl ecparam -name prime256v1 -genkey -noout -out "$folder/log.key.pem"
    openssl pkey -in "$folder/log.key.pem" -pubout -out "$folder/log.pub.pem"
    # The log checks chains up to a root: the last certificate.
    awk '/-----BEGIN CERTIFICATE-----/ { text = "" } { text = text $0 "\n" } END { printf "%s", text }' "$chain" >"$folder/roots.pem"
    mkdir "$folder/storage"
    # Not the default 1500 ms between checkpoints, which every submission waits for. The limit for old entries is off: a CA that
    # backdates is none of its business.
    setsid "$binary" --http_endpoint="127.0.0.1:$port" --origin=127.0.0.1/test --path_prefix=test \
        --private_key="$folder/log.key.pem" --roots_pem_file="$folder/roots.pem" --storage_dir="$folder/storage" \
        --ext_key_usages=CodeSigning --checkpoint_interval=200ms --batch_max_age=50ms \
        --antispam_index_cache_size=16MB >"$folder/log.txt" 2>&1 </dev/null &
    echo $! >"$folder/pid"
    for _ in $(seq 100); do
        if python3 - "http://127.0.0.1:$port/test/ct/v1/get-roots" <<'END' 2>/dev/null; then
import sys, urllib.request
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=1).read()
END
            echo "--ct-log-url http://127.0.0.1:$port/test --ct-log-public-key-path $folder/log.pub.pem"
            return
        fi
        kill -0 "$(cat "$folder/pid")" 2>/dev/null || break
        sleep 0.1
    done
    tail -5 "$folder/log.txt" >&2
    stop_log "$folder"
    stop "the log does not answer on port $port"
}

stop_log() {
    local pid
    pid="$(cat "$1/pid" 2>/dev/null)" || return 0
    rm -f "$1/pid"
    kill "$pid" 2>/dev/null || true
}

case "${1:-} $#" in
    "install 1") install ;;
    "start 3" | "start 4") shift && start "$@" ;;
    "stop 2") stop_log "$2" ;;
    *) sed -n '2,11s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
