#!/usr/bin/env bash
# Install what the build and the tests need and is missing, from Debian's packages. Idempotent.
set -eu

packages=(gcc cmake ninja-build pkg-config libc6-dev libyaml-dev libzstd-dev libcapstone-dev
	libelf-dev libpfm4-dev libcmocka-dev gnuplot-nox valgrind)
# What only the full check needs: the second compiler with its sanitizers and fuzzer, the formatter.
check_packages=(clang clang-format libclang-rt-14-dev util-linux)

[ "${1-}" = --check ] && packages+=("${check_packages[@]}")

missing=()
for package in "${packages[@]}"; do
	state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
	echo "setup: missing: ${missing[*]}; install them with your package manager (apt-get was not found)" >&2
	exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "setup: missing: ${missing[*]}; run as root, or install sudo" >&2
		exit 1
	fi
	as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
	apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
