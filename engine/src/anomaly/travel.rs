//! Impossible travel: two places of one account that are farther apart than anything flies in the time between.
//!
//! Distances are great circles by the haversine (Sinnott, *Virtues of the haversine*, Sky and Telescope 1984), on a
//! sphere: half a percent off at most. From each the precision of both places is taken off.
//!
//! # When not
//!
//! A place of an address is where its registry or a data base says: mobile networks, proxies of companies and VPNs are
//! anywhere. Somebody who switches a VPN on and off jumps back and forth between two places; the first jump alerts, the same
//! jump again does not while the account is seen at both within 30 days ([`Score::known`]). So an intruder who uses the
//! exit of a VPN that the account uses too is **not** found, nor one who comes from nearby.
//! There is no rate of alerts to ask for: what is impossible is a matter of speed, not of statistics.

use serde::{Deserialize, Serialize};

const EARTH_KM: f64 = 6_371.0;
const PLACES: usize = 6;
/// A place not seen for so long is forgotten: 30 days.
const REMEMBERED_MICROS: i64 = 30 * 86_400_000_000;
/// Times are no better than this: what is closer together counts as so far apart.
const LEAST_SECONDS: f64 = 1.0;

/// How a [`Travel`] works.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What is faster is impossible; a passenger plane with its way to the airport stays under 1,000 km/h.
    pub speed_kmh: f64,
    /// Shorter distances never alert.
    pub least_km: f64,
    /// How far off a place may be that does not say how precise it is.
    pub precision_km: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            speed_kmh: 1_000.0,
            least_km: 200.0,
            precision_km: 50.0,
        }
    }
}

/// Where something happened.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    pub longitude: f64,
    /// How far off that may be.
    pub precision_km: Option<f64>,
}

/// What is known about a place the moment it comes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// From the place before, at least; 0 for the first place and for one that is none.
    pub distance_km: f64,
    /// Since the place before.
    pub seconds: f64,
    /// The speed that this takes, at least.
    pub speed_kmh: f64,
    /// Latitude and longitude of the place before.
    pub from: Option<(f64, f64)>,
    /// The account jumped between these two before.
    pub known: bool,
    /// Too fast, and not known.
    pub alert: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Known {
    latitude: f32,
    longitude: f32,
    precision_km: f32,
    // Places by number to which an impossible jump from here was made.
    jumps: u8,
    last: i64,
}

/// The places of one account: 200 bytes, nothing on the heap.
///
/// ```
/// use borzoi_engine::anomaly::travel::{Place, Settings, Travel};
///
/// let hour = 3_600_000_000;
/// let berlin = Place { latitude: 52.5, longitude: 13.4, precision_km: None };
/// let sydney = Place { latitude: -33.9, longitude: 151.2, precision_km: None };
/// let mut travel = Travel::new(Settings::default());
/// assert!(!travel.update(0, berlin).alert);
/// let jump = travel.update(2 * hour, sydney);
/// assert!(jump.alert && jump.distance_km > 15_900.0 && jump.speed_kmh > 7_900.0);
/// // Back, and there again: known by now.
/// assert!(!travel.update(3 * hour, berlin).alert);
/// assert!(!travel.update(5 * hour, sydney).alert);
/// // By plane it takes a day.
/// let mut traveller = Travel::new(Settings::default());
/// traveller.update(0, berlin);
/// assert!(!traveller.update(24 * hour, sydney).alert);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Travel {
    settings: Settings,
    places: [Known; PLACES],
    filled: u8,
    current: u8,
}

impl Travel {
    /// An account that was nowhere yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            places: [Known::default(); PLACES],
            filled: 0,
            current: 0,
        }
    }

    /// Takes a place. One that is none on earth changes nothing; a time that goes back counts as the same moment.
    pub fn update(&mut self, time_micros: i64, place: Place) -> Score {
        let on_earth = place.latitude.abs() <= 90.0 && place.longitude.abs() <= 180.0;
        let precision = place.precision_km.filter(|km| *km >= 0.0 && km.is_finite());
        let here = Known {
            latitude: place.latitude as f32,
            longitude: place.longitude as f32,
            precision_km: precision.unwrap_or(self.settings.precision_km.max(0.0)) as f32,
            jumps: 0,
            last: time_micros,
        };
        let before = self.places().get(usize::from(self.current)).copied();
        let Some(before) = before.filter(|_| on_earth) else {
            if on_earth {
                self.arrive(here);
            }
            return Score {
                distance_km: 0.0,
                seconds: 0.0,
                speed_kmh: 0.0,
                from: None,
                known: false,
                alert: false,
            };
        };

        let seconds = time_micros.saturating_sub(before.last).max(0) as f64 / 1e6;
        let distance_km = least_distance(&before, &here);
        let speed_kmh = distance_km / seconds.max(LEAST_SECONDS) * 3_600.0;
        let too_fast = distance_km >= self.settings.least_km && speed_kmh > self.settings.speed_kmh;
        let from = usize::from(self.current);
        let to = self.arrive(Known {
            last: time_micros.max(before.last),
            ..here
        });
        // Room for the place may have been made of the one before.
        let known = from == to || self.places[from].jumps & (1 << to) != 0;
        if too_fast && from != to {
            self.places[from].jumps |= 1 << to;
            self.places[to].jumps |= 1 << from;
        }
        Score {
            distance_km,
            seconds,
            speed_kmh,
            from: Some((f64::from(before.latitude), f64::from(before.longitude))),
            known: too_fast && known,
            alert: too_fast && !known,
        }
    }

    fn places(&self) -> &[Known] {
        &self.places[..usize::from(self.filled).min(PLACES)]
    }

    /// Makes a place the current one and gives its number: one that is known and not told apart from it, or that of the
    /// place longest not seen.
    fn arrive(&mut self, here: Known) -> usize {
        let remembered = here.last.saturating_sub(REMEMBERED_MICROS);
        let near = |known: &Known| known.last >= remembered && least_distance(known, &here) == 0.0;
        let place = self.places().iter().position(near).unwrap_or_else(|| {
            let filled = usize::from(self.filled).min(PLACES);
            let current = usize::from(self.current);
            let place = if filled < PLACES {
                self.filled = filled as u8 + 1;
                filled
            } else {
                (0..PLACES)
                    .filter(|&place| place != current)
                    .min_by_key(|&place| self.places[place].last)
                    .unwrap_or(0)
            };
            for known in &mut self.places {
                known.jumps &= !(1 << place);
            }
            self.places[place] = here;
            place
        });
        self.places[place].last = here.last;
        self.current = place as u8;
        place
    }
}

/// Kilometres between two places, less how far off they may be.
fn least_distance(a: &Known, b: &Known) -> f64 {
    let distance = haversine_km(
        (f64::from(a.latitude), f64::from(a.longitude)),
        (f64::from(b.latitude), f64::from(b.longitude)),
    );
    (distance - f64::from(a.precision_km) - f64::from(b.precision_km)).max(0.0)
}

/// Kilometres along the great circle between two places, each latitude and longitude in degrees.
pub fn haversine_km(a: (f64, f64), b: (f64, f64)) -> f64 {
    let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let across = half(b.0 - a.0) + a.0.to_radians().cos() * b.0.to_radians().cos() * half(b.1 - a.1);
    2.0 * EARTH_KM * across.clamp(0.0, 1.0).sqrt().asin()
}

#[cfg(test)]
mod tests {
    use super::super::simulate::Noise;
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn at(latitude: f64, longitude: f64) -> Place {
        Place {
            latitude,
            longitude,
            precision_km: None,
        }
    }

    #[test]
    fn distances_are_right() {
        // Paris to New York, the quarter of a meridian, across the date line, pole to pole.
        for (a, b, km) in [
            ((48.8567, 2.3508), (40.7128, -74.0060), 5_837.0),
            ((0.0, 0.0), (90.0, 50.0), 10_007.5),
            ((0.0, 179.5), (0.0, -179.5), 111.2),
            ((90.0, 0.0), (-90.0, 70.0), 20_015.0),
            ((10.0, 20.0), (10.0, 20.0), 0.0),
        ] {
            assert!(
                (haversine_km(a, b) - km).abs() < 1.0,
                "{a:?} {b:?} {}",
                haversine_km(a, b)
            );
        }
    }

    #[test]
    fn who_flies_and_commutes_is_quiet_and_who_is_in_two_places_is_not() {
        let (mut noise, mut quiet, mut found) = (Noise::new(2), 0, 0);
        for _ in 0..500 {
            let mut travel = Travel::new(Settings::default());
            let (mut time, mut here) = (
                0,
                (120.0 * noise.uniform() - 60.0, 360.0 * noise.uniform() - 180.0),
            );
            for _ in 0..50 {
                let there = (120.0 * noise.uniform() - 60.0, 360.0 * noise.uniform() - 180.0);
                let hours = haversine_km(here, there) / 850.0 + 1.0;
                time += (hours * HOUR as f64) as i64;
                here = there;
                // Where the data base thinks that is, in up to 50 km.
                let off = 0.3 * noise.uniform();
                quiet += usize::from(travel.update(time, at(here.0 + off, here.1)).alert);
            }
            let opposite = if here.1 > 0.0 {
                here.1 - 180.0
            } else {
                here.1 + 180.0
            };
            let found_one = travel.update(time + HOUR, at(-here.0, opposite)).alert;
            found += usize::from(found_one);
        }
        assert_eq!((quiet, found), (0, 500));
    }

    #[test]
    fn a_vpn_switched_on_and_off_alerts_once_and_a_third_place_again() {
        let (home, exit, third) = (at(51.0, 7.0), at(37.0, -122.0), at(1.3, 103.8));
        let mut travel = Travel::new(Settings::default());
        let mut alerts = 0;
        for step in 0..100 {
            let place = if step % 2 == 0 { home } else { exit };
            alerts += usize::from(travel.update(step * HOUR, place).alert);
        }
        assert_eq!(alerts, 1);
        assert!(travel.update(100 * HOUR, third).alert);
    }

    #[test]
    fn many_places_take_no_more_and_the_oldest_is_forgotten() {
        let mut travel = Travel::new(Settings::default());
        for step in 0..1_000 {
            let longitude = (step * 37 % 360) as f64 - 180.0;
            travel.update(step, at(10.0, longitude));
        }
        assert!(size_of::<Travel>() <= 256, "{}", size_of::<Travel>());
        let text = serde_json::to_string(&travel).unwrap();
        assert_eq!(travel, serde_json::from_str(&text).unwrap());
    }

    #[test]
    fn nonsense_changes_nothing() {
        let mut travel = Travel::new(Settings::default());
        travel.update(0, at(10.0, 10.0));
        let before = travel.clone();
        for place in [
            at(f64::NAN, 0.0),
            at(0.0, f64::INFINITY),
            at(91.0, 0.0),
            at(0.0, -181.0),
        ] {
            assert!(!travel.update(1, place).alert);
        }
        assert_eq!(travel, before);
        for time in [i64::MIN, i64::MAX, 5, 5] {
            let score = travel.update(time, at(-50.0, 170.0));
            assert!(score.speed_kmh.is_finite() && score.seconds >= 0.0, "{score:?}");
        }
    }
}
