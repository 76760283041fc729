//! The values that keep groups apart, in one piece of memory.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// The values of a group, in the order of the rule's `group-by`, each preceded by its length: no two lists of values
/// are the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Key(Box<[u8]>);

impl Key {
    /// The key of these values.
    pub fn of<'v>(values: impl IntoIterator<Item = &'v str>) -> Key {
        let mut bytes = Vec::new();
        for value in values {
            push_value(&mut bytes, value);
        }
        Key(bytes.into())
    }

    /// A key made by [`push_value`].
    pub fn from_bytes(bytes: &[u8]) -> Key {
        Key(bytes.into())
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The values.
    pub fn values(&self) -> Vec<&str> {
        let mut values = Vec::new();
        let mut rest = &self.0[..];
        while let Some((value, after)) = split_value(rest) {
            values.push(value);
            rest = after;
        }
        values
    }
}

/// The bytes of a key as a group holds them: most keys are short enough to need no memory of their own, which is
/// looked up (and missed in the cache) for every event.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Held {
    Short(u8, [u8; SHORT]),
    Long(Box<[u8]>),
}

/// As many bytes as fit without making the group larger than a boxed key would with its length.
const SHORT: usize = 22;

impl Held {
    pub(crate) fn new(key: &[u8]) -> Held {
        let mut bytes = [0; SHORT];
        match bytes.get_mut(..key.len()) {
            Some(start) => {
                start.copy_from_slice(key);
                Held::Short(key.len() as u8, bytes)
            }
            None => Held::Long(key.into()),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Held::Short(length, bytes) => &bytes[..usize::from(*length)],
            Held::Long(key) => key,
        }
    }

    /// Bytes beside its own.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Held::Short(..) => 0,
            Held::Long(key) => key.len(),
        }
    }
}

/// The part of a key that holds its first `count` values.
pub(crate) fn first_values(key: &[u8], count: usize) -> &[u8] {
    let mut rest = key;
    for _ in 0..count {
        let Some((_, after)) = split_bytes(rest) else {
            break;
        };
        rest = after;
    }
    &key[..key.len() - rest.len()]
}

/// Adds a value to a key under construction.
pub fn push_value(key: &mut Vec<u8>, value: &str) {
    let mut length = value.len();
    while length >= 0x80 {
        key.push(length as u8 | 0x80);
        length >>= 7;
    }
    key.push(length as u8);
    key.extend_from_slice(value.as_bytes());
}

/// The last value of a key.
pub(crate) fn last_value(key: &[u8]) -> &[u8] {
    let (mut last, mut rest): (&[u8], _) = (&[], key);
    while let Some((value, after)) = split_bytes(rest) {
        (last, rest) = (value, after);
    }
    last
}

fn split_value(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (value, rest) = split_bytes(bytes)?;
    Some((std::str::from_utf8(value).ok()?, rest))
}

fn split_bytes(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut length, mut shift, mut at) = (0_usize, 0, 0);
    loop {
        let byte = *bytes.get(at)?;
        at += 1;
        length |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    let value = bytes.get(at..at.checked_add(length)?)?;
    Some((value, &bytes[at + length..]))
}

/// The hash by which groups are found.
pub fn hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// What stands for a value that is counted: values are told apart by 64 bits of hash, of which one is set at least.
pub fn value_hash(values: &[u8]) -> u64 {
    xxh3_64(values).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_their_values() {
        let long = "x".repeat(20_000);
        for values in [
            vec![],
            vec![""],
            vec!["", ""],
            vec!["a", "bc"],
            vec!["ab", "c"],
            vec![&long, "é"],
        ] {
            let key = Key::of(values.iter().copied());
            assert_eq!(key.values(), values);
            assert_eq!(Key::from_bytes(key.bytes()), key);
        }
        assert_ne!(Key::of(["a", "bc"]), Key::of(["ab", "c"]));
        let key = Key::of(["a", &long, ""]);
        let first = |count| Key::from_bytes(first_values(key.bytes(), count));
        assert_eq!(first(0), Key::default());
        assert_eq!(first(2), Key::of(["a", &long]));
        assert_eq!(first(9), key);
        assert_eq!(last_value(first(2).bytes()), long.as_bytes());
        assert_eq!((last_value(key.bytes()), last_value(&[])), (&b""[..], &b""[..]));
    }
}
