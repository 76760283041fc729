//! Numbers in three bytes.

use serde::{Deserialize, Serialize};

/// A 32-bit float without the last byte of its fraction, rounded: four to five digits. For the many means of a series, of which
/// none is known to a thousandth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Compact([u8; 3]);

impl Compact {
    pub(super) fn of(value: f64) -> Compact {
        let bits = (value as f32).to_bits();
        // To the nearest; what would become infinite stays the greatest.
        let rounded = match bits.checked_add(0x80) {
            Some(rounded) if f32::from_bits(rounded & !0xff).is_finite() => rounded,
            _ => bits,
        };
        let [_, low, middle, high] = rounded.to_le_bytes();
        Compact([low, middle, high])
    }

    pub(super) fn get(self) -> f64 {
        let [low, middle, high] = self.0;
        f64::from(f32::from_le_bytes([0, low, middle, high]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_within_two_hundred_thousandths(value in prop::num::f32::NORMAL) {
            let back = Compact::of(f64::from(value)).get();
            let off = (back - f64::from(value)).abs() / f64::from(value).abs();
            prop_assert!(off < 2e-5, "{value} {back}");
        }
    }

    #[test]
    fn ends_are_kept() {
        for value in [0.0, -1.0, 1.0, 2.5, f64::from(f32::MAX), f64::from(f32::MIN)] {
            let back = Compact::of(value).get();
            assert!(
                back.is_finite() && (back - value).abs() <= value.abs() * 2e-5,
                "{value} {back}"
            );
        }
        assert!(Compact::of(f64::INFINITY).get().is_infinite());
    }
}
