//! Values of binary XML (MS-EVEN6, section 2.2.18): a type and the bytes it stands for.

use super::cursor::{Cursor, Damage};
use super::text::{
    Digits, push_ansi, push_binary, push_escaped, push_file_time, push_guid, push_hex, push_number, push_sid,
    push_system_time, push_unsigned, push_utf16,
};

/// Types as they are stored.
pub(super) mod kind {
    pub(crate) const NULL: u8 = 0x00;
    pub(crate) const STRING: u8 = 0x01;
    pub(crate) const ANSI: u8 = 0x02;
    pub(crate) const INT8: u8 = 0x03;
    pub(crate) const UINT8: u8 = 0x04;
    pub(crate) const INT16: u8 = 0x05;
    pub(crate) const UINT16: u8 = 0x06;
    pub(crate) const INT32: u8 = 0x07;
    pub(crate) const UINT32: u8 = 0x08;
    pub(crate) const INT64: u8 = 0x09;
    pub(crate) const UINT64: u8 = 0x0a;
    pub(crate) const FLOAT32: u8 = 0x0b;
    pub(crate) const FLOAT64: u8 = 0x0c;
    pub(crate) const BOOL: u8 = 0x0d;
    pub(crate) const BINARY: u8 = 0x0e;
    pub(crate) const GUID: u8 = 0x0f;
    pub(crate) const SIZE: u8 = 0x10;
    pub(crate) const FILETIME: u8 = 0x11;
    pub(crate) const SYSTEMTIME: u8 = 0x12;
    pub(crate) const SID: u8 = 0x13;
    pub(crate) const HEX32: u8 = 0x14;
    pub(crate) const HEX64: u8 = 0x15;
    pub(crate) const HANDLE: u8 = 0x20;
    pub(crate) const BINXML: u8 = 0x21;
    pub(crate) const XML: u8 = 0x23;
    /// Added to the type of the elements.
    pub(crate) const ARRAY: u8 = 0x80;
    pub(crate) const STRINGS: u8 = ARRAY | STRING;
}

/// Whether there is a type of this number.
pub(super) fn is_kind(kind: u8) -> bool {
    matches!(kind, kind::NULL..=kind::HEX64 | kind::HANDLE | kind::BINXML | kind::XML | 0x81..=0x95)
}

/// How many bytes a value of the type has; `None` where that depends.
pub(super) fn width(kind: u8) -> Option<usize> {
    Some(match kind {
        kind::NULL => 0,
        kind::INT8 | kind::UINT8 => 1,
        kind::INT16 | kind::UINT16 => 2,
        kind::INT32 | kind::UINT32 | kind::FLOAT32 | kind::BOOL | kind::HEX32 => 4,
        kind::INT64 | kind::UINT64 | kind::FLOAT64 | kind::FILETIME | kind::HEX64 => 8,
        kind::GUID | kind::SYSTEMTIME => 16,
        _ => return None,
    })
}

/// A value.
///
/// *Invariants*: of a type with a [`width`] there are so many bytes; a SID has its eight bytes and as many
/// sub-authorities as it says; arrays of such types hold whole elements. Kinds are normalised: a `SIZE` is the
/// `HEX32` or `HEX64` it is shown as, a `BOOL` is 0 or 1 (anything else is an `INT32`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scalar<'a> {
    pub(super) kind: u8,
    pub(super) bytes: &'a [u8],
}

impl<'a> Scalar<'a> {
    /// No value.
    pub(super) const NULL: Scalar<'static> = Scalar {
        kind: kind::NULL,
        bytes: &[],
    };

    /// Reads a value of `kind`: of `size` bytes in a substitution; in the text of a template (`None`), types
    /// without a fixed width carry a count.
    ///
    /// Types with a width of their own are read at that width whatever `size` says; the caller skips what is
    /// left.
    ///
    /// # Errors
    ///
    /// If the chunk ends before, if a size is no multiple of what it must be, and for types that no log has.
    pub(super) fn read(cursor: &mut Cursor<'a>, kind: u8, size: Option<u16>) -> Result<Self, Damage> {
        let wrong = |what: &str| {
            let size = size.map_or_else(String::new, |size| format!(" of {size} bytes"));
            Err(Damage(format!("a value of type {kind:#04x}{size} {what}")))
        };
        let scalar = |kind, bytes| Ok(Scalar { kind, bytes });
        if let Some(width) = width(kind) {
            let bytes = cursor.take(width)?;
            let irregular = kind == kind::BOOL && !matches!(bytes, [0 | 1, 0, 0, 0]);
            return scalar(if irregular { kind::INT32 } else { kind }, bytes);
        }
        match (kind, size) {
            (kind::STRING, None) => scalar(kind, cursor.counted_text()?),
            (kind::STRING, Some(size)) if size % 2 != 0 => wrong("is half a character too long"),
            (kind::BINXML, None) => {
                let size = cursor.u16()?;
                scalar(kind, cursor.take(size.into())?)
            }
            (kind::SIZE, Some(4)) => scalar(kind::HEX32, cursor.take(4)?),
            (kind::SIZE, Some(8)) => scalar(kind::HEX64, cursor.take(8)?),
            (kind::SID, _) => {
                let bytes = sid(cursor)?;
                scalar(kind, bytes)
            }
            (kind::STRING | kind::ANSI | kind::BINARY | kind::BINXML, Some(size)) => {
                scalar(kind, cursor.take(size.into())?)
            }
            (kind::STRINGS, Some(size)) => {
                // The last string may reach past the size.
                let start = cursor.at;
                while cursor.at < start + usize::from(size) {
                    while cursor.u16()? != 0 {}
                }
                scalar(kind, &cursor.data[start..cursor.at])
            }
            (0x93, Some(size)) => {
                let start = cursor.at;
                while cursor.at < start + usize::from(size) {
                    sid(cursor)?;
                }
                scalar(kind, &cursor.data[start..cursor.at])
            }
            (0x82, Some(size)) => scalar(kind, cursor.take(size.into())?),
            (0x81..=0x95, Some(size)) => match width(kind & !kind::ARRAY) {
                Some(width) if usize::from(size) % width == 0 => {
                    let bytes = cursor.take(size.into())?;
                    let irregular = kind == kind::ARRAY | kind::BOOL
                        && bytes
                            .as_chunks::<4>()
                            .0
                            .iter()
                            .any(|flag| !matches!(flag, [0 | 1, 0, 0, 0]));
                    scalar(
                        if irregular {
                            kind::ARRAY | kind::INT32
                        } else {
                            kind
                        },
                        bytes,
                    )
                }
                Some(_) => wrong("holds no whole elements"),
                None => wrong("cannot be read"),
            },
            _ => wrong("cannot be read"),
        }
    }

    /// Whether it says nothing: null, an empty string, an empty array.
    pub(super) fn is_empty(&self) -> bool {
        match self.kind {
            kind::NULL => true,
            kind::STRING => !matches!(self.bytes, [low, high, ..] if *low != 0 || *high != 0),
            kind::ANSI => self.bytes.iter().all(|byte| *byte == 0),
            kind::BINARY | kind::BINXML => self.bytes.is_empty(),
            kind => kind & kind::ARRAY != 0 && self.bytes.is_empty(),
        }
    }

    /// Whether it is written without quotes: whole numbers and booleans.
    pub(super) fn is_bare(&self) -> bool {
        matches!(self.kind, kind::INT8..=kind::UINT64 | kind::BOOL)
    }

    /// Whether it is text.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.kind, kind::STRING | kind::ANSI)
    }

    /// The elements of an array; `None` for anything else.
    pub(super) fn items(&self) -> Option<Vec<Scalar<'a>>> {
        if self.kind & kind::ARRAY == 0 {
            return None;
        }
        let of = |bytes| Scalar {
            kind: self.kind & !kind::ARRAY,
            bytes,
        };
        let bytes = self.bytes;
        if bytes.is_empty() {
            return Some(Vec::new());
        }
        Some(match of(bytes).kind {
            kind::STRING => {
                let mut units = bytes.as_chunks::<2>().0.split(|unit| *unit == [0, 0]);
                // Every string ends with a NUL, so that nothing follows the last.
                units.next_back();
                units.map(|units| of(units.as_flattened())).collect()
            }
            kind::ANSI => {
                let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
                bytes.split(|byte| *byte == 0).map(of).collect()
            }
            kind::SID => {
                let mut items = Vec::new();
                let mut rest = bytes;
                while let [_, parts, ..] = rest {
                    let length = (8 + 4 * usize::from(*parts)).min(rest.len());
                    let (item, after) = rest.split_at(length);
                    items.push(of(item));
                    rest = after;
                }
                items
            }
            kind => bytes
                .chunks_exact(width(kind).unwrap_or(1).max(1))
                .map(of)
                .collect(),
        })
    }

    /// The bytes as a little-endian number, and the same with its sign.
    fn number(&self) -> (u64, i64) {
        let mut bytes = [0u8; 8];
        let length = self.bytes.len().min(8);
        bytes[..length].copy_from_slice(&self.bytes[..length]);
        let unsigned = u64::from_le_bytes(bytes);
        let unused = 64 - 8 * length.max(1) as u32;
        (unsigned, (unsigned << unused) as i64 >> unused)
    }

    /// A number or boolean as `i64`; `None` for other types and for what is too large.
    pub(super) fn integer(&self) -> Option<i64> {
        match self.kind {
            kind::INT8 | kind::INT16 | kind::INT32 | kind::INT64 => Some(self.number().1),
            kind::UINT8 | kind::UINT16 | kind::UINT32 | kind::UINT64 => i64::try_from(self.number().0).ok(),
            _ => None,
        }
    }

    /// Ticks of a FILETIME; `None` for other types.
    pub(super) fn file_time(&self) -> Option<u64> {
        (self.kind == kind::FILETIME).then(|| self.number().0)
    }

    /// Whether a boolean is true.
    pub(super) fn flag(&self) -> Option<bool> {
        (self.kind == kind::BOOL).then(|| self.number().0 == 1)
    }

    /// Appends its text, as it is.
    ///
    /// # Errors
    ///
    /// For types that have none: nested binary XML, handles.
    pub(super) fn push_text(&self, out: &mut Vec<u8>) -> Result<(), Damage> {
        match self.kind {
            kind::NULL => {}
            kind::STRING => push_utf16(self.bytes, out),
            kind::ANSI => push_ansi(self.bytes, out),
            kind::INT8 | kind::INT16 | kind::INT32 | kind::INT64 => match self.number() {
                (_, number @ 0..) => push_unsigned(number as u64, out),
                (_, number) => push_number(number, out),
            },
            kind::UINT8 | kind::UINT16 | kind::UINT32 | kind::UINT64 => push_unsigned(self.number().0, out),
            // Both print the shortest digits that give the number back.
            kind::FLOAT32 => push_float(&f32::from_bits(self.number().0 as u32), out),
            kind::FLOAT64 => push_float(&f64::from_bits(self.number().0), out),
            kind::BOOL => out.extend_from_slice(if self.number().0 == 1 { b"true" } else { b"false" }),
            kind::BINARY => push_binary(self.bytes, out),
            kind::GUID => push_guid(self.bytes, out),
            kind::FILETIME => push_file_time(self.number().0, out),
            kind::SYSTEMTIME => push_system_time(self.bytes, out),
            kind::SID => push_sid(self.bytes, out),
            kind::HEX32 | kind::HEX64 => push_hex(self.number().0, out),
            _ => {
                let Some(items) = self.items() else {
                    return Err(Damage(format!("a value of type {:#04x} has no text", self.kind)));
                };
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        out.push(b',');
                    }
                    item.push_text(out)?;
                }
            }
        }
        Ok(())
    }

    /// In which digits control characters of its text are escaped.
    pub(super) fn digits(&self) -> Digits {
        match self.kind & !kind::ARRAY {
            kind::STRING => Digits::Upper,
            _ => Digits::Lower,
        }
    }

    /// Appends its text as the inside of a JSON string.
    ///
    /// # Errors
    ///
    /// As [`Scalar::push_text`].
    pub(super) fn push_json(&self, out: &mut Vec<u8>) -> Result<(), Damage> {
        if !matches!(self.kind & !kind::ARRAY, kind::STRING | kind::ANSI) {
            return self.push_text(out);
        }
        let mut text = Vec::new();
        self.push_text(&mut text)?;
        push_escaped(&text, self.digits(), out);
        Ok(())
    }
}

fn push_float<T: serde::Serialize + std::fmt::Display>(number: &T, out: &mut Vec<u8>) {
    match serde_json::to_string(number) {
        Ok(text) if text != "null" => out.extend_from_slice(text.as_bytes()),
        // No JSON, but the text of a value: `NaN`, `inf`, `-inf`.
        _ => push_number(number, out),
    }
}

fn sid<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Damage> {
    let mut ahead = *cursor;
    let parts = ahead.take(8)?[1];
    cursor.take(8 + 4 * usize::from(parts))
}
