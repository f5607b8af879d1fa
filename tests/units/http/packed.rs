//! Text that is packed by the compiler: what it gives back, and what damaged bytes do.

use openrange::http::packed::{Packed, pack, trim, unpack};

/// Packs and unpacks; gives the packed bytes.
fn goes_and_comes<const N: usize>(text: [u8; N]) -> Vec<u8> {
    let (bytes, count) = pack(&(text, N));
    let packed = &bytes[..count];
    assert_eq!(unpack(packed).as_deref(), Some(&text[..]));
    packed.to_vec()
}

#[test]
fn what_was_packed_comes_back() {
    goes_and_comes(*b"a text, a text, a text, a text and its end");
    // Matches that overlap themselves, and lengths that need further bytes: 15, 15 + 255 and more.
    assert!(goes_and_comes([b'a'; 4096]).len() < 40);
    let mut mixed = [0; 3000];
    for (index, byte) in mixed.iter_mut().enumerate() {
        *byte = (index * index / 7 % 251) as u8;
    }
    let (head, tail) = mixed.split_at_mut(2000);
    tail[..700].copy_from_slice(&head[100..800]);
    goes_and_comes(mixed);
}

/// By the definition of the block format, not by what `pack` makes.
#[test]
fn a_block_of_another_packer() {
    let block = b"\x32abc\x03\x00\x50defgh";
    assert_eq!(unpack(block).as_deref(), Some(&b"abcabcabcdefgh"[..]));
}

#[test]
fn what_is_cut_off_or_points_outside_is_nothing() {
    const TEXT: Packed<64> = pack(&(
        *b"the same words again, the same words again, and then the end....",
        64,
    ));
    const TRIMMED: [u8; TEXT.1] = trim(&TEXT);
    assert!(unpack(&TRIMMED).is_some());
    assert_eq!(unpack(b""), None);
    assert_eq!(unpack(b"\x10a\x02\x00\x00"), None, "before the beginning");
    assert_eq!(unpack(b"\x10a\x00\x00\x00"), None, "nowhere back");
    assert_eq!(unpack(b"\x50abc"), None, "literals are missing");
    assert_eq!(unpack(b"\xf0"), None, "a length is missing");
    assert_eq!(unpack(b"\x10a\x01"), None, "half an offset");
}
