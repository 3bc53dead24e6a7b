#!/usr/bin/env bash
# Trains on the machines of a DeepSpeed hostfile (lines `host slots=8`), reached by pdsh and ssh:
# launchers/hosts.sh HOSTFILE RECIPE [--tiny] [section.key=value ...]
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: $0 HOSTFILE RECIPE [--tiny] [section.key=value ...]" >&2
    exit 2
fi
hostfile=$1
shift
# Not `deepspeed` itself: it makes shell text of words and of the hostfile's names.
exec python -m zoo launch --with deepspeed --hostfile "$hostfile" "$@"
