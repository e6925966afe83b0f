#!/usr/bin/env bash
# fuzz.sh SECONDS LAYOUT...: run each fuzz target for so long, from a corpus of
# the payloads that the unit tests write. One TAP line a target; a crashing
# input is kept as build/crash-*.
set -eu
seconds=$1
shift

echo "1..$#"

# Print nothing and keep the log, or give what was wrong.
fuzz() {
	local layout=$1 runs
	mkdir -p "build/corpus_$layout" "build/seeds_$layout"
	build/unit --seeds "$layout" "build/seeds_$layout"
	if "build/fuzz_$layout" -max_total_time="$seconds" -max_len=4096 -print_final_stats=1 \
		-artifact_prefix=build/crash- "build/corpus_$layout" "build/seeds_$layout" >"build/fuzz_$layout.log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz_$layout.log")
		[ "${runs:-0}" -lt 20000 ] || return 0
		echo "# only ${runs:-no} inputs in $seconds seconds"
	else
		tail -n 40 "build/fuzz_$layout.log" | sed 's/^/# /'
	fi
	return 1
}

# One target for each core at a time
cores=$(nproc)
for layout in "$@"; do
	while [ "$(jobs -rp | wc -l)" -ge "$cores" ]; do wait -n || true; done
	{ fuzz "$layout" >"build/fuzz_$layout.result" || echo "not ok" >>"build/fuzz_$layout.result"; } &
done
wait

failed=0
number=0
for layout in "$@"; do
	number=$((number + 1))
	if [ -s "build/fuzz_$layout.result" ]; then
		grep '^#' "build/fuzz_$layout.result" || true
		echo "not ok $number - fuzz $layout"
		failed=1
	else
		echo "ok $number - fuzz $layout: $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz_$layout.log") inputs"
	fi
done
exit $failed
