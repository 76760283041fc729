//! The made world that lines are about: who is there, and how often each is seen.
//!
//! | what | how many | how often |
//! |---|---|---|
//! | time | – | goes on by 0 to 20 ms a line |
//! | hosts | 240 | evenly |
//! | addresses inside | 4,096 | few often, many rarely: the square of an even number picks |
//! | addresses outside | 60,000 | the same, the cube |
//! | ports | 32768 – 60999 on the client's side; 24 services | evenly; services by the square |
//! | users | 600 | the square |
//! | process ids | 300 – 65,535 | evenly |
//! | paths of URLs | 4,000, one of four with a query of its own | the square |
//! | user agents | 120 | the square |
//! | sizes, durations | up to 2^8 – 2^24, log-even | – |

use std::io::Write as _;

/// Numbers that look random and are always the same (SplitMix64).
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// The numbers of `seed`.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// A number below `end`, evenly.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// A number below `end`, small ones more often: an even number between 0 and 1 to the power of `power`.
    pub fn skewed(&mut self, end: u64, power: i32) -> u64 {
        let even = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        (even.powi(power) * end as f64) as u64
    }

    /// A size of up to `bits` bits, every length of digits about as often.
    pub fn size(&mut self, bits: u64) -> u64 {
        let bits = 4 + self.below(bits - 3);
        self.below(1 << bits)
    }
}

/// The bits of `number` spread.
pub fn mixed(number: u64) -> u64 {
    let mut z = number;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const SERVICES: &[u64] = &[
    443, 53, 80, 445, 88, 389, 3389, 22, 123, 135, 25, 993, 587, 8080, 8443, 5985, 1433, 3306, 5432, 636,
    9200, 5060, 161, 21,
];
const GIVEN: &[&str] = &[
    "ana", "ben", "carla", "dan", "eva", "finn", "gita", "hugo", "ines", "jan", "kim", "lea", "mia", "noah",
    "olga", "paul", "rosa", "sam", "tom", "uma",
];
const FAMILY: &[&str] = &[
    "adams", "berg", "costa", "dupont", "evans", "fischer", "garcia", "haas", "ito", "jensen", "kaya",
    "lopez", "meyer", "novak", "okafor", "petit", "quinn", "rossi", "silva", "tanaka", "urban", "vogel",
    "weber", "xu", "young", "zhou", "moreau", "nagy", "olsen", "park",
];
const FOLDERS: &[&str] = &[
    "api/v1/orders",
    "static/img",
    "shop/items",
    "account",
    "assets/js",
    "search",
    "help",
    "media/2026",
    "blog",
    "cart",
];
const MONTHS: &[&str] = &[
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The world at a moment.
pub struct World {
    /// Where all of it comes from.
    pub random: Random,
    /// Milliseconds since the epoch.
    pub now: u64,
    /// Number of lines so far.
    pub line: u64,
}

impl World {
    /// The world at 2026-11-20T06:00:00Z.
    pub fn new(seed: u64) -> Self {
        World {
            random: Random::new(seed),
            now: 1_795_154_400_000,
            line: 0,
        }
    }

    /// Time goes on by a line.
    pub fn tick(&mut self) {
        self.line += 1;
        self.now += self.random.below(21);
    }

    /// Writes a value of `kind`: a name in `{}` of a template.
    pub fn write(&mut self, kind: &str, to: &mut Vec<u8>) {
        let random = &mut self.random;
        let done = match kind {
            "bsd" | "iso" | "isoms" | "apache" | "date" | "clock" | "slashed" | "spaced" => {
                write_time(self.now, kind, to)
            }
            "epoch" => write!(
                to,
                "{}.{:06}",
                self.now / 1000,
                self.now % 1000 * 1000 + random.below(1000)
            ),
            "epochms" => write!(to, "{}", self.now),
            "epochns" => write!(to, "{}", self.now * 1_000_000),
            "host" => write!(to, "srv-{:03}", random.below(240)),
            "workstation" => write!(to, "ws-{:04}", random.skewed(1200, 2)),
            "inside" => {
                let number = random.skewed(4096, 2);
                write!(to, "10.20.{}.{}", number >> 8, number & 255)
            }
            "outside" => {
                let number = mixed(random.skewed(60_000, 3));
                write!(
                    to,
                    "{}.{}.{}.{}",
                    11 + number % 180,
                    number >> 8 & 255,
                    number >> 16 & 255,
                    number >> 24 & 255
                )
            }
            "port" => write!(to, "{}", 32_768 + random.below(28_232)),
            "service" => write!(
                to,
                "{}",
                SERVICES[random.skewed(SERVICES.len() as u64, 2) as usize]
            ),
            "user" => {
                let number = random.skewed(600, 2) as usize;
                write!(to, "{}.{}", GIVEN[number % 20], FAMILY[number / 20])
            }
            "pid" => write!(to, "{}", 300 + random.below(65_236)),
            "path" => write_path(random, to),
            "agent" => write_agent(random.skewed(120, 2), to),
            "small" => write!(to, "{}", random.size(8)),
            "size" => write!(to, "{}", random.size(16)),
            "large" => write!(to, "{}", random.size(24)),
            "seconds" => write!(to, "{}.{:06}", random.size(9), random.below(1_000_000)),
            "hms" => write!(
                to,
                "{}:{:02}:{:02}",
                random.below(3),
                random.below(60),
                random.below(60)
            ),
            "serial" => write!(to, "{}", 40_000_000 + self.line),
            "hex8" => write!(to, "{:08x}", random.next() as u32),
            "hex16" => write!(to, "{:016x}", random.next()),
            "base43" => write_base64(random, 43, to),
            "domain" => {
                let number = random.skewed(3000, 2);
                write!(
                    to,
                    "{}{}.example.{}",
                    FAMILY[number as usize % 30],
                    number / 30,
                    ["com", "net", "org"][number as usize % 3]
                )
            }
            "uid" => {
                to.push(b'C');
                write_base64(random, 17, to)
            }
            _ => panic!("no value is called `{kind}`"),
        };
        done.expect("writing to memory cannot fail");
    }
}

fn write_base64(random: &mut Random, letters: usize, to: &mut Vec<u8>) -> std::io::Result<()> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    to.extend((0..letters).map(|_| LETTERS[random.below(62) as usize]));
    Ok(())
}

fn write_path(random: &mut Random, to: &mut Vec<u8>) -> std::io::Result<()> {
    let number = random.skewed(4000, 2) as usize;
    write!(to, "/{}/{}", FOLDERS[number % 10], number / 10)?;
    if number.is_multiple_of(3) {
        to.extend_from_slice([&b".png"[..], b".html", b".js"][number % 9 / 3]);
    }
    match random.below(4) {
        0 => write!(
            to,
            "?id={}&ref={:x}",
            random.below(100_000),
            random.below(1 << 32)
        ),
        _ => Ok(()),
    }
}

fn write_agent(number: u64, to: &mut Vec<u8>) -> std::io::Result<()> {
    let version = 100 + number / 3;
    match number % 3 {
        0 => write!(
            to,
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
        ),
        1 => write!(
            to,
            "Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"
        ),
        _ => write!(to, "python-requests/2.{version}"),
    }
}

/// Writes `millis` since the epoch in one of the notations.
pub fn write_time(millis: u64, notation: &str, to: &mut Vec<u8>) -> std::io::Result<()> {
    let (days, rest) = (millis / 86_400_000, millis % 86_400_000);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
    let milli = rest % 1000;
    // The civil calendar from days, after Howard Hinnant.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let name = MONTHS[month as usize - 1];
    match notation {
        "bsd" => write!(to, "{name} {day:>2} {hour:02}:{minute:02}:{second:02}"),
        "iso" => write!(
            to,
            "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        ),
        "isoms" => write!(
            to,
            "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}"
        ),
        "spaced" => write!(
            to,
            "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{milli:03}"
        ),
        "apache" => write!(
            to,
            "{day:02}/{name}/{year}:{hour:02}:{minute:02}:{second:02} +0000"
        ),
        "date" => write!(to, "{year}-{month:02}-{day:02}"),
        "clock" => write!(to, "{hour:02}:{minute:02}:{second:02}"),
        _ => write!(to, "{year}/{month:02}/{day:02} {hour:02}:{minute:02}:{second:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_the_calendar() {
        let text = |millis, notation| {
            let mut to = Vec::new();
            write_time(millis, notation, &mut to).expect("memory");
            String::from_utf8(to).expect("ASCII")
        };
        assert_eq!(text(1_795_154_400_007, "isoms"), "2026-11-20T06:00:00.007");
        assert_eq!(text(1_772_236_800_000, "bsd"), "Feb 28 00:00:00");
        assert_eq!(text(951_782_400_000, "slashed"), "2000/02/29 00:00:00");
    }

    #[test]
    fn the_same_seed_is_the_same_world() {
        let line = |seed| {
            let (mut world, mut to) = (World::new(seed), Vec::new());
            for kind in ["outside", "user", "path", "agent", "uid", "seconds"] {
                world.write(kind, &mut to);
            }
            to
        };
        assert_eq!(line(1), line(1));
        assert_ne!(line(1), line(2));
    }
}
