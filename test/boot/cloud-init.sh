#!/bin/sh
# One boot of Debian's own cloud-init, without the machine: runs inside a network namespace, in
# mount, PID and UTS namespaces of its own (the caller made them).
#   $1 the system, read only   $2 the disk: what was changed on it   $3 the report's folder
#   $4 the kernel command line
set -eu
lower=$1 disk=$2 report=$3 cmdline=$4
mkdir -p "$disk/upper" "$disk/work" "$disk/root"
root=$disk/root
mount --make-rprivate /
mount -t overlay system -o "lowerdir=$lower,upperdir=$disk/upper,workdir=$disk/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sys "$root/sys"
# This host's serial number is none of the machine's: NoCloud would look for a seed in it.
[ ! -d "$root/sys/class/dmi" ] || mount -t tmpfs none "$root/sys/class/dmi"
mount -t tmpfs -o mode=755 dev "$root/dev"
mknod -m 666 "$root/dev/null" c 1 3
mknod -m 666 "$root/dev/zero" c 1 5
mknod -m 666 "$root/dev/urandom" c 1 9
mknod -m 666 "$root/dev/random" c 1 8
ln -s /proc/self/fd "$root/dev/fd"
: >"$root/dev/console"
mount -t tmpfs -o mode=755 run "$root/run"
printf '%s\n' "$cmdline" >"$report/cmdline"
mount --bind "$report/cmdline" "$root/proc/cmdline"

# What systemd, as the first process, does with systemd.hostname= or without it.
given=$(sed -n 's/.*systemd\.hostname=\([^ ]*\).*/\1/p' "$report/cmdline")
hostname "${given:-$(cat "$root/etc/hostname" 2>/dev/null || echo localhost)}"

in_system() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }
step() {
  code=0
  in_system "$@" >>"$report/output" 2>&1 || code=$?
  echo "$code $*" >>"$report/steps"
}
# The generator's part: without it `cloud-init status` takes cloud-init for switched off.
step /usr/lib/cloud-init/ds-identify
mkdir -p "$root/run/cloud-init"
: >"$root/run/cloud-init/enabled"
step cloud-init init --local
step cloud-init init
step cloud-init modules --mode=config
step cloud-init modules --mode=final

hostname >"$report/hostname"
in_system cloud-init status --long --format json >"$report/status.json" 2>>"$report/output" || true
cp "$root/var/log/cloud-init.log" "$report/log"
in_system cat /var/lib/cloud/data/instance-id >"$report/instance"
in_system cat /var/lib/cloud/instance/datasource >"$report/datasource"
