# What both calls begin with. OUT: the folder whose files come back. LENT_DEVICE=cpu rehearses without a GPU.
set -u
export PYTHONUNBUFFERED=1 SITE=${SITE:-/tmp/site} DEVICE=${LENT_DEVICE:-cuda}
began=$SECONDS
if [ ! -d "$SITE/snakemake" ] && ls .lent/wheels/*.whl > /dev/null 2>&1; then
    python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$SITE" .lent/wheels/*.whl || exit 3
fi
export PYTHONPATH=$SITE:workflow/scripts:.
mkdir -p results/strips && cp -r .lent/strips/. results/strips/ # beside those of the first call, if it is the same machine
[ -f .lent/probe.jsonl ] && cp .lent/probe.jsonl results/probe.jsonl
# limited SECONDS COMMAND...: ended after so many seconds; 0 leaves it out (for timeout it would mean no limit).
limited() {
    if [ "$1" = 0 ]; then echo "left out"; else timeout "$@"; fi
}
at() { echo "== $1, at $((SECONDS - began)) s"; }
