#!/usr/bin/env bash
# Builds the programs of a Kubernetes control plane and its kubelet from Debian's source package
# `kubernetes`, and prints the folder that holds them. Ten minutes of two cores the first time; then
# they are in the cache, whose key is this recipe. Needs Debian packages: see test/packages.txt.
set -euo pipefail
programs=(kube-apiserver kube-controller-manager kubelet kubectl)
go=/usr/bin/go # Debian's: a newer one does not build it
reflect2=/usr/share/gocode/src/github.com/modern-go/reflect2

cache=${ROLLCALL_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rollcall-test}
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
recipe=$({ echo "$release" && cat "${BASH_SOURCE[0]}"; } | sha256sum | cut -c1-12)

built() {
  local found=("$cache"/kubernetes-*"-$recipe")
  [ -d "${found[0]}" ] && echo "${found[0]}"
}

say() { printf '%4d s  %s\n' "$SECONDS" "$*" >&2; }

built && exit
for need in "$go" /usr/bin/dpkg-source "$reflect2/go.mod"; do
  [ -e "$need" ] || { echo "$need is missing: install what test/packages.txt names" >&2 && exit 1; }
done
mkdir -p "$cache"
exec 9>"$cache/kubernetes-$recipe.lock"
flock 9 # a second caller waits here, and then finds it built
built && exit

# Whoever holds the lock is alone, so a draft that lies here is of a build that was killed.
draft=$cache/kubernetes-draft-$recipe
clean() {
  # shellcheck disable=SC2046
  kill $(jobs -p) 2>/dev/null && wait
  rm -rf "$draft"
}
trap clean EXIT
trap 'exit 143' INT TERM HUP
clean
mkdir -p "$draft"/apt/{sources,lists/partial,archives/partial} "$draft"/{src,bin,tmp}

# The machine's own package sources, as source packages, in an apt of their own: apt verifies what it
# downloads against the keys that the machine trusts, and the machine's own lists stay as they are.
sources=$(apt-config shell list Dir::Etc::SourceList/f parts Dir::Etc::SourceParts/d)
eval "$sources"
for file in "${parts%/}"/*.sources; do
  [ ! -f "$file" ] || sed -E 's/^Types:.*/Types: deb-src/' "$file" >"$draft/apt/sources/${file##*/}"
done
for file in "$list" "${parts%/}"/*.list; do
  [ ! -f "$file" ] || sed -nE 's/^deb[[:space:]]/deb-src /p' "$file" >"$draft/apt/sources/${file##*/}"
done
source_apt() {
  apt-get -q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$draft/apt/sources" \
    -o Dir::State::Lists="$draft/apt/lists" -o Dir::Cache="$draft/apt" -o APT::Sandbox::User=root \
    "$@" >&2
}
say 'downloading the source package'
source_apt update
(cd "$draft/src" && source_apt source --download-only kubernetes)

# Go 1.19 with a vendor tree of before modules: it must lie where GOPATH says.
export GOPATH=$draft/go GO111MODULE=off GOPROXY=off GOFLAGS=-p=2 CGO_ENABLED=0
export GOCACHE=$draft/go-cache TMPDIR=$draft/tmp
# Others want the processors too. In the background, so that a signal to this script ends it at once.
compile() {
  nice -n 10 "$go" build "$@" >&2 &
  wait $!
}
package=k8s.io/kubernetes
tree=$GOPATH/src/$package
mkdir -p "${tree%/*}"
dpkg-source --no-check --extract "$draft"/src/*.dsc "$tree" >&2 # apt has checked it
cd "$tree"
version=$(dpkg-parsechangelog --show-field Version) # 1.20.5+really1.20.2-1.1+deb12u1
upstream=${version##*really}
upstream=${upstream%%-*}

# The vendored reflect2 1.0.1 takes the runtime's map iterator for what it was before Go 1.18. An API
# server built with it works for a while, then dies of "unexpected fault address" as it encodes JSON.
rm -r vendor/github.com/modern-go/reflect2
cp -rL "$reflect2" vendor/github.com/modern-go/

# The one generated file that the source package leaves out. It is what the package's own makefile
# does, without its rsync and without generating everything else anew.
say 'generating the OpenAPI of the API server'
# No -trimpath: the generator looks for the standard library where it was built.
compile -o "$draft/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
described=$(grep -rlE --include='*.go' '^// *\+k8s:openapi-gen=' pkg staging/src/k8s.io |
  grep -vE '^staging/src/k8s.io/(code-generator|sample-apiserver)/' |
  sed -E "s#^staging/src#vendor#; s#^#$package/#; s#/[^/]*\$##" | sort -u | paste -sd,)
nice -n 10 "$draft/openapi-gen" --logtostderr --input-dirs "$described" \
  --output-package "$package/pkg/generated/openapi" --output-file-base zz_generated.openapi \
  --go-header-file vendor/k8s.io/code-generator/hack/boilerplate.go.txt \
  --report-filename "$draft/tmp/violations" >&2

minor=${upstream#*.}
flags='-s -w'
for where in client-go/pkg component-base; do
  where=$package/vendor/k8s.io/$where/version
  flags+=" -X $where.gitVersion=v$upstream -X $where.gitMajor=1 -X $where.gitMinor=${minor%%.*}"
done
for program in "${programs[@]}"; do
  say "building $program"
  compile -trimpath -ldflags "$flags" -o "$draft/bin/$program" "./cmd/$program"
done

echo "$version" >"$draft/bin/VERSION"
mv --no-target-directory "$draft/bin" "$cache/kubernetes-$upstream-$recipe"
say 'built'
built
