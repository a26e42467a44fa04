#!/bin/sh
# Builds the joiner image into the folder $1: the tiny one, and behind its initrd a second archive with
# a kubelet, kubectl and what is done with them. The kernel unpacks one after the other.
# Runs with a tmpfs of its own as working folder (the caller made it).
set -eu
out=$1
here=$(dirname "$(readlink -f "$0")")

programs=$(bash "$here/../../../kube/build.sh")
mkdir tiny joiner
(cd tiny && sh "$here/../tiny/build.sh" "$out")

mkdir -p joiner/bin
cp "$programs/kubelet" "$programs/kubectl" joiner/bin/
cp "$here/then" joiner/then
(cd joiner && find . -print0 | LC_ALL=C sort -z | cpio --null --quiet -o -H newc) | lz4 -l -9 -q - more
cat more >>"$out/initrd"
