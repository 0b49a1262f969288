#!/bin/sh
# The challenge's entry point.
cd "$(dirname "$0")" || exit
exec python predict.py
