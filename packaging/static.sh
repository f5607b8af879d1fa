#!/usr/bin/env bash
# Builds static binaries (musl) without a cross compiler: packaging/static.sh [x86_64] [aarch64] [armv7]
# They are left in target/static/openrange-ARCH.
#
# Wanted: zig as the linker, which brings libc for all of them (`zig` on the PATH, or `pip install ziglang`), and Rust's
# own library: `rustup target add TARGET`, or its source to build it from (Debian: rustc-web cargo-web rust-web-src).
# Ends with 3 if one of these is missing, so that a caller can tell that from a failed build.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/target/static
mkdir -p "$out"

missing() { echo "static.sh: $*" >&2; exit 3; }

zig=(zig)
command -v zig >/dev/null || zig=(python3 -m ziglang)
"${zig[@]}" version >/dev/null 2>&1 || missing "no zig (pip install ziglang)"

has_source() { [ -e "$("$1" --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock" ]; }

build() { # ARCH TARGET ZIG-TARGET
    local arch=$1 target=$2 linker=$out/linker-$1 arguments=()
    printf '#!/bin/sh\nexec %s cc -target %s "$@"\n' "${zig[*]}" "$3" >"$linker"
    chmod +x "$linker"
    local name=${target//-/_}
    (
        if [ ! -e "$(rustc --print target-libdir --target "$target")" ]; then
            # That -Z is for nightly compilers, unless they are told otherwise.
            export RUSTC_BOOTSTRAP=1
            # Without backtraces, which are a quarter of the binary and of no use in a stripped one. Panics still say where.
            arguments=(-Z "build-std=std,panic_abort" -Z build-std-features=)
            has_source rustc || { export PATH=/usr/bin:$PATH && has_source rustc; } ||
                missing "neither the library for $target (rustup target add) nor its source (rustc-web rust-web-src)"
        fi
        # Not position-independent: zig links no static PIE.
        export RUSTFLAGS="-C target-feature=+crt-static -C link-self-contained=no -C relocation-model=static"
        export "CARGO_TARGET_${name^^}_LINKER=$linker"
        cargo build --locked --profile size --target "$target" --target-dir "$out/build" "${arguments[@]}"
    )
    cp "$out/build/$target/size/openrange" "$out/openrange-$arch"
}

[ $# -gt 0 ] || set -- x86_64 aarch64 armv7
for arch; do
    case $arch in
    x86_64) build "$arch" x86_64-unknown-linux-musl x86_64-linux-musl ;;
    aarch64) build "$arch" aarch64-unknown-linux-musl aarch64-linux-musl ;;
    armv7) build "$arch" armv7-unknown-linux-musleabihf arm-linux-musleabihf ;;
    *) echo "static.sh: $arch is not one of x86_64, aarch64, armv7" >&2 && exit 2 ;;
    esac
done
for arch; do ls -l "$out/openrange-$arch"; done
