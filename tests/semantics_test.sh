#!/usr/bin/env bash
# SEMANTICS.md has a row for every rule, and names tests that exist.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# The groups of rules in the order of the table, and how they are numbered.
declare -A numbers=([GS]="$(seq -s ' ' 16)" [NG]="$(seq -s ' ' 9) $(seq -s ' ' 20 25)" [PO]="$(seq -s ' ' 10)"
	[DR]="$(seq -s ' ' 7) $(seq -s ' ' 10 18)" [OR]="$(seq -s ' ' 16)"
	[MC]="$(seq -s ' ' 10) $(seq -s ' ' 20 25) $(seq -s ' ' 30 34)" [P2]="$(seq -s ' ' 8)" [IP]="$(seq -s ' ' 7)"
	[SV]="$(seq -s ' ' 12)" [E]="$(seq -s ' ' 20)")
ids=()
for group in GS NG PO DR OR MC P2 IP SV E; do
	for number in ${numbers[$group]}; do
		ids+=("$group-$number")
	done
done
exec "$here/claims.sh" "$here/SEMANTICS.md" "${ids[@]}"
