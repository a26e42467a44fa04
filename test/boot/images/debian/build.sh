#!/bin/sh
# Builds a whole Debian 12 from its packages: kernel and initrd into $1, and into $2 the same system
# as a folder, to run cloud-init in. Runs with a tmpfs of its own as working folder (the caller made
# it) and takes the packages from where this machine's apt takes Debian's.
set -eu
out=$1
root=$2
here=$(dirname "$(readlink -f "$0")")

apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
  'Created-By: Packages' 'Origin: Debian' "Architecture: amd64" | grep ' bookworm' | sort -u >sources.list
[ -s sources.list ] || { echo 'apt has no lists of Debian 12: is this bookworm? run apt-get update' >&2; exit 1; }
apt-config dump | grep -iE '^Acquire::https?::(Proxy|CAInfo)' >apt.conf || true

mmdebstrap --mode=root --variant=minbase --keyring=/usr/share/keyrings --quiet \
  --aptopt='Acquire::Languages "none"' --aptopt="$PWD/apt.conf" \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
  --include=linux-image-cloud-amd64,systemd-sysv,udev,dbus,kmod,iproute2,netbase,wget,cloud-init \
  bookworm system sources.list

cp system/boot/vmlinuz-* "$out/vmlinuz"

# What a boot in a test never reads. The NIC's driver stays, and with it all of drivers/virtio.
(
  cd system
  rm -rf boot/* vmlinuz* initrd.img* usr/share/i18n usr/share/perl usr/share/perl5 usr/share/bash-completion \
    usr/share/lintian usr/share/zoneinfo usr/lib/udev/hwdb.bin usr/lib/udev/hwdb.d \
    usr/lib/x86_64-linux-gnu/perl usr/lib/x86_64-linux-gnu/gconv usr/lib/x86_64-linux-gnu/libperl.so* \
    var/cache/* var/lib/apt/lists/* var/lib/dpkg/info var/log/*.log
  kernel=$(echo usr/lib/modules/*)
  find "$kernel/kernel" -name '*.ko' >../modules.all
  keep='/(drivers/virtio/|virtio_net|net_failover|failover|virtio-rng|rng-core|autofs4|efi-pstore|efivarfs)'
  grep -Ev "$keep" ../modules.all | xargs -r rm -f
  chroot . depmod "${kernel##*/}"

  # The name and the identity come from the server, so nothing here may pretend to be one.
  rm -f etc/hostname etc/resolv.conf
  : >etc/machine-id
  rm -f var/lib/dbus/machine-id etc/ssh/ssh_host_*
  cp -a "$here/files/." .
  ln -sf sbin/init init
  chroot . systemctl --quiet enable systemd-networkd systemd-networkd-wait-online report
  chroot . systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer dpkg-db-backup.timer systemd-pstore.service getty@tty1.service \
    serial-getty@ttyS0.service ldconfig.service systemd-update-done.service
)

(cd system && find . -print0 | LC_ALL=C sort -z | cpio --null --quiet -o -H newc) | lz4 -l -9 -q - "$out/initrd"
cp -a system "$root"
