#!/bin/sh
# Installs the browser that the tests of pages drive: Debian's Chromium. Where it cannot, it says so and ends well,
# because those tests are then skipped with their reason.
set -eu
for program in chromium chromium-browser google-chrome; do
    command -v $program >/dev/null && exit 0
done

skip() { echo "no Chromium, and $1; the tests in a browser will be skipped" >&2; exit 0; }
command -v apt-get >/dev/null || skip "there is no apt-get here"
if [ "$(id -u)" = 0 ]; then
    sudo=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo=sudo
else
    skip "installing it (apt-get install chromium) needs root"
fi
echo "no Chromium: runs ${sudo:+sudo }apt-get install chromium"
$sudo apt-get update -qq || echo "apt-get update failed; goes on with the lists that are there" >&2
$sudo env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends chromium >/dev/null || skip "apt-get install chromium failed"
