//! Traffic between two ends: what people make, and call-backs.

use super::Noise;

const SECOND: f64 = 1e6;
const HOUR: f64 = 3_600.0;

/// Times at which a person's program connects to one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum People {
    /// At random at a steady rate, a mean gap of 10 s to 2 h: Poisson.
    Steady,
    /// Visits once an hour on average, each of a Pareto number of clicks (shape 1.2, at most 500) with Pareto pauses
    /// (shape 1.3, at least a second).
    Sessions,
    /// Between 8 and 18 h, most at noon; a mean gap of 30 s to 1 h there.
    Daily,
    /// Log-normal pauses, a median of 20 s to 20 min, a spread (standard deviation of the logarithm) of 1 to 1.6.
    Pauses,
    /// Each action makes 1 to 12 connections within seconds; actions as in `Steady`.
    Bursts,
}

impl People {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Steady,
        Self::Sessions,
        Self::Daily,
        Self::Pauses,
        Self::Bursts,
    ];

    /// Times in microseconds over so many hours, ascending.
    pub fn times(self, noise: &mut Noise, hours: f64) -> Vec<i64> {
        let end = hours * HOUR;
        let mut times = Vec::new();
        let mut at = 0.0;
        match self {
            Self::Steady => {
                let mean = noise.spread(10.0, 2.0 * HOUR);
                while at < end {
                    at += mean * noise.wait();
                    times.push(at);
                }
            }
            Self::Sessions => {
                while at < end {
                    at += HOUR * noise.wait();
                    let clicks = noise.pareto(1.2).min(500.0) as usize;
                    for _ in 0..clicks {
                        times.push(at);
                        at += noise.pareto(1.3);
                    }
                }
            }
            Self::Daily => {
                let mean = noise.spread(30.0, HOUR);
                while at < end {
                    at += mean * noise.wait();
                    let hour = (at / HOUR) % 24.0;
                    let busy = (std::f64::consts::PI * (hour - 8.0) / 10.0).sin();
                    if (8.0..18.0).contains(&hour) && noise.uniform() < busy {
                        times.push(at);
                    }
                }
            }
            Self::Pauses => {
                let (median, spread) = (noise.spread(20.0, 1_200.0), 1.0 + 0.6 * noise.uniform());
                while at < end {
                    at += median * (spread * noise.normal()).exp();
                    times.push(at);
                }
            }
            Self::Bursts => {
                let mean = noise.spread(30.0, 2.0 * HOUR);
                while at < end {
                    at += mean * noise.wait();
                    let mut last = at;
                    for _ in 0..1 + noise.below(12) {
                        times.push(last);
                        last += 1.5 * noise.wait();
                    }
                }
            }
        }
        finished(times, end)
    }
}

/// Call-backs of a program to its controller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Callbacks {
    /// Seconds from one to the next.
    pub period: f64,
    /// Each pause is up to this part of the period shorter or longer, evenly.
    pub jitter: f64,
    /// The part of call-backs that is not seen; the next is a period later.
    pub missing: f64,
    /// Connections per call-back: one to this many, within 2 seconds.
    pub connections: usize,
}

impl Callbacks {
    /// Times in microseconds over so many hours, ascending.
    pub fn times(self, noise: &mut Noise, hours: f64) -> Vec<i64> {
        let end = hours * HOUR;
        let mut times = Vec::new();
        let mut at = self.period * noise.uniform();
        while at < end {
            if noise.uniform() >= self.missing {
                for connection in 0..1 + noise.below(self.connections.max(1)) {
                    times.push(
                        at + if connection > 0 {
                            2.0 * noise.uniform()
                        } else {
                            0.0
                        },
                    );
                }
            }
            at += self.period * (1.0 + self.jitter * (2.0 * noise.uniform() - 1.0));
        }
        finished(times, end)
    }
}

fn finished(mut times: Vec<f64>, end: f64) -> Vec<i64> {
    times.retain(|&at| at < end);
    times.sort_by(f64::total_cmp);
    times.into_iter().map(|at| (at * SECOND) as i64).collect()
}
