#!/usr/bin/env bash
# Builds static binaries (musl) without a cross compiler: packaging/static.sh [x86_64] [aarch64] [armv7]
# They are left in target/static/openrange-ARCH.
#
# Needs cargo and rustc; zig as the linker, which brings libc for all of them (`zig` on the PATH, or `pip install ziglang`,
# in a virtual environment or not); and Rust's own library: `rustup target add TARGET`, or its source to build it from
# (Debian: rustc-web cargo-web rust-web-src). If something is missing, names all of it and ends with 3, so that a caller
# can tell that from a failed build.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/target/static
missing=()

# Sets `zig` to a command with an absolute path: what builds the library changes the PATH.
find_zig() {
    local python
    if command -v zig >/dev/null && zig version >/dev/null 2>&1; then
        zig=("$(command -v zig)")
        return
    fi
    for python in "${VIRTUAL_ENV:+$VIRTUAL_ENV/bin/python}" python3 python; do
        [ -n "$python" ] || continue
        python=$(command -v "$python") || continue
        zig=("$python" -m ziglang)
        "${zig[@]}" version >/dev/null 2>&1 && return
    done
    zig=()
    missing+=("zig (pip install ziglang, or put zig on the PATH)")
}

target_of() { # ARCH
    case $1 in
    x86_64) echo x86_64-unknown-linux-musl ;;
    aarch64) echo aarch64-unknown-linux-musl ;;
    armv7) echo armv7-unknown-linux-musleabihf ;;
    esac
}

has_library() { [ -e "$(rustc --print target-libdir --target "$1" 2>/dev/null)" ]; } # TARGET

has_source() { [ -e "$("$1" --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock" ]; } # RUSTC

has_some_source() { has_source rustc || { [ -x /usr/bin/rustc ] && has_source /usr/bin/rustc; }; }

build() { # ARCH
    local arch=$1 target linker=$out/linker-$1 arguments=()
    target=$(target_of "$arch")
    # Zig's names have no vendor.
    printf '#!/bin/sh\nexec%s cc -target %s "$@"\n' "$(printf ' %q' "${zig[@]}")" "${target/-unknown/}" |
        sed 's/-target armv7-/-target arm-/' >"$linker"
    chmod +x "$linker"
    local name=${target//-/_}
    (
        if ! has_library "$target"; then
            # That -Z is for nightly compilers, unless they are told otherwise.
            export RUSTC_BOOTSTRAP=1
            # Without backtraces, which are a quarter of the binary and of no use in a stripped one. Panics still say where.
            # Its small algorithms: among others one sort of some hundred bytes for each type in place of one of 10 KB.
            arguments=(-Z "build-std=std,panic_abort" -Z build-std-features=optimize_for_size)
            has_source rustc || export PATH=/usr/bin:$PATH
        fi
        # Not position-independent: zig links no static PIE.
        # Without the tables of an unwinder: a panic aborts.
        export RUSTFLAGS="-C target-feature=+crt-static -C link-self-contained=no -C relocation-model=static"
        RUSTFLAGS+=" -C force-unwind-tables=no"
        # x86: a function with more bytes of variables than that stays by itself. In a large frame each of them has an
        # offset of four bytes in place of one.
        [ "$arch" != x86_64 ] || RUSTFLAGS+=" -C llvm-args=--inline-max-stacksize=128"
        # Sequences of instructions that repeat become functions, as they do for 64-bit ARM without being asked: the binary is
        # 3 % smaller, and a small request takes a tenth more instructions of the program's own.
        [ "$arch" != x86_64 ] || RUSTFLAGS+=" -C llvm-args=--enable-machine-outliner=always"
        # ARMv7: every such processor knows Thumb-2, whose instructions are a quarter smaller. The compiler warns that this
        # is a feature it may change.
        [ "$arch" != armv7 ] || RUSTFLAGS+=" -C target-feature=+thumb-mode"
        export "CARGO_TARGET_${name^^}_LINKER=$linker"
        cargo build --locked --profile size --target "$target" --target-dir "$out/build" "${arguments[@]}"
    )
    cp "$out/build/$target/size/openrange" "$out/openrange-$arch"
}

[ $# -gt 0 ] || set -- x86_64 aarch64 armv7
for arch; do
    [ -n "$(target_of "$arch")" ] ||
        { echo "static.sh: $arch is not one of x86_64, aarch64, armv7" >&2 && exit 2; }
done
find_zig
command -v cargo >/dev/null || missing+=("cargo")
if command -v rustc >/dev/null; then
    for arch; do
        target=$(target_of "$arch")
        has_library "$target" || has_some_source ||
            missing+=("the library for $target (rustup target add $target), or its source (rustc-web rust-web-src)")
    done
else
    missing+=("rustc")
fi
if [ ${#missing[@]} -gt 0 ]; then
    echo "static.sh: these are missing:" >&2
    printf '  %s\n' "${missing[@]}" >&2
    exit 3
fi
mkdir -p "$out"
for arch; do build "$arch"; done
for arch; do ls -l "$out/openrange-$arch"; done
