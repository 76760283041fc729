//! A made-up day of two companies, with attacks in it whose every record is known.
//!
//! [`generate`] writes the logs that a manufacturer (`acme`) and a web company (`globex`) would have: Sysmon,
//! the Security and System logs, PowerShell, syslog, the audit daemon, Zeek, nginx and CloudTrail, each in a
//! shape that people really have on disk. Most of it is ordinary: people at their desks, machines that update
//! and back up, scanners from the internet. Among it are the attacks of [`Truth`]. [`Judge`] then says which of
//! them a set of rules found, and how many alerts were false. [`hunts`] are questions to ask of the same day.
//!
//! The same [`Options`] give the same bytes on every machine. All names and addresses are made up or set aside
//! for documentation.
//!
//! | module | holds |
//! |---|---|
//! | `world` | hosts, people, and the words of `data/scenario/` |
//! | `clock`, `random` | the rhythm of the day; numbers |
//! | `windows`, `linux`, `network`, `web`, `cloud` | ordinary records of each log |
//! | `attacks` | the attacks and what they leave |
//! | `files` | merging and writing |
//! | `judge` | alerts against truth |

mod attacks;
mod clock;
mod cloud;
mod files;
mod json;
mod judge;
mod linux;
mod network;
mod random;
mod web;
mod windows;
mod world;

use std::fmt;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use attacks::{Plan, file};
use clock::{Clock, Rhythm};
use files::Frame;
use random::Random;
use world::Tenant;

pub use attacks::{Attack, Record};
pub use judge::{FalseAlert, Judge, Verdict};

/// What to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Another number, another day.
    pub seed: u64,
    /// About how many events; the attacks' few hundred come on top.
    pub events: usize,
    /// The day (UTC).
    pub day: NaiveDate,
}

impl Default for Options {
    /// 250,000 events of a fixed day, so that what is printed about them does not change.
    fn default() -> Self {
        Self {
            seed: 1,
            events: 250_000,
            day: NaiveDate::from_ymd_opt(2026, 11, 20).unwrap_or_default(),
        }
    }
}

/// What was generated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Names of the tenants; their logs lie in `logs/<tenant>/`.
    pub tenants: Vec<String>,
    /// The attacks.
    pub attacks: Vec<Attack>,
    /// Events in all files together.
    pub events: u64,
}

/// A file could not be written.
#[derive(Debug)]
pub struct DemoError {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot write {}: {}; choose another folder with --dir",
            self.path.display(),
            self.source
        )
    }
}

impl std::error::Error for DemoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// A question to ask of the generated day.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hunt {
    /// In words.
    pub question: String,
    /// In SQL.
    pub sql: String,
}

/// Five questions that a hunter would ask of the day.
pub fn hunts() -> Vec<Hunt> {
    serde_json::from_str(include_str!("../../data/scenario/hunts.json"))
        .expect("the embedded file is read by the tests")
}

/// Writes the day's logs below `dir/logs/`, and the truth about them to `dir/truth.json`.
///
/// # Errors
///
/// If a file cannot be written.
pub fn generate(dir: &Path, options: &Options) -> Result<Truth, DemoError> {
    let clock = Clock::new(options.day);
    let mut world = Random::new(options.seed, "world");
    let acme = Tenant::acme(&mut world);
    let globex = Tenant::globex(&mut world);
    let Plan { attacks, mut lines } =
        attacks::plan(clock, &mut Random::new(options.seed, "attacks"), &acme, &globex);
    let regular = network::regular(clock, &mut Random::new(options.seed, "regular"), &acme);
    lines
        .entry(file::ACME_CONN.to_owned())
        .or_default()
        .extend(regular);
    let mut day = Day {
        dir: dir.join("logs"),
        options,
        clock,
        lines,
        events: 0,
    };

    // Thousandths of all events.
    day.file(file::ACME_SYSMON, 400, Rhythm::Office, Frame::lines(), |r, t| {
        windows::sysmon(&acme, r, t)
    })?;
    day.file(
        file::ACME_SECURITY,
        155,
        Rhythm::Office,
        Frame::lines(),
        |r, t| windows::security(&acme, r, t),
    )?;
    day.file(
        file::ACME_POWERSHELL,
        6,
        Rhythm::Office,
        Frame::lines(),
        |r, t| windows::powershell(&acme, r, t),
    )?;
    day.file(
        file::ACME_CONN,
        130,
        Rhythm::Office,
        network::conn_frame(clock),
        |r, t| network::conn(&acme, r, t),
    )?;
    day.file(file::ACME_DNS, 95, Rhythm::Office, Frame::lines(), |r, t| {
        network::dns(&acme, r, t)
    })?;
    day.file(file::ACME_AUTH, 16, Rhythm::Flat, Frame::lines(), |r, t| {
        linux::auth(&acme, r, t)
    })?;
    day.file(file::GLOBEX_SYSMON, 30, Rhythm::Office, Frame::lines(), |r, t| {
        windows::sysmon(&globex, r, t)
    })?;
    day.file(file::GLOBEX_AUTH, 22, Rhythm::Flat, Frame::lines(), |r, t| {
        linux::auth(&globex, r, t)
    })?;
    day.file(file::GLOBEX_AUDIT, 24, Rhythm::Flat, Frame::lines(), |r, t| {
        linux::audit(r, t, attacks::serial(clock, t))
    })?;
    day.file(file::GLOBEX_ACCESS, 80, Rhythm::Shop, Frame::lines(), |r, t| {
        web::access(&globex, r, t)
    })?;
    day.file(file::GLOBEX_HTTP, 22, Rhythm::Office, Frame::lines(), |r, t| {
        network::http(&globex, r, t)
    })?;
    day.cloudtrail(20, &globex)?;

    let truth = Truth {
        tenants: vec![acme.name.to_owned(), globex.name.to_owned()],
        attacks,
        events: day.events,
    };
    let text = serde_json::to_string_pretty(&truth).expect("text, numbers and lists can be written as JSON");
    files::write_text(dir.join("truth.json"), &text)?;
    Ok(truth)
}

/// The day being written.
struct Day<'a> {
    dir: PathBuf,
    options: &'a Options,
    clock: Clock,
    lines: std::collections::BTreeMap<String, Vec<files::Planned>>,
    events: u64,
}

impl Day<'_> {
    fn share(&self, thousandths: usize) -> usize {
        (self.options.events * thousandths / 1000).max(1)
    }

    fn file(
        &mut self,
        name: &str,
        thousandths: usize,
        rhythm: Rhythm,
        frame: Frame,
        mut make: impl FnMut(&mut Random, i64) -> String,
    ) -> Result<(), DemoError> {
        let mut random = Random::new(self.options.seed, name);
        let times = self.clock.times(&mut random, rhythm, self.share(thousandths));
        let attacks = self.lines.remove(name).unwrap_or_default();
        self.events += files::write(
            &self.dir,
            name,
            &frame,
            &times,
            attacks,
            self.clock.end(),
            |time| make(&mut random, time),
        )?;
        Ok(())
    }

    /// CloudTrail's records are spread over four files by time.
    fn cloudtrail(&mut self, thousandths: usize, tenant: &Tenant) -> Result<(), DemoError> {
        let mut random = Random::new(self.options.seed, "cloudtrail");
        let times = self
            .clock
            .times(&mut random, Rhythm::Office, self.share(thousandths).max(24));
        for quarter in 0..4 {
            let name = attacks::cloudtrail_file(self.clock, quarter);
            let (from, to) = (
                self.clock.at(quarter * 6, 0, 0, 0),
                self.clock.at(quarter * 6 + 6, 0, 0, 0),
            );
            let within = &times[times.partition_point(|&t| t < from)..times.partition_point(|&t| t < to)];
            let attacks = self.lines.remove(&name).unwrap_or_default();
            self.events += files::write(
                &self.dir,
                &name,
                &cloud::frame(),
                within,
                attacks,
                self.clock.end(),
                |time| cloud::cloudtrail(tenant, &mut random, time),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
