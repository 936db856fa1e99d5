#!/bin/bash
# First call, about 4 min 30 s: is the CUDA path right, and how fast is each network.
. bench/gpu/common.sh
{
    nvidia-smi -L
    nvidia-smi --query-gpu=driver_version,memory.total,clocks.sm --format=csv
    python3 -c "import sys, torch; print(sys.version, torch.__version__, torch.version.cuda, torch.backends.cudnn.version())"
    git rev-parse HEAD
    which gcc nvcc
} 2>&1 | tee "$OUT/machine.txt"
at "tests/gpu"
limited "${TESTS:-130}" python3 -m pytest tests/gpu -q -p no:cacheprovider --durations 8 --junitxml "$OUT/gpu-tests.xml" \
    -k "not compiling" > "$OUT/gpu-tests.txt" 2>&1
grep -E "^(FAILED|ERROR)|passed|failed|skipped" "$OUT/gpu-tests.txt"
at "probe"
limited "${PROBE:-100}" python3 bench/gpu/probe.py "$OUT/probe.jsonl" --seconds 80 --device "$DEVICE" ${PROBE_OPTIONS:---compile resnet18}
[ -f "$OUT/probe.jsonl" ] && cp "$OUT/probe.jsonl" results/probe.jsonl
at "bench"
limited "${BENCH:-75}" python3 -m bench --only training ${BENCH_OPTIONS:---networks resnet18 densenet mobilenet --images 6400 --repeats 3 --threads 8} \
    --compile never --device "$DEVICE" --folder "$OUT" > "$OUT/bench.txt" 2> "$OUT/bench.err"
tail -12 "$OUT/bench.txt"
at "done"
