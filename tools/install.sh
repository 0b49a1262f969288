#!/bin/sh
# Installs the arguments after $1, by pip, into the virtual environment $1, or says in one line why not.
set -eu
venv=$1
shift
pip=$venv/bin/pip
echo "Installing packages into $venv; pip says nothing until it is done, in a minute or more."
said=$("$pip" install --quiet --disable-pip-version-check --constraint constraints.txt "$@" 2>&1) && exit 0
fail() { echo "error: $*" >&2; exit 1; }

case $said in
    *'No space left on device'* | *'Disk quota exceeded'*)
        fail "got a full disk below $PWD or ${TMPDIR:-/tmp}, expected room for $venv;" \
            "free some, or set TMPDIR, and try again"
        ;;
    *'Cannot connect to proxy'* | *'ProxyError'*)
        fail "got no answer from the proxy that https_proxy or pip's configuration names, expected" \
            "a way to the package index; set https_proxy to one that answers, or unset it"
        ;;
    *'Retry(total=0'*)
        fail "got no answer from the package index, expected a network to install from; connect," \
            "set https_proxy, or name a mirror by PIP_INDEX_URL, and try again"
        ;;
esac
echo "$said" >&2
fail "got the above from pip, expected packages in $venv; mend that and try again"
