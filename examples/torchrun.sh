#!/usr/bin/env bash
# Any command of tsdsl on all GPUs of this machine; the same again goes on after an interruption.
#
#   examples/torchrun.sh search std:auto_tsnet --data /data/kinetics --run runs/auto_tsnet
#   examples/torchrun.sh train runs/auto_tsnet --workers 8
#   PROCESSES=2 examples/torchrun.sh search std:tiny --data clips --device cpu    # without GPUs
#
# RESTARTS is how often torchrun starts all processes again when one dies; they go on from the last checkpoint.
set -euo pipefail

# `--` keeps torchrun from reading the command's own options: it would take --run for a short form of --run-path.
exec torchrun --standalone --nproc-per-node="${PROCESSES:-gpu}" --max-restarts="${RESTARTS:-3}" -m -- tsdsl "$@"
