//! The Numenta Anomaly Benchmark: `nab NAB_DIR OUT_DIR` scores every series of `NAB_DIR/data` as a stream.
//!
//! For each `data/GROUP/NAME.csv` it writes `OUT_DIR/GROUP/NAME.csv` with `timestamp,value,anomaly_score`. One
//! detector with its defaults for every file; the name of a file is used for nothing but the path of its output.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use borzoi_engine::anomaly::Detector;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [nab, out] = arguments.as_slice() else {
        return Err("usage: nab NAB_DIR OUT_DIR".into());
    };
    let (mut files, mut rows, mut seconds) = (0usize, 0usize, 0.0f64);
    for group in folder(&Path::new(nab).join("data"))? {
        if !group.is_dir() {
            continue;
        }
        let group_out = Path::new(out).join(group.file_name().ok_or("a folder without a name")?);
        std::fs::create_dir_all(&group_out)?;
        for file in folder(&group)? {
            if file.extension().is_none_or(|extension| extension != "csv") {
                continue;
            }
            let text = std::fs::read_to_string(&file)?;
            let series = parse(&text).map_err(|problem| format!("{}: {problem}", file.display()))?;
            let began = Instant::now();
            let mut detector = Detector::default();
            let scores: Vec<f64> = series
                .iter()
                .map(|&(_, _, time, value)| detector.update(time, value).anomaly)
                .collect();
            seconds += began.elapsed().as_secs_f64();
            let mut lines = String::from("timestamp,value,anomaly_score\n");
            for (&(stamp, value_text, _, _), score) in series.iter().zip(&scores) {
                writeln!(lines, "{stamp},{value_text},{score}")?;
            }
            std::fs::write(
                group_out.join(file.file_name().ok_or("a file without a name")?),
                lines,
            )?;
            files += 1;
            rows += series.len();
        }
    }
    println!(
        "{files} files, {rows} values, {:.0} values/s",
        rows as f64 / seconds
    );
    Ok(())
}

/// What lies in a folder, sorted by name.
fn folder(path: &Path) -> Result<Vec<std::path::PathBuf>, Box<dyn Error>> {
    let entries = std::fs::read_dir(path).map_err(|problem| format!("{}: {problem}", path.display()))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

/// Rows as (time and value as written, microseconds, number).
type Row<'text> = (&'text str, &'text str, i64, f64);

fn parse(text: &str) -> Result<Vec<Row<'_>>, String> {
    let mut rows = Vec::new();
    for (at, line) in text.lines().enumerate().skip(1) {
        let (stamp, value) = line
            .split_once(',')
            .ok_or_else(|| format!("line {}: no comma", at + 1))?;
        let time = micros(stamp).ok_or_else(|| format!("line {}: not a time: {stamp}", at + 1))?;
        let number = value
            .trim()
            .parse()
            .map_err(|_| format!("line {}: not a number: {value}", at + 1))?;
        rows.push((stamp, value.trim(), time, number));
    }
    Ok(rows)
}

/// Microseconds since 1970 of `YYYY-MM-DD HH:MM:SS`.
fn micros(stamp: &str) -> Option<i64> {
    let number = |from: usize, to: usize| stamp.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    // Days from the civil date (H. Hinnant): years begin in March, so that the leap day ends them.
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000)
}
