//! Values that come as numbers and are stored as texts: which text it is shows without writing it, if it came before.

use super::values::digits;

/// What a value is before it is written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// A whole number.
    Number(i64),
    /// An address of IPv4.
    Address([u8; 4]),
}

/// The keys of values that came as codes, so that few are written as texts only to find out which they are.
pub(super) struct Codes {
    /// The code that came last at each place, and its key; -1 for none.
    places: [(Code, i32); PLACES],
    /// Scratch: a text.
    pub(super) text: Vec<u8>,
}

const PLACES: usize = 256;
const NONE: (Code, i32) = (Code::Number(0), -1);

impl Default for Codes {
    fn default() -> Self {
        Codes {
            places: [NONE; PLACES],
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

    pub(super) fn remember(&mut self, code: Code, key: i32) {
        self.places[code.place()] = (code, key);
    }

    /// Forgets all keys.
    pub(super) fn forget(&mut self) {
        self.places.fill(NONE);
    }
}

impl Code {
    #[inline(always)]
    fn place(self) -> usize {
        const SPREADS: u64 = 0x9e37_79b9_7f4a_7c15;
        let code = match self {
            Code::Number(number) => number as u64,
            Code::Address(address) => u64::from(u32::from_be_bytes(address)),
        };
        (code.wrapping_mul(SPREADS) >> 56) as usize
    }

    /// Appends the text.
    #[inline]
    pub(super) fn write(self, to: &mut Vec<u8>) {
        match self {
            Code::Number(number) => to.extend_from_slice(digits(number, &mut [0; 20]).as_bytes()),
            Code::Address(address) => push_address(address, to),
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
        match code {
            Code::Number(number) => number.to_string(),
            Code::Address(address) => std::net::Ipv4Addr::from(address).to_string(),
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
                assert_eq!(written, text(Code::Address(address)).as_bytes());
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
                for (row, (is_address, number)) in batch.iter().enumerate() {
                    let code = match is_address {
                        true => Code::Address((*number as u32).to_be_bytes()),
                        false => Code::Number(*number),
                    };
                    coded.put_code(row, code);
                    plain.put(row, text(code).as_bytes());
                }
                assert_eq!(&coded.finish(batch.len()), &plain.finish(batch.len()));
            }
        }
    }
}
