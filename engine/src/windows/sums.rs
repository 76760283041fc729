//! Sums of floating-point numbers without rounding on the way.
//!
//! A window's sum must not depend on what was in the window before, or on the order in which its values came.
//! So it is kept exactly, as parts that do not overlap (Shewchuk, *Adaptive Precision Floating-Point
//! Arithmetic*, 1997; the method of Python's `math.fsum`), and rounded only when somebody asks.

/// Values further from zero take no part: a window of them could leave the range of numbers.
pub const LARGEST: f64 = 1e280;

/// An exact sum. *Cost*: per value as many additions as there are parts, mostly one or two, 39 at most.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExactSum {
    /// Ascending in magnitude, none overlapping the next.
    parts: Vec<f64>,
}

impl ExactSum {
    /// Adds a finite number not further from zero than [`LARGEST`]; to take it out again, add its negative.
    pub fn add(&mut self, number: f64) {
        let mut rest = number;
        let mut kept = 0;
        for index in 0..self.parts.len() {
            let mut other = self.parts[index];
            if rest.abs() < other.abs() {
                std::mem::swap(&mut rest, &mut other);
            }
            let high = rest + other;
            let low = other - (high - rest);
            if low != 0.0 {
                self.parts[kept] = low;
                kept += 1;
            }
            rest = high;
        }
        self.parts.truncate(kept);
        if rest != 0.0 {
            self.parts.push(rest);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.parts.clear();
    }

    /// The sum, rounded once.
    pub fn value(&self) -> f64 {
        let parts = &self.parts;
        let Some((&last, _)) = parts.split_last() else {
            return 0.0;
        };
        let (mut high, mut low) = (last, 0.0);
        let mut left = parts.len() - 1;
        while left > 0 {
            left -= 1;
            let (before, part) = (high, parts[left]);
            high = before + part;
            low = part - (high - before);
            if low != 0.0 {
                break;
            }
        }
        // Halfway between two numbers: what lies below decides.
        if left > 0 && ((low < 0.0 && parts[left - 1] < 0.0) || (low > 0.0 && parts[left - 1] > 0.0)) {
            let twice = low * 2.0;
            let rounded = high + twice;
            if twice == rounded - high {
                high = rounded;
            }
        }
        high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_between_large_and_small() {
        let mut sum = ExactSum::default();
        for number in [1e16, 1.0, -1e16, 0.1, 1e200, -1e200] {
            sum.add(number);
        }
        assert_eq!(sum.value(), 1.1);
        sum.add(-1.0);
        assert_eq!(sum.value(), 0.1);
        sum.add(-0.1);
        assert_eq!(sum, ExactSum::default());
    }

    #[test]
    fn ten_tenths_are_one_in_any_order() {
        let mut sum = ExactSum::default();
        for _ in 0..10 {
            sum.add(0.1);
        }
        assert_eq!(sum.value(), 1.0);
        for half in [1e16, 1.0, 1e-16, -1e16] {
            sum.add(half);
        }
        assert_eq!(sum.value(), 2.0000000000000001);
    }
}
