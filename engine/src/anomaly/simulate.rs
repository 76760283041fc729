//! Noise and traces for tests, benchmarks and calibration: deterministic, without a dependency.
//!
//! Not real traffic: each trace says what it is made of, so that a figure measured on it says how far it goes.

mod calm;
mod names;
mod sources;
mod traffic;

pub use calm::Calm;
pub use names::{Family, of_people};
pub use sources::{FanOut, Source, working_hours};
pub use traffic::{Callbacks, People};

/// xorshift64* (Vigna 2016) and what is made from it.
#[derive(Debug, Clone)]
pub struct Noise(u64);

impl Noise {
    /// The same seed gives the same noise.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// In `(0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// In `low..high`, evenly on a logarithmic scale.
    pub fn spread(&mut self, low: f64, high: f64) -> f64 {
        low * (high / low).powf(self.uniform())
    }

    /// A whole number in `0..below`.
    pub fn below(&mut self, below: usize) -> usize {
        ((self.uniform() * below as f64) as usize).min(below.saturating_sub(1))
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Student's t with 3 degrees of freedom.
    pub fn heavy(&mut self) -> f64 {
        let squares: f64 = (0..3).map(|_| self.normal().powi(2)).sum();
        self.normal() / (squares / 3.0).sqrt()
    }

    /// Exponential with the mean 1.
    pub fn wait(&mut self) -> f64 {
        -self.uniform().ln()
    }

    /// Pareto: at least 1, heavier the smaller the shape.
    pub fn pareto(&mut self, shape: f64) -> f64 {
        self.uniform().powf(-1.0 / shape)
    }

    /// A count with the mean `mean` (Knuth); for means up to some hundred.
    pub fn count(&mut self, mean: f64) -> f64 {
        let least = (-mean).exp();
        let (mut product, mut count) = (self.uniform(), 0.0);
        while product > least {
            product *= self.uniform();
            count += 1.0;
        }
        count
    }
}
