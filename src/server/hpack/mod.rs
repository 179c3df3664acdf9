//! What a header block of HTTP/2 will cost once it is decoded, known before it is.
//!
//! Owns a reader of HPACK's outer form (RFC 7541 section 6) that counts fields and the bytes of their strings as they arrive, without
//! decoding one. Judges nothing: what is malformed is refused by what decodes it.

/// What one field costs in a map of headers, its share of the map's growth included: see the test in `inflow`.
const FIELD: usize = 256;
/// What a byte of a string costs: it is held where it was received, once more where it was put together, and Huffman's shortest code takes
/// five bits a byte.
const STRING_BYTE: usize = 2;

/// A reader of one header block.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Block {
    state: State,
    fields: usize,
    strings: usize,
    changes_table: bool,
    empties_table: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Field,
    /// Within an integer: what it is for, what is known of it, and how far its next bits are to be shifted.
    Integer {
        of: Integer,
        value: usize,
        shift: u32,
    },
    /// Before the length of a string.
    Length {
        last: bool,
    },
    String {
        last: bool,
        left: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Integer {
    /// The index of a whole field.
    Field,
    /// The index of a name, or zero.
    Name,
    /// The size of the dynamic table.
    TableSize,
    Length {
        last: bool,
        huffman: bool,
    },
}

impl Block {
    /// Reads more of the block.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            if let State::String { last, left } = self.state {
                let taken = left.min(bytes.len());
                bytes = bytes.get(taken..).unwrap_or_default();
                self.in_string(last, left - taken);
                continue;
            }
            bytes = rest;
            self.next(*first);
        }
    }

    #[cfg(test)]
    pub(super) const fn fields(&self) -> usize {
        self.fields
    }

    /// Whether it adds to the dynamic table or reads from it.
    pub(super) const fn uses_table(&self) -> bool {
        self.changes_table
    }

    /// Whether it set the dynamic table's size to zero.
    pub(super) const fn empties_table(&self) -> bool {
        self.empties_table
    }

    /// What the decoded fields cost so far, in bytes.
    pub(super) const fn cost(&self) -> usize {
        self.fields.saturating_mul(FIELD).saturating_add(self.strings.saturating_mul(STRING_BYTE))
    }

    fn next(&mut self, byte: u8) {
        match self.state {
            State::Field => self.begin(byte),
            State::Length { last } => {
                self.integer(Integer::Length { last, huffman: byte & 0x80 != 0 }, byte, 0x7f);
            }
            State::Integer { of, value, shift } => {
                // Beyond 28 bits the decoder gives up; what is counted here stays within a usize.
                let value = value.saturating_add(usize::from(byte & 0x7f) << shift.min(28));
                if byte & 0x80 == 0 {
                    self.end(of, value);
                } else {
                    self.state = State::Integer { of, value, shift: shift.saturating_add(7) };
                }
            }
            State::String { .. } => {}
        }
    }

    fn begin(&mut self, byte: u8) {
        if byte & 0x80 != 0 {
            self.integer(Integer::Field, byte, 0x7f);
        } else if byte & 0xc0 == 0x40 {
            self.changes_table = true;
            self.integer(Integer::Name, byte, 0x3f);
        } else if byte & 0xe0 == 0x20 {
            self.integer(Integer::TableSize, byte, 0x1f);
        } else {
            self.integer(Integer::Name, byte, 0x0f);
        }
    }

    fn integer(&mut self, of: Integer, byte: u8, mask: u8) {
        let value = usize::from(byte & mask);
        if byte & mask == mask {
            self.state = State::Integer { of, value, shift: 0 };
        } else {
            self.end(of, value);
        }
    }

    fn end(&mut self, of: Integer, value: usize) {
        /// The last entry of the static table.
        const STATIC: usize = 61;
        match of {
            Integer::Field => {
                self.fields += 1;
                self.changes_table |= value > STATIC;
                self.state = State::Field;
            }
            Integer::Name => {
                self.fields += 1;
                self.changes_table |= value > STATIC;
                self.state = State::Length { last: value != 0 };
            }
            Integer::TableSize => {
                self.empties_table |= value == 0;
                self.state = State::Field;
            }
            Integer::Length { last, huffman } => {
                let decoded = if huffman { value.saturating_mul(8) / 5 } else { value };
                self.strings = self.strings.saturating_add(decoded);
                self.in_string(last, value);
            }
        }
    }

    fn in_string(&mut self, last: bool, left: usize) {
        self.state = match (left, last) {
            (0, true) => State::Field,
            (0, false) => State::Length { last: true },
            _ => State::String { last, left },
        };
    }
}

#[cfg(test)]
mod tests;
