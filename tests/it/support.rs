//! Running the command line, and samples made on the spot.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The command under test, with no terminal and no settings of the user's.
pub fn borzoi() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_borzoi"));
    command.stdin(Stdio::null()).env_remove("BORZOI_LOG");
    command
}

/// What a finished command printed.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the command with these arguments to its end.
pub fn run<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ran {
    ran(borzoi()
        .args(arguments)
        .output()
        .expect("the binary under test starts"))
}

/// The texts of an output; a panic of the command fails the test.
pub fn ran(output: Output) -> Ran {
    let ran = Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    assert!(!ran.stderr.contains("panicked at"), "{}", ran.stderr);
    ran
}

/// A Sysmon event as flat JSON; every tenth dumps LSASS, which the shipped pack finds.
pub fn sysmon_line(number: usize) -> String {
    let command = if number.is_multiple_of(10) {
        format!(r"rundll32.exe C:\\windows\\System32\\comsvcs.dll, MiniDump 624 C:\\t{number}.dmp full")
    } else {
        format!(r"notepad.exe C:\\notes\\{number}.txt")
    };
    let (minute, second) = (number / 60 % 60, number % 60);
    let hour = number / 3600 % 24;
    format!(
        r#"{{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"ws{}.example.com","UtcTime":"2026-03-01 {hour:02}:{minute:02}:{second:02}.123","Image":"C:\\Windows\\System32\\rundll32.exe","CommandLine":"{command}","User":"EXAMPLE\\bob","ProcessId":"{number}"}}"#,
        number % 50
    )
}

/// A file of such events.
pub fn sysmon_file(path: &Path, events: usize) {
    let mut text = String::new();
    for number in 0..events {
        writeln!(text, "{}", sysmon_line(number)).expect("writing to a String cannot fail");
    }
    std::fs::write(path, text).expect("a temporary folder is writable");
}

/// The single number that a query over the lake answers.
pub fn count(lake: &Path, sql: &str) -> u64 {
    let lake = lake.to_str().expect("temporary paths are text");
    let asked = run(["hunt", sql, "--lake", lake, "--output", "csv"]);
    assert_eq!(asked.code, Some(0), "{}", asked.stderr);
    let number = asked.stdout.lines().nth(1).unwrap_or_default();
    number
        .trim()
        .parse()
        .unwrap_or_else(|_| panic!("no number: {}", asked.stdout))
}

/// The public corpora, or `None` with a message that the test skips.
pub fn corpora(name: &str) -> Option<PathBuf> {
    let root =
        std::env::var_os("BORZOI_CORPORA").map_or_else(|| PathBuf::from("../shared/corpora"), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        Some(path)
    } else {
        println!("skipped: no {}", path.display());
        None
    }
}
