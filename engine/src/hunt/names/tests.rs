use super::*;
use crate::hunt::tables::visible_tables;
use borzoi_parsers::catalog::Catalog;

fn names() -> Names {
    let tables = visible_tables(&Catalog::builtin(), &[], &Arc::default());
    Names {
        tables: tables
            .iter()
            .map(|table| (table.name.clone(), TableNames::new(table)))
            .collect(),
    }
}

fn rewritten(sql: &str) -> String {
    rewrite(sql, &names()).expect("a statement").sql
}

#[test]
fn dotted_native_and_table_names() {
    assert_eq!(
        rewritten("select process.command_line, @timestamp from windows.sysmon"),
        "select process_command_line, time from windows_sysmon"
    );
    assert_eq!(
        rewritten(
            "select CommandLine, count(*) n from windows_sysmon s where s.process.pid > 4 group by CommandLine"
        ),
        "select process_command_line, count(*) n from windows_sysmon s where s.process_pid > 4 group by process_command_line"
    );
    assert_eq!(
        rewritten("SELECT \"process.executable\" FROM windows_sysmon WHERE EventID = 1 AND Host.Name = 'a'"),
        "SELECT process_executable FROM windows_sysmon WHERE event_code = 1 AND host_name = 'a'"
    );
}

#[test]
fn what_is_no_field_stays() {
    for sql in [
        "select 'process.pid' as x, process_pid from windows_sysmon -- process.pid",
        "select commandline from windows_sysmon as commandline",
        "select count(*) image from windows_sysmon order by image",
        "with process as (select 1 as pid) select process.pid from process, windows_sysmon",
        "select extract(hour from time) from windows_sysmon where time > date '2026-01-01'",
        "select w.* from windows_sysmon w",
        "select 1",
    ] {
        assert_eq!(rewritten(sql), sql);
    }
}

#[test]
fn keywords_inside_dotted_names_are_no_keywords() {
    let sql = "select event.end, event.start from windows_sysmon";
    let rewritten = rewrite(sql, &names()).expect("a statement");
    // Neither is declared for the dataset, and neither stops the tokenizer.
    assert_eq!(rewritten.sql, sql);
}

#[test]
fn places_are_those_of_the_original() {
    let sql = "select process.command_line,\n  sorce_ip from windows.sysmon";
    let done = rewrite(sql, &names()).expect("a statement");
    assert_eq!(done.find("sorce_ip"), sql.find("sorce_ip"));
    assert_eq!(done.original_offset(2, 3), sql.find("sorce_ip").expect("there"));
    assert_eq!(done.original_offset(1, 8), 7);
}

#[test]
fn near_names_come_first() {
    let columns = ["source_ip", "source_port", "process_command_line", "host_name"];
    assert_eq!(nearest("sorce_ip", columns.into_iter()), ["source_ip"]);
    assert_eq!(
        nearest("command_line", columns.into_iter()),
        ["process_command_line"]
    );
    assert_eq!(nearest("source.prt", columns.into_iter())[0], "source_port");
    assert!(nearest("zebra", columns.into_iter()).is_empty());
}
