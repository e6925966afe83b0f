#!/usr/bin/env bash
# fuzz.sh SECONDS TARGET...: run each fuzz target for SECONDS seconds, starting from the payloads or
# files that the unit tests write, and print one TAP line for each target. An input that crashes a
# target is kept as build/crash-*.
set -eu
seconds=$1
shift

echo "1..$#"

# Run one target and keep its log. Print nothing on success, otherwise the failure.
fuzz() {
	local target=$1 runs
	mkdir -p "build/corpus_$target" "build/seeds_$target"
	build/unit --seeds "$target" "build/seeds_$target"
	if "build/fuzz_$target" -max_total_time="$seconds" -max_len=4096 -print_final_stats=1 \
		-artifact_prefix=build/crash- "build/corpus_$target" "build/seeds_$target" >"build/fuzz_$target.log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz_$target.log")
		[ "${runs:-0}" -lt 20000 ] || return 0
		echo "# only ${runs:-no} inputs in $seconds seconds"
	else
		tail -n 40 "build/fuzz_$target.log" | sed 's/^/# /'
	fi
	return 1
}

# Run at most one target for each processor core at a time.
cores=$(nproc)
for target in "$@"; do
	while [ "$(jobs -rp | wc -l)" -ge "$cores" ]; do wait -n || true; done
	{ fuzz "$target" >"build/fuzz_$target.result" || echo "not ok" >>"build/fuzz_$target.result"; } &
done
wait

failed=0
number=0
for target in "$@"; do
	number=$((number + 1))
	if [ -s "build/fuzz_$target.result" ]; then
		grep '^#' "build/fuzz_$target.result" || true
		echo "not ok $number - fuzz $target"
		failed=1
	else
		echo "ok $number - fuzz $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz_$target.log") inputs"
	fi
done
exit $failed
