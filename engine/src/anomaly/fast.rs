//! `exp` and `ln` to eight digits and more, in a few steps: where there are hundreds for one connection.

use std::f64::consts::{LN_2, LOG2_E, SQRT_2};

/// `exp(x)` of what is not above zero, within 1 in 100 million; 0 far below.
pub(super) fn exp_of_negative(x: f64) -> f64 {
    if x < -700.0 {
        return 0.0;
    }
    // The nearest whole number; the cast cuts towards zero.
    let power = (x * LOG2_E - 0.5) as i64;
    let rest = x - power as f64 * LN_2;
    let series = [
        1.0 / 5040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ];
    let sum = series.iter().fold(0.0, |sum, factor| sum * rest + factor);
    sum * f64::from_bits(((1023 + power).max(0) as u64) << 52)
}

/// `ln(x)` of a normal positive number, within 1 in 10 billion.
pub(super) fn ln(x: f64) -> f64 {
    const FRACTION: u64 = (1 << 52) - 1;
    let bits = x.to_bits();
    let mut power = (bits >> 52) as i64 - 1023;
    let mut part = f64::from_bits((bits & FRACTION) | (1023 << 52));
    if part > SQRT_2 {
        part *= 0.5;
        power += 1;
    }
    // Twice the area tangent.
    let ratio = (part - 1.0) / (part + 1.0);
    let square = ratio * ratio;
    let series = [1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 0.2, 1.0 / 3.0, 1.0];
    let sum = series.iter().fold(0.0, |sum, factor| sum * square + factor);
    power as f64 * LN_2 + 2.0 * ratio * sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_the_library_says(x in -690.0..0.0f64, power in -300.0..300.0f64) {
            prop_assert!((exp_of_negative(x) / x.exp() - 1.0).abs() < 1e-8);
            let number = 10f64.powf(power);
            prop_assert!((ln(number) - number.ln()).abs() < 1e-9);
        }
    }

    #[test]
    fn at_the_ends() {
        assert_eq!(exp_of_negative(0.0), 1.0);
        assert_eq!(exp_of_negative(f64::NEG_INFINITY), 0.0);
        assert_eq!(ln(1.0), 0.0);
    }
}
