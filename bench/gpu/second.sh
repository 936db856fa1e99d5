#!/bin/bash
# Second call: the study of six architectures in the SECONDS that are left (first argument), its table and its report.
. bench/gpu/common.sh
left=$1
cp bench/gpu/strips.py workflow/scripts/kd/datasets/strips.py # a data set of this machine alone
strips=$(ls results/strips/train/*/*.webp | wc -l)
python3 bench/gpu/plan.py results/probe.jsonl $((left - 45)) "$strips" config/lent.yaml ${PLAN_OPTIONS:-} || exit 3
cat config/lent.yaml
run() {
    local more=$((left - 25 - (SECONDS - began)))
    [ "$more" -gt 5 ] || return 1
    timeout "$more" python3 -m snakemake "$@" --cores "$(nproc)" --resources gpu=3 --scheduler greedy --keep-going \
        --configfile config/lent.yaml ${STUDY_OPTIONS:-} >> "$OUT/snakemake.txt" 2>&1
    tail -2 "$OUT/snakemake.txt"
}
run results/lent/table.csv # the trainings alone; diagnoses, latencies and the report with what is left
at "table"
[ $((SECONDS - began)) -lt $((left - 60)) ] && run
grep -rh "done: test accuracy" results/lent/logs 2> /dev/null
cat results/lent/table.md 2> /dev/null
cp results/lent/report.html results/lent/table.csv results/lent/table.md config/lent.yaml "$OUT/" 2> /dev/null
tar czf "$OUT/study.tgz" --exclude=model.safetensors --exclude=table --exclude=data --exclude=work results/lent
at "done"
