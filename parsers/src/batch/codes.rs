//! Values that come as numbers and are stored as texts: which text it is shows without writing it, if it came before.

use hashbrown::HashTable;

use super::values::digits;

/// What a value is before it is written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code {
    bits: u64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Kind {
    /// A whole number.
    Number,
    /// An address of IPv4.
    Address,
}

/// The keys of values that came as codes, so that few are written as texts only to find out which they are.
pub(super) struct Codes {
    /// The code that came last at each place, and its key; -1 for none.
    places: [(Code, i32); PLACES],
    /// All codes, and their keys.
    all: HashTable<(Code, i32)>,
    /// Scratch: a text.
    pub(super) text: Vec<u8>,
}

const PLACES: usize = 256;
const NONE: (Code, i32) = (Code::number(0), -1);

impl Default for Codes {
    fn default() -> Self {
        Codes {
            places: [NONE; PLACES],
            all: HashTable::new(),
            text: Vec::new(),
        }
    }
}

impl Codes {
    /// The key of a code, if it is the last at its place.
    #[inline(always)]
    pub(super) fn key(&self, code: Code) -> Option<i32> {
        let (known, key) = self.places[code.place()];
        (key >= 0 && known == code).then_some(key)
    }

    /// The same for a code that came at any time.
    pub(super) fn earlier_key(&mut self, code: Code) -> Option<i32> {
        let &(_, key) = self.all.find(code.hash(), |(known, _)| *known == code)?;
        self.places[code.place()] = (code, key);
        Some(key)
    }

    /// Remembers the key of a code that has none.
    pub(super) fn remember(&mut self, code: Code, key: i32) {
        self.places[code.place()] = (code, key);
        self.all
            .insert_unique(code.hash(), (code, key), |(code, _)| code.hash());
    }

    /// Forgets all keys.
    pub(super) fn forget(&mut self) {
        self.places.fill(NONE);
        self.all.clear();
    }
}

impl Code {
    pub(super) const fn number(number: i64) -> Self {
        Code {
            bits: number as u64,
            kind: Kind::Number,
        }
    }

    pub(super) const fn address(address: [u8; 4]) -> Self {
        Code {
            bits: u32::from_be_bytes(address) as u64,
            kind: Kind::Address,
        }
    }

    #[inline(always)]
    fn spread(self) -> u64 {
        const SPREADS: u64 = 0x9e37_79b9_7f4a_7c15;
        self.bits.wrapping_mul(SPREADS)
    }

    #[inline(always)]
    fn place(self) -> usize {
        (self.spread() >> 56) as usize
    }

    /// All bits of a code in the low and in the high ones: a table looks at both ends.
    #[inline(always)]
    fn hash(self) -> u64 {
        self.spread() ^ self.spread() >> 32
    }

    /// Appends the text.
    #[inline]
    pub(super) fn write(self, to: &mut Vec<u8>) {
        match self.kind {
            Kind::Number => to.extend_from_slice(digits(self.bits as i64, &mut [0; 20]).as_bytes()),
            Kind::Address => push_address((self.bits as u32).to_be_bytes(), to),
        }
    }
}

/// Appends an address in its only notation.
fn push_address(address: [u8; 4], to: &mut Vec<u8>) {
    /// The digits of each octet with a point behind them, and how many bytes that is.
    const OCTETS: [([u8; 4], u8); 256] = {
        let mut octets = [([b'.'; 4], 0); 256];
        let mut at = 0;
        while at < 256 {
            let digit = [at / 100, at / 10 % 10, at % 10];
            let [hundreds, tens, ones] = [
                b'0' + digit[0] as u8,
                b'0' + digit[1] as u8,
                b'0' + digit[2] as u8,
            ];
            octets[at] = match at {
                0..10 => ([ones, b'.', 0, 0], 2),
                10..100 => ([tens, ones, b'.', 0], 3),
                _ => ([hundreds, tens, ones, b'.'], 4),
            };
            at += 1;
        }
        octets
    };
    let mut text = [0; 20];
    let mut end = 0;
    for octet in address {
        let (digits, length) = OCTETS[usize::from(octet)];
        text[end..end + 4].copy_from_slice(&digits);
        end += usize::from(length);
    }
    to.extend_from_slice(&text[..end - 1]);
}

#[cfg(test)]
mod tests {
    use super::super::keywords::Keywords;
    use super::*;
    use proptest::prelude::*;

    fn text(code: Code) -> String {
        match code.kind {
            Kind::Number => (code.bits as i64).to_string(),
            Kind::Address => std::net::Ipv4Addr::from(code.bits as u32).to_string(),
        }
    }

    #[test]
    fn addresses_as_std_writes_them() {
        for octet in 0..=255 {
            for address in [
                [octet, 0, 10, 255],
                [1, octet, 99, octet],
                [255, 100, octet, octet],
            ] {
                let mut written = Vec::new();
                push_address(address, &mut written);
                assert_eq!(written, text(Code::address(address)).as_bytes());
            }
        }
    }

    proptest! {
        #[test]
        fn codes_are_stored_as_their_texts(
            batches in proptest::collection::vec(
                proptest::collection::vec(
                    (any::<bool>(), prop_oneof![0..20_i64, 0..70_000_i64, any::<i64>()]),
                    0..60,
                ),
                1..4,
            ),
        ) {
            let (mut coded, mut plain) = (Keywords::default(), Keywords::default());
            for batch in batches {
                let codes: Vec<Code> = batch
                    .iter()
                    .map(|(is_address, number)| match is_address {
                        true => Code::address((*number as u32).to_be_bytes()),
                        false => Code::number(*number),
                    })
                    .collect();
                // Some rows in between have no value.
                let (front, back) = codes.split_at(codes.len() / 3);
                let gap = batch.len() % 3;
                coded.put_codes(0, front.iter().copied());
                coded.put_codes(front.len() + gap, back.iter().copied());
                let rows = (0..front.len()).chain(front.len() + gap..);
                for (row, code) in rows.zip(&codes) {
                    plain.put(row, text(*code).as_bytes());
                }
                let rows = codes.len() + gap;
                assert_eq!(&coded.finish(rows), &plain.finish(rows));
            }
        }
    }
}
