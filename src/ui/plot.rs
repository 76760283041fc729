//! Numbers as a row of bars.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One bar for each number, the highest of them where there are more than `width`; on one scale with the `others` that stand
/// beside them, from the least (or 0, if none is below) to the greatest.
pub fn bars(numbers: &[f64], others: &[f64], width: usize) -> String {
    let all = || numbers.iter().chain(others).copied();
    let finite = || all().filter(|number| number.is_finite());
    let low = finite().fold(0.0, f64::min);
    let high = finite().fold(f64::MIN, f64::max);
    let each = numbers.len().div_ceil(width.max(1)).max(1);
    numbers
        .chunks(each)
        .map(|chunk| {
            let highest = chunk.iter().copied().fold(f64::MIN, f64::max);
            let part = (highest - low) / (high - low);
            let place = (part * BARS.len() as f64) as usize;
            BARS[place.min(BARS.len() - 1)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::bars;

    #[test]
    fn bars_are_as_high_as_their_numbers() {
        assert_eq!(bars(&[0.0, 1.0, 7.0, 8.0], &[], 10), "▁▂██");
        assert_eq!(bars(&[-1.0, 0.0, 1.0], &[], 10), "▁▅█");
        // The highest of each two.
        assert_eq!(bars(&[0.0, 8.0, 0.0, 0.0], &[], 2), "█▁");
        assert_eq!(bars(&[1.0, 2.0], &[8.0], 10), "▂▃");
        assert_eq!(bars(&[], &[], 10), "");
        assert_eq!(bars(&[0.0, 0.0], &[], 10), "▁▁");
        assert_eq!(bars(&[f64::NAN, 3.0], &[], 10).chars().count(), 2);
    }
}
