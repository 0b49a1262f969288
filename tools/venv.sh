#!/bin/sh
# Makes the virtual environment $1 with a Python that fits, or says in one line what is missing.
# `activate` is written last: without it, an environment was left half made and is made anew.
set -eu
venv=$1
need=1000000 # kB that the smallest set of packages and the demo's files take
fail() { echo "error: $*" >&2; exit 1; }

free=$(df -Pk . | awk 'NR == 2 { print $4 }')
test "$free" -ge $need ||
    fail "got $((free / 1000)) MB of free disk for $venv, expected $((need / 1000)) MB; free some" \
        "or put the repository on another disk"

others='' bare=''
for python in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case $version in
        3.11 | 3.12 | 3.13) ;;
        *) others="$others, $python is $version" && continue ;;
    esac
    "$python" -c 'import ensurepip, venv' 2>/dev/null || { bare=$version && continue; }
    said=$("$python" -m venv --clear "$venv" 2>&1) && exit 0
    rm -rf "$venv"
    fail "got no $venv from $python ($(echo "$said" | tail -n 1)), expected a virtual environment;" \
        "mend that and try again"
done
test -z "$bare" ||
    fail "got Python $bare without its venv module, expected it; apt-get install python$bare-venv"
fail "got no Python 3.11 to 3.13${others:+ ($(echo "$others" | cut -c 3-))}, expected one on the PATH;" \
    "apt-get install python3.11-venv (or 3.12, 3.13), or name one: make PYTHON=/path/to/python3 demo"
