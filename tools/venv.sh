#!/bin/sh
# Makes the virtual environment $1 with a Python that fits, or says in one line what is missing.
set -eu
for python in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
        if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            exec "$python" -m venv "$1"
        fi
        echo "error: got $python without its venv module, expected Python 3.11 to 3.13 with it;" \
            "apt-get install python3-venv" >&2
        exit 1
    fi
done
echo "error: got no Python 3.11 to 3.13, expected one on the PATH; apt-get install python3-venv," \
    "or name one: make PYTHON=/path/to/python3" >&2
exit 1
