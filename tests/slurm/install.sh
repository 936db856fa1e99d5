#!/bin/sh
# Installs what the tests of SLURM start: Debian's or Ubuntu's packages. Starts nothing.
set -eu
PATH=$PATH:/usr/sbin:/sbin
packages="slurmctld slurmd slurm-client munge"
absent=
for program in slurmctld slurmd sbatch munged; do
    command -v $program >/dev/null || absent="$absent $program"
done
[ -n "$absent" ] || exit 0

fail() { echo "error: SLURM is not installed (no$absent), and $1" >&2; exit 1; }
command -v apt-get >/dev/null || fail "there is no apt-get here; install SLURM and munge yourself"
if [ "$(id -u)" = 0 ]; then
    sudo=
elif command -v sudo >/dev/null; then
    sudo=sudo
else
    fail "this needs root or sudo: apt-get install $packages"
fi
echo "no$absent: runs ${sudo:+sudo }apt-get install $packages"
$sudo apt-get update -qq || echo "apt-get update failed; goes on with the lists that are there" >&2
# RUNLEVEL keeps the packages from starting daemons of their own where there is no systemd.
$sudo env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends $packages >/dev/null || fail "apt-get install $packages failed"
