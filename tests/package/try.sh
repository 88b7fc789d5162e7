#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs, upgrades, removes and purges the package in a clean Debian root: try.sh PACKAGE. `./dev package` calls it.
set -euo pipefail
package=$(readlink -f "$1")
root=$(mktemp -d /var/tmp/mailspur-package.XXXXXX)
chmod 755 "$root"

say() { printf 'package: %s\n' "$*"; }
die() { printf 'package: FAILED: %s\n' "$*" >&2; exit 1; }
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
clean() {
    umount -l "$root/proc" "$root/dev" 2>/dev/null || true
    rm -rf "$root"
}
trap clean EXIT

# The daemons as the units run them, until their sockets are there.
start_daemons() {
    install -d -o "$1" -g "$1" -m 755 "$root/run/mailspur"
    inside setpriv --reuid mailspur --regid mailspur --init-groups mailspurd > "$root/tmp/mailspurd.log" 2>&1 &
    inside setpriv --reuid mailspur-milter --regid mailspur-milter --init-groups mailspur-milter \
        > "$root/tmp/milter.log" 2>&1 &
    for _ in $(seq 100); do
        inside mailspur status > /dev/null 2>&1 && [ -S "$root/var/spool/postfix/mailspur/milter.sock" ] && return
        sleep 0.1
    done
    cat "$root"/tmp/*.log >&2
    die "the daemons do not start"
}
stop_daemons() {
    pkill -TERM -f "^mailspurd$" || true
    pkill -TERM -f "^mailspur-milter$" || true
    wait
}

say "a clean root"
debootstrap --variant=minbase bookworm "$root" > /tmp/mailspur-package.log 2>&1 || die "see /tmp/mailspur-package.log"
cp -r /etc/apt/. "$root/etc/apt/" && cp /etc/resolv.conf "$root/etc/"
mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev"
inside apt-get -q update > /dev/null 2>&1

say "install"
cp "$package" "$root/tmp/mailspur.deb"
inside apt-get -q -y install --no-install-recommends /tmp/mailspur.deb >> /tmp/mailspur-package.log 2>&1 ||
    die "see /tmp/mailspur-package.log"
inside mkdir -p /var/spool/postfix && inside dpkg-reconfigure mailspur > /dev/null 2>&1 || true
inside mailspur config check || die "the configuration as shipped has mistakes"
[ "$(inside stat -c %U:%G:%a /etc/mailspur/mailspur.yaml)" = root:mailspur:640 ] || die "rights of mailspur.yaml"
inside id mailspur-milter | grep -q mailspur || die "the milter's user"
for page in 1/mailspur.1 8/mailspurd.8 8/mailspur-milter.8; do
    [ -e "$root/usr/share/man/man$page" ] || [ -e "$root/usr/share/man/man$page.gz" ] || die "no $page"
done

say "run"
install -d -o "$(inside id -u mailspur)" -g "$(inside id -g mailspur)" -m 700 "$root/var/lib/mailspur"
install -d -o "$(inside id -u mailspur)" -g "$(inside id -g mailspur-milter)" -m 3771 "$root/var/spool/postfix/mailspur"
start_daemons "$(inside id -u mailspur)"
inside mailspur domain add client.example > /dev/null || die "domain add"

say "upgrade"
echo "# the operator's own line" >> "$root/etc/mailspur/mailspur.yaml"
inside apt-get -q -y install --reinstall /tmp/mailspur.deb >> /tmp/mailspur-package.log 2>&1 || die "reinstall"
grep -q "the operator's own line" "$root/etc/mailspur/mailspur.yaml" || die "the operator's configuration is gone"
stop_daemons
start_daemons "$(inside id -u mailspur)"
inside mailspur domain show client.example > /dev/null || die "the store did not survive the upgrade"
stop_daemons

say "remove keeps store and configuration"
inside apt-get -q -y remove mailspur >> /tmp/mailspur-package.log 2>&1 || die "remove"
[ -s "$root/var/lib/mailspur/mailspur.db" ] && [ -s "$root/etc/mailspur/mailspur.yaml" ] || die "remove took too much"
[ ! -e "$root/usr/sbin/mailspurd" ] || die "remove left mailspurd"

say "purge takes them"
inside apt-get -q -y purge mailspur >> /tmp/mailspur-package.log 2>&1 || die "purge"
for left in /var/lib/mailspur /etc/mailspur /run/mailspur; do
    [ ! -e "$root$left" ] || die "purge left $left: $(ls -A "$root$left")"
done
say "install, upgrade, remove and purge work"
