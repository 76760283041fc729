//! Numbers of many entities in which nothing happens.

use super::Noise;

const DAY_MINUTES: f64 = 1_440.0;

/// The number of one entity per interval, without an anomaly: a season of a day and a week, noise with a heavy tail, a level that
/// wanders. A third of the entities are of each kind.
#[derive(Debug, Clone)]
pub struct Calm {
    noise: Noise,
    kind: u64,
    // Of its season, in days.
    shift: f64,
    level: f64,
    minutes: f64,
}

impl Calm {
    /// Entity number so and so, with a value each `minutes`.
    pub fn new(seed: u64, number: u64, minutes: i64) -> Self {
        let mut noise = Noise::new(seed.wrapping_mul(1_000_003) + number);
        // The first numbers of near seeds are alike.
        for _ in 0..8 {
            noise.bits();
        }
        Self {
            kind: number % 3,
            shift: 0.2 * noise.uniform(),
            level: 0.0,
            minutes: minutes as f64,
            noise,
        }
    }

    /// The value of the interval that begins so many minutes after the start: never negative.
    pub fn value(&mut self, minute: i64) -> f64 {
        let days = minute as f64 / DAY_MINUTES + self.shift;
        let turn = |days: f64| (days * std::f64::consts::TAU).sin();
        let season = 1.0 + 0.6 * turn(days) + 0.2 * turn(days / 7.0);
        // In a month it wanders by half of itself.
        self.level += 0.1 * (self.minutes / DAY_MINUTES).sqrt() * self.noise.normal();
        let level = season * self.level.clamp(-1.0, 1.0).exp();
        match self.kind {
            // Student's t with three degrees of freedom.
            0 => (100.0 * level + 15.0 * self.noise.heavy()).max(0.0),
            // Log-normal.
            1 => 1e6 * level * (0.8 * self.noise.normal()).exp(),
            // Counts.
            _ => self.noise.count(6.0 * level),
        }
    }
}
