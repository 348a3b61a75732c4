#!/bin/sh
# Applies each mutant to a copy of the source, searches until the simulation violates an invariant, and prints the invariant and the number
# of schedules. Arguments select mutants by name. With `--check`, only checks that every patch still applies.
set -eu
cd "$(dirname "$0")/../../.."
root=$PWD
mutants=$root/tests/simulation/mutants
# Use a separate target directory. In a shared one, cargo confuses builds of the copy with builds of this source.
target=${CARGO_TARGET_DIR:-$root/target}/mutants
copy=$target/source

if [ "${1:-}" = --check ]; then
    for patch in "$mutants"/*.patch; do
        git apply --check "$patch" || { echo "mutants: $patch no longer applies; create it again from the current source"; exit 1; }
        name=$(basename "$patch" .patch)
        grep -q "^    $name " docs/simulation.md || { echo "mutants: docs/simulation.md has no row for $name; \`make mutants MUTANTS=$name\` prints it"; exit 1; }
    done
    echo "mutants: $(ls "$mutants"/*.patch | wc -l) patches apply"
    exit 0
fi

names=${*:-$(cd "$mutants" && ls ./*.patch | sed 's|^\./||; s|\.patch$||')}
# Extract with new modification times, or cargo takes what it built from a mutant of an interrupted run for up to date.
rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- | tar --extract --touch --directory="$copy"
missed=0
printf '%-36s %-16s %9s  %s\n' mutant invariant schedules schedule
for name in $names; do
    (cd "$copy" && GIT_CEILING_DIRECTORIES=$target git apply "$mutants/$name.patch" &&
        CARGO_TARGET_DIR=$target cargo build --quiet --locked --profile simulation -p slacktrail-simulation --bin simulate)
    result=$("$target/simulation/simulate" probe | tail -1) || true
    kept=$(printf %s "$result" | cut -d'|' -f1)
    count=$(printf %s "$result" | cut -d'|' -f2)
    invariant=$(printf %s "$result" | cut -d'|' -f3)
    schedule=$(printf %s "$result" | cut -d'|' -f4)
    [ "$kept" = caught ] || { missed=$((missed + 1)); invariant=MISSED; }
    (cd "$copy" && GIT_CEILING_DIRECTORIES=$target git apply --reverse "$mutants/$name.patch")
    printf '%-36s %-16s %9s  %s\n' "$name" "${invariant%%:*}" "$count" "$schedule"
done
[ "$missed" = 0 ] || { echo "$missed mutants were missed; improve the search or the oracle"; exit 1; }
