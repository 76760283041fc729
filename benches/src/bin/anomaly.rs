//! Updates per second of anomaly detectors: `anomaly [SERIES] [ROUNDS]`, one thread, every series live all the time.
//!
//! Each round gives every series its next value, so that the state of a series has left the caches by its next turn, as
//! it has in a stream over many entities.

use std::time::Instant;

use borzoi_engine::anomaly::Detector;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse());
    let (series, rounds) = (number(100_000)?, number(50)?);
    let mut detectors = vec![Detector::default(); series];
    let (mut state, mut alerts) = (1u64, 0usize);
    let mut seconds = 0.0;
    for round in 0..rounds as i64 {
        // Values first, so that making them is not timed.
        let values: Vec<f64> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f64
        })
        .take(series)
        .collect();
        let began = Instant::now();
        for (detector, &value) in detectors.iter_mut().zip(&values) {
            alerts += usize::from(detector.update(round * 300_000_000, value).alert);
        }
        seconds += began.elapsed().as_secs_f64();
    }
    let updates = series * rounds;
    println!(
        "{series} series of {} bytes, {updates} updates in {seconds:.2} s: {:.0} updates/s, {alerts} alerts",
        size_of::<Detector>(),
        updates as f64 / seconds
    );
    Ok(())
}
