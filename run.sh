#!/bin/sh
# The challenge's entry point.
exec python predict.py
