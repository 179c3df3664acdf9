use super::*;
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Block {
    let mut block = Block::default();
    block.read(bytes);
    block
}

#[test]
fn fields_and_strings_are_counted_by_their_outer_form() {
    // RFC 7541 appendix C.2.1: a literal with indexing; C.2.4: an indexed field; C.2.3: a literal never indexed.
    let literal = [&[0x40, 10][..], b"custom-key", &[13], b"custom-header"].concat();
    let block = read(&literal);
    assert_eq!((block.fields(), block.cost(), block.uses_table()), (1, FIELD + 2 * 23, true));
    let block = read(&[0x82, 0x86, 0x84]);
    assert_eq!((block.fields(), block.cost(), block.uses_table()), (3, 3 * FIELD, false));
    let block = read(&[&[0x10, 8][..], b"password", &[6], b"secret"].concat());
    assert_eq!((block.fields(), block.cost(), block.uses_table()), (1, FIELD + 2 * 14, false));
    // Appendix C.4.1: Huffman, a name of the static table.
    let huffman = [0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
    assert_eq!(read(&huffman).cost(), FIELD + 2 * 19, "at least the 15 bytes of www.example.com");
    assert!(read(&[0x20]).empties_table() && !read(&[0x21]).empties_table());
    assert!(read(&[0xbe]).uses_table(), "the first entry of the dynamic table");
    // A length of 1337 (appendix C.1.2 with another prefix): 127 + 1210.
    assert_eq!(read(&[0x00, 0x7f, 0xba, 0x09]).cost(), FIELD + 2 * 1337, "before the string is here");
}

proptest! {
    /// However a block is cut into pieces, the count is the same, and nothing panics.
    #[test]
    fn pieces_do_not_matter(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 1..50_usize) {
        let mut pieces = Block::default();
        bytes.chunks(cut).for_each(|piece| pieces.read(piece));
        let whole = read(&bytes);
        prop_assert_eq!((pieces.fields(), pieces.cost()), (whole.fields(), whole.cost()));
        prop_assert_eq!((pieces.uses_table(), pieces.empties_table()), (whole.uses_table(), whole.empties_table()));
    }
}
