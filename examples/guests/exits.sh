#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# exits.sh VMMU-RUN KERNEL [ARGUMENTS]: the guest on every backend, and what the hypervisor had to do
# for it, side by side.  Fails if the guest could tell the backends apart, or if a count is not
# where it belongs: shadow paging sees the guest's page faults and CR3 loads, nested paging does not.
run=$1
shift
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
columns="native:4K shadow:4K shadow:2M nested-npt:4K nested-npt:2M nested-ept:4K nested-ept:2M"
for column in $columns; do
	timeout 120 "$run" --stats --backend "${column%:*}" --host-page "${column#*:}" "$@" \
		>"$dir/$column" 2>"$dir/$column.stats" </dev/null
	status=$?
	test $status -eq 1 || { cat "$dir/$column.stats"; echo "$column: status $status"; exit 1; }
	cmp "$dir/native:4K" "$dir/$column" || exit 1
done
cat "$dir/native:4K"
cd "$dir" || exit 1
set --
for column in $columns; do set -- "$@" "$column.stats"; done
awk '
	FNR == 1 { columns++; name[columns] = substr(FILENAME, 1, length(FILENAME) - 6)
		sub(/:/, " ", name[columns]) }
	/^  / && NF == 2 { if (!($1 in seen)) { seen[$1] = 1; reason[++reasons] = $1 }
		count[$1, columns] = $2; total[columns] += $2 }
	END {
		printf "%-15s", "exits"
		for (c = 1; c <= columns; c++) printf " %13s", name[c]
		printf "\n"
		for (r = 1; r <= reasons; r++) {
			printf "  %-13s", reason[r]
			for (c = 1; c <= columns; c++) {
				n = count[reason[r], c]
				printf " %13s", n ? n : "-"
				if (reason[r] ~ /^(cr_write|guest_pf|shadow_miss|pt_write)$/ &&
				    !n != (name[c] !~ /^shadow/))
					wrong = wrong "\n" name[c] ": " reason[r]
				if (reason[r] ~ /^(npf|ept_violation)$/ && n && name[c] !~ /^nested/)
					wrong = wrong "\n" name[c] ": " reason[r]
			}
			printf "\n"
		}
		printf "  %-13s", "all"
		for (c = 1; c <= columns; c++) {
			printf " %13d", total[c]
			if (!total[c] != (name[c] ~ /^native/)) wrong = wrong "\n" name[c] ": all"
		}
		printf "\n"
		if (wrong != "") { print "wrong:" wrong; exit 1 }
	}' "$@"
