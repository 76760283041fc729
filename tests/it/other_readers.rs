//! The lake is the user's: Python's deltalake, DuckDB and polars read what `scan` wrote.

use std::path::Path;
use std::process::Command;

use crate::support::{count, run, sysmon_file};

const SCRIPT: &str = r#"
import sys
import deltalake, duckdb, polars
table = deltalake.DeltaTable(sys.argv[1])
rows = [table.to_pyarrow_table().num_rows if hasattr(table, "to_pyarrow_table") else len(table.file_uris())]
files = table.file_uris()
rows.append(duckdb.sql(f"select count(*) from read_parquet({files!r}, hive_partitioning=true)").fetchall()[0][0])
rows.append(polars.scan_delta(sys.argv[1]).select(polars.len()).collect().item())
print(*rows)
"#;

#[test]
fn deltalake_duckdb_and_polars_see_the_same_rows() {
    let dir = tempfile::tempdir().unwrap();
    let Some(python) = virtual_environment() else {
        println!("skipped: no virtual environment with deltalake, duckdb and polars can be made here");
        return;
    };
    let (logs, lake) = (dir.path().join("sysmon.ndjson"), dir.path().join("lake"));
    sysmon_file(&logs, 500);
    let scanned = run([
        "scan",
        logs.to_str().unwrap(),
        "--output",
        "csv",
        "--lake",
        lake.to_str().unwrap(),
    ]);
    assert_eq!(scanned.code, Some(0), "{}", scanned.stderr);
    for (table, folder) in [("windows_sysmon", "windows.sysmon"), ("alerts", "alerts")] {
        let wanted = count(&lake, &format!("select count(*) from {table}"));
        let output = Command::new(&python)
            .args(["-c", SCRIPT])
            .arg(lake.join("default").join(folder))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(said.trim(), format!("{wanted} {wanted} {wanted}"), "{table}");
    }
}

/// The Python of a virtual environment that is made once and kept beside the build.
fn virtual_environment() -> Option<std::path::PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readers");
    let python = home.join("bin/python");
    let ready = |python: &Path| {
        Command::new(python)
            .args(["-c", "import deltalake, duckdb, polars, pyarrow"])
            .output()
            .is_ok_and(|output| output.status.success())
    };
    if ready(&python) {
        return Some(python);
    }
    let made = Command::new("python3").args(["-m", "venv"]).arg(&home).output();
    if !made.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let installed = Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "deltalake",
            "duckdb",
            "polars",
            "pyarrow",
        ])
        .output();
    (installed.is_ok_and(|output| output.status.success()) && ready(&python)).then_some(python)
}
