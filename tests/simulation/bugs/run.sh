#!/bin/sh
# Plants each bug in a copy of the source, searches until a law is broken, and prints which law and after how many schedules.
# With `--check`: only whether every patch still applies. With names: only these bugs.
set -eu
cd "$(dirname "$0")/../../.."
root=$PWD
bugs=$root/tests/simulation/bugs
# A target directory of its own: in a shared one cargo takes what was built from the copy for what would be built from here.
target=${CARGO_TARGET_DIR:-$root/target}/bugs
copy=$target/source

if [ "${1:-}" = --check ]; then
    for patch in "$bugs"/*.patch; do
        git apply --check "$patch" || { echo "bugs: $patch no longer applies: make it again from the present source"; exit 1; }
        name=$(basename "$patch" .patch)
        grep -q "^    $name " docs/proof.md || { echo "bugs: docs/proof.md has no row of $name: make bugs BUGS=$name prints it"; exit 1; }
    done
    echo "bugs: $(ls "$bugs"/*.patch | wc -l) patches apply"
    exit 0
fi

names=${*:-$(cd "$bugs" && ls ./*.patch | sed 's|^\./||; s|\.patch$||')}
rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- | tar --extract --directory="$copy"
missed=0
printf '%-28s %-12s %10s  %s\n' bug law schedules schedule
for name in $names; do
    (cd "$copy" && GIT_CEILING_DIRECTORIES=$target git apply "$bugs/$name.patch" &&
        CARGO_TARGET_DIR=$target cargo build --quiet --locked --profile proof -p slacktrail-simulation --bin proof)
    result=$("$target/proof/proof" probe | tail -1) || true
    kept=$(printf %s "$result" | cut -d'|' -f1)
    count=$(printf %s "$result" | cut -d'|' -f2)
    law=$(printf %s "$result" | cut -d'|' -f3)
    schedule=$(printf %s "$result" | cut -d'|' -f4)
    [ "$kept" = caught ] || { missed=$((missed + 1)); law=MISSED; }
    (cd "$copy" && GIT_CEILING_DIRECTORIES=$target git apply --reverse "$bugs/$name.patch")
    printf '%-28s %-12s %10s  %s\n' "$name" "${law%%:*}" "$count" "$schedule"
done
[ "$missed" = 0 ] || { echo "$missed bugs were not caught: the search or the oracle must improve"; exit 1; }
