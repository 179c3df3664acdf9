#!/bin/sh
# Starts `sigmint dev --ci` in the background of a CI job and waits until it serves. It ends with the job, or by `kill "$SIGMINT_DEV_PID"`.
#
#   start.sh FOLDER [FLAG..]      $SIGMINT is the program, by default sigmint; the flags are those of `sigmint dev`
#
# The rest of a job reads FOLDER/sigmint-dev.env (set -a; . FOLDER/sigmint-dev.env; set +a); in GitHub Actions the later steps have it already.
set -eu
folder="$1"
shift
mkdir -p "$(dirname "$folder")"
rm -f "$folder/sigmint-dev.env"
nohup "${SIGMINT:-sigmint}" dev --ci --dir "$folder" "$@" >"$folder.log" 2>&1 </dev/null &
started=$!
tries=0
until [ -f "$folder/sigmint-dev.env" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 600 ] || ! kill -0 "$started" 2>/dev/null; then
        cat "$folder.log" >&2
        kill "$started" 2>/dev/null || true
        exit 1
    fi
    sleep 0.05
done
