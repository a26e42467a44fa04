#!/bin/sh
# Builds the tiny image into the folder $1: Debian's cloud kernel and an initrd of about 1 MB.
# Runs with a tmpfs of its own as working folder (the caller made it). Needs apt's package lists.
set -eu
out=$1
here=$(dirname "$(readlink -f "$0")")

kernel=$(apt-cache depends --no-recommends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
[ -n "$kernel" ] || { echo "apt knows no linux-image-cloud-amd64: run apt-get update" >&2; exit 1; }
apt-get -o APT::Sandbox::User=root download "$kernel" busybox-static
for deb in *.deb; do dpkg-deb -x "$deb" deb; done

mkdir -p root/bin root/modules root/proc root/sys root/dev root/tmp
cp deb/bin/busybox root/bin/busybox
ln -s busybox root/bin/sh
cp "$here/init" root/init
cp "$here/bound" root/bin/bound
chmod 755 root/init root/bin/bound

# In the order in which they need each other.
for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci \
  failover net_failover virtio_net; do
  find deb -name "$module.ko" -exec cp {} root/modules/ \;
  echo "$module.ko" >>root/modules/order
done

cp deb/boot/vmlinuz-* "$out/vmlinuz"
(cd root && find . -print0 | LC_ALL=C sort -z | cpio --null --quiet -o -H newc) | lz4 -l -9 -q - "$out/initrd"
