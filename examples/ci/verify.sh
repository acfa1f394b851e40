#!/bin/sh
# Judges info-bundles in any pipeline, and says in its exit status what became of
# them. Two reports are left in $REPORTS: one for people and machines (JSON), one
# for the pipeline's own display of tests (JUnit).
#
#   POLICY=swptpeer.toml REPORTS=reports sh verify.sh bundles/ [more...]
#
# The arguments are files, folders and https addresses, and never flags: names
# that match a pattern may be anything.
#
# Exit status: that of swptpeer. 0 all accepted; 1 one was refused; 2 wrong usage;
# 3 something could not be read; 4 no connection to an address; 5 interrupted, or an
# address took too long.
set -eu

SWPTPEER=${SWPTPEER:-swptpeer}
REPORTS=${REPORTS:-.}
[ $# -gt 0 ] || set -- .
set -- -- "$@"
if [ -n "${POLICY:-}" ]; then
	set -- --policy "$POLICY" "$@"
fi

mkdir -p "$REPORTS"
"$SWPTPEER" bundle verify --format json "$@" >"$REPORTS/swptpeer.json" 2>/dev/null || :
"$SWPTPEER" bundle verify --format junit "$@" >"$REPORTS/swptpeer-junit.xml" 2>/dev/null || :
exec "$SWPTPEER" bundle verify --quiet "$@"
