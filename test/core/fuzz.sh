#!/usr/bin/env bash
# fuzz.sh SECONDS LAYOUT...: run each fuzz target for so long, from a corpus of
# the payloads that the unit tests write. One TAP line a target; a crashing
# input is kept as build/crash-*.
set -eu
seconds=$1
shift

echo "1..$#"
failed=0
number=0
for layout in "$@"; do
	number=$((number + 1))
	mkdir -p "build/corpus_$layout" "build/seeds_$layout"
	build/unit --seeds "$layout" "build/seeds_$layout"
	if "build/fuzz_$layout" -max_total_time="$seconds" -max_len=4096 -print_final_stats=1 \
		-artifact_prefix=build/crash- "build/corpus_$layout" "build/seeds_$layout" >"build/fuzz_$layout.log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz_$layout.log")
		if [ "${runs:-0}" -ge 20000 ]; then
			echo "ok $number - fuzz $layout: $runs inputs"
			continue
		fi
		echo "# only ${runs:-no} inputs in $seconds seconds"
	else
		tail -n 40 "build/fuzz_$layout.log" | sed 's/^/# /'
	fi
	echo "not ok $number - fuzz $layout"
	failed=1
done
exit $failed
