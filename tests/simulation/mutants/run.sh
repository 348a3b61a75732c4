#!/bin/sh
# Plants each mutant in a copy of the source, searches until an invariant is broken, and prints which invariant and after how many schedules.
# With `--check`: only whether every patch still applies. With names: only these mutants.
set -eu
cd "$(dirname "$0")/../../.."
root=$PWD
mutants=$root/tests/simulation/mutants
# A target directory of its own: in a shared one cargo takes what was built from the copy for what would be built from here.
target=${CARGO_TARGET_DIR:-$root/target}/mutants
copy=$target/source

if [ "${1:-}" = --check ]; then
    for patch in "$mutants"/*.patch; do
        git apply --check "$patch" || { echo "mutants: $patch no longer applies: make it again from the present source"; exit 1; }
        name=$(basename "$patch" .patch)
        grep -q "^    $name " docs/simulation.md || { echo "mutants: docs/simulation.md has no row of $name: make mutants MUTANTS=$name prints it"; exit 1; }
    done
    echo "mutants: $(ls "$mutants"/*.patch | wc -l) patches apply"
    exit 0
fi

names=${*:-$(cd "$mutants" && ls ./*.patch | sed 's|^\./||; s|\.patch$||')}
rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- | tar --extract --directory="$copy"
missed=0
printf '%-28s %-12s %10s  %s\n' mutant invariant schedules schedule
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
    printf '%-28s %-12s %10s  %s\n' "$name" "${invariant%%:*}" "$count" "$schedule"
done
[ "$missed" = 0 ] || { echo "$missed mutants were not caught: the search or the oracle must improve"; exit 1; }
