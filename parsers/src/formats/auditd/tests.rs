use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use proptest::prelude::*;

use super::*;
use crate::batch::{EventBatch, strings};
use crate::formats::testing;

fn events(frame: &str) -> EventBatch {
    testing::batch(frame, decode)
}

/// A cell as text; list items joined by `|`.
fn cell(batch: &EventBatch, row: usize, sql: &str) -> Option<String> {
    let column = batch.column(sql)?;
    if let Some(text) = strings(column) {
        return text.get(row).map(str::to_owned);
    }
    if let Some(list) = column.as_list_opt::<i32>() {
        if list.is_null(row) {
            return None;
        }
        let items = list.value(row);
        let items = items.as_string::<i32>();
        return Some(items.iter().flatten().collect::<Vec<_>>().join("|"));
    }
    let numbers = column.as_primitive_opt::<Int64Type>()?;
    numbers.is_valid(row).then(|| numbers.value(row).to_string())
}

#[track_caller]
fn check(batch: &EventBatch, wanted: &[(&str, &str)]) {
    for (sql, value) in wanted {
        assert_eq!(cell(batch, 0, sql).as_deref(), Some(*value), "{sql}");
    }
}

const RUN: &str = "type=SYSCALL msg=audit(1772355600.250:77): arch=c000003e syscall=59 success=yes exit=0 a0=55d0 a1=55d1 a2=55d2 a3=8 items=2 ppid=10 pid=11 auid=1000 uid=0 tty=pts0 ses=3 comm=\"chmod\" exe=\"/usr/bin/chmod\" key=\"perm\"\u{1d}ARCH=x86_64 SYSCALL=execve AUID=\"mara\" UID=\"root\"\n\
type=EXECVE msg=audit(1772355600.250:77): argc=3 a0=\"chmod\" a1=\"u+s\" a2=2F746D702F6120622E7368\n\
type=CWD msg=audit(1772355600.250:77): cwd=\"/tmp\"\n\
type=PATH msg=audit(1772355600.250:77): item=0 name=\"/usr/bin/chmod\" inode=5 nametype=NORMAL\n\
type=PATH msg=audit(1772355600.250:77): item=1 name=\"/lib64/ld.so\" inode=6 nametype=NORMAL\n\
type=PROCTITLE msg=audit(1772355600.250:77): proctitle=63686D6F6400752B73002F746D702F6120622E7368";

#[test]
fn records_of_a_program_start() {
    let batch = events(RUN);
    assert_eq!(batch.len(), 1);
    check(
        &batch,
        &[
            ("auditd_record_type", "SYSCALL|EXECVE|CWD|PATH|PROCTITLE"),
            ("auditd_a0", "chmod"),
            ("auditd_a1", "u+s"),
            ("auditd_a2", "/tmp/a b.sh"),
            ("auditd_syscall_a0", "55d0"),
            ("auditd_syscall", "execve"),
            ("process_command_line", "chmod u+s /tmp/a b.sh"),
            ("process_args", "chmod|u+s|/tmp/a b.sh"),
            ("process_executable", "/usr/bin/chmod"),
            ("process_pid", "11"),
            ("process_parent_pid", "10"),
            ("process_title", "chmod u+s /tmp/a b.sh"),
            ("user_name", "root"),
            ("user_audit_name", "mara"),
            ("auditd_key", "perm"),
            ("auditd_name", "/usr/bin/chmod|/lib64/ld.so"),
            ("file_path", "/usr/bin/chmod"),
            ("event_outcome", "success"),
            ("event_action", "execve"),
        ],
    );
    assert_eq!(cell(&batch, 0, "unmapped"), None);
}

#[test]
fn a_call_without_a_program_keeps_its_own_arguments() {
    let batch = events(
        "type=SYSCALL msg=audit(1.5:2): arch=c000003e syscall=103 success=yes exit=0 a0=5 a1=0 pid=1 comm=\"dmesg\" exe=\"/bin/dmesg\" key=(null)",
    );
    check(
        &batch,
        &[
            ("auditd_a0", "5"),
            ("auditd_syscall", "syslog"),
            ("auditd_syscall_number", "103"),
        ],
    );
    assert_eq!(cell(&batch, 0, "auditd_key"), None);
}

#[test]
fn long_arguments_are_put_together() {
    let batch = events(
        "type=EXECVE msg=audit(1.5:2): argc=3 a0=\"sh\" a1_len=6 a1[0]=\"abc\" a1[1]=\"def\" a2=\"z\"",
    );
    check(
        &batch,
        &[
            ("auditd_a1", "abcdef"),
            ("auditd_a2", "z"),
            ("process_command_line", "sh abcdef z"),
        ],
    );
}

#[test]
fn what_programs_report() {
    let batch = events(
        "node=web1 type=USER_LOGIN msg=audit(1.5:3): pid=9 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=28696E76616C6964207573657229 exe=\"/usr/sbin/sshd\" hostname=? addr=203.0.113.9 terminal=sshd res=failed'",
    );
    check(
        &batch,
        &[
            ("host_name", "web1"),
            ("user_name", "(invalid user)"),
            ("source_ip", "203.0.113.9"),
            ("event_outcome", "failure"),
            ("auditd_op", "login"),
        ],
    );
    assert_eq!(cell(&batch, 0, "auditd_hostname"), None);
    let old = events(
        "type=CRED_DISP msg=audit(1.5:3): user pid=9 uid=0 msg='PAM: setcred acct=root : exe=\"/usr/sbin/crond\" (hostname=?, addr=?, terminal=cron res=success)'",
    );
    check(
        &old,
        &[
            ("user_name", "root"),
            ("event_outcome", "success"),
            ("auditd_terminal", "cron"),
        ],
    );
    let login = events("type=LOGIN msg=audit(1.5:3): login pid=9 uid=0 old auid=4294967295 new auid=0");
    check(&login, &[("auditd_auid", "0"), ("auditd_old_auid", "4294967295")]);
}

#[test]
fn connections_and_denials() {
    let batch = events(
        "type=SYSCALL msg=audit(1.5:4): arch=c000003e syscall=42 success=yes exit=0 a0=3 pid=1 exe=\"/bin/bash\"\n\
         type=SOCKADDR msg=audit(1.5:4): saddr=0200115CCB0071090000000000000000\u{1d}SADDR={ saddr_fam=inet laddr=203.0.113.9 lport=4444 }",
    );
    check(
        &batch,
        &[
            ("destination_ip", "203.0.113.9"),
            ("destination_port", "4444"),
            ("auditd_initiated", "true"),
            ("auditd_socket_family", "inet"),
        ],
    );
    let avc = events(
        "type=AVC msg=audit(1.5:5): avc:  denied  { read write } for  pid=3 comm=\"pickup\" name=\"maildrop\" dev=hda7 tclass=dir",
    );
    check(
        &avc,
        &[
            ("auditd_avc_request", "read|write"),
            ("event_outcome", "failure"),
            ("file_path", "maildrop"),
        ],
    );
}

#[test]
fn relative_paths_and_created_files() {
    let batch = events(
        "type=SYSCALL msg=audit(1.5:6): arch=c000003e syscall=257 success=yes pid=1\n\
         type=CWD msg=audit(1.5:6): cwd=\"/etc/cron.d\"\n\
         type=PATH msg=audit(1.5:6): item=0 name=\"/etc/cron.d\" nametype=PARENT\n\
         type=PATH msg=audit(1.5:6): item=1 name=\"job\" nametype=CREATE",
    );
    check(
        &batch,
        &[
            ("file_path", "/etc/cron.d/job"),
            ("auditd_nametype", "PARENT|CREATE"),
        ],
    );
}

#[test]
fn two_events_in_one_frame_stay_two() {
    let batch = events("type=CWD msg=audit(1.5:6): cwd=\"/a\"\ntype=CWD msg=audit(1.5:7): cwd=\"/b\"");
    assert_eq!(batch.len(), 2);
    let ids = strings(batch.column("event_id").expect("standard")).expect("text");
    assert_ne!(ids.get(0), ids.get(1));
}

fn assemble(lines: &[&str]) -> Vec<Vec<String>> {
    let mut assembler = Assembler::new();
    let mut done = Vec::new();
    for (offset, line) in (0..).zip(lines) {
        assembler.push(line.as_bytes(), offset, &mut done);
    }
    assembler.flush(&mut done);
    assert!(assembler.is_empty());
    done.iter()
        .map(|event| {
            let text = String::from_utf8(event.frame.clone()).expect("text");
            assert!(text.starts_with(lines[usize::try_from(event.offset).expect("small")]));
            text.lines().map(str::to_owned).collect()
        })
        .collect()
}

#[test]
fn interleaved_records_are_put_together() {
    let a = [
        "type=SYSCALL msg=audit(5.0:1): x=1",
        "type=CWD msg=audit(5.0:1): cwd=\"/\"",
        "type=PROCTITLE msg=audit(5.0:1): proctitle=\"a\"",
    ];
    let b = [
        "type=SYSCALL msg=audit(5.0:2): x=2",
        "type=EOE msg=audit(5.0:2): ",
    ];
    let end = "type=EOE msg=audit(5.0:1): ";
    let user = "type=USER_AUTH msg=audit(5.0:3): pid=1";
    let events = assemble(&[a[0], b[0], a[1], user, "", a[2], end, b[1]]);
    assert_eq!(events, vec![vec![user], a.to_vec(), b.to_vec()]);
}

#[test]
fn events_without_an_end_are_let_go() {
    let first = "type=SYSCALL msg=audit(5.0:1): x=1";
    let near = "type=SYSCALL msg=audit(6.9:2): x=1";
    let far = "type=SYSCALL msg=audit(7.1:3): x=1";
    let mut assembler = Assembler::new();
    let mut done = Vec::new();
    assembler.push(first.as_bytes(), 0, &mut done);
    assembler.push(near.as_bytes(), 1, &mut done);
    assert!(done.is_empty());
    assembler.push(far.as_bytes(), 2, &mut done);
    assert_eq!(done.len(), 1);
    assembler.push(b"no record", 3, &mut done);
    assert_eq!(done[1].frame, b"no record");
    let many: Vec<String> = (0..100)
        .map(|n| format!("type=SYSCALL msg=audit(5.0:{n}): x=1"))
        .collect();
    let lines: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(assemble(&lines).len(), 100);
}

proptest! {
    #[test]
    fn no_record_panics(body in "\\PC{0,80}") {
        let line = format!("type=SYSCALL msg=audit(1.5:2): {body}");
        let _ = events(&line);
        let _ = looks_like(&body);
    }

    #[test]
    fn no_near_record_panics(kind in "SYSCALL|EXECVE|PATH|SOCKADDR|AVC|LOGIN|USER_CMD|PROCTITLE|1400", body in "((a0|a1\\[0\\]|name|saddr|msg|old|key|comm|syscall|res|acct|é)(=| )(\"|'|\\{|0200|ABC|\u{1d}|\\(null\\)|é|)( |))*") {
        let line = format!("type={kind} msg=audit(1.5:2): {body}");
        let _ = events(&line);
    }

    /// Whatever the order, no line is lost and none is doubled (end records aside).
    #[test]
    fn the_assembler_keeps_every_line(serials in prop::collection::vec((0u8..6, 0usize..4), 0..60)) {
        let kinds = ["SYSCALL", "CWD", "PATH", "PROCTITLE"];
        let lines: Vec<String> = serials
            .iter()
            .enumerate()
            .map(|(n, (serial, kind))| format!("type={} msg=audit(5.0:{serial}): n={n}", kinds[*kind]))
            .collect();
        let mut assembler = Assembler::new();
        let mut done = Vec::new();
        for (offset, line) in (0..).zip(&lines) {
            assembler.push(line.as_bytes(), offset, &mut done);
        }
        assembler.flush(&mut done);
        let mut out: Vec<String> = done
            .iter()
            .flat_map(|event| String::from_utf8_lossy(&event.frame).lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let mut wanted = lines;
        out.sort();
        wanted.sort();
        prop_assert_eq!(out, wanted);
    }
}

#[test]
fn a_message_in_a_message_is_a_word() {
    let batch = events(
        r#"type=USER_CMD msg=audit(1700000000.1:2): pid=1 msg='op=x msg='y acct="root" exe="/bin/su" res=success'"#,
    );
    assert_eq!(cell(&batch, 0, "process_pid").as_deref(), Some("1"));
    assert_eq!(cell(&batch, 0, "user_name").as_deref(), Some("root"));
    // As often as fits into the longest event: on a stack of its own for each it would overflow.
    let nested = "msg='".repeat(800_000);
    events(&format!(
        "type=USER_CMD msg=audit(1700000000.1:2): {nested}{}",
        "'".repeat(10)
    ));
}

#[test]
fn a_record_in_a_message_of_syslog_starts_it() {
    let record = "type=USER_LOGIN msg=audit(1772355600.250:77): pid=1 acct=\"root\" res=success";
    for front in ["", "[   12.345678] ", "audit: ", "[12.3] audit: ", "node=web1 "] {
        let message = format!("{front}{record}");
        assert!(in_syslog("kernel", &message, None).is_some(), "{message}");
    }
    for front in ["[1.0] usb 1-1: Product: x ", "wlan0: ssid ", "audit: x "] {
        let message = format!("{front}{record}");
        assert!(in_syslog("kernel", &message, None).is_none(), "{message}");
    }
}

#[test]
fn open_events_are_bounded_together() {
    let mut assembler = Assembler::new();
    let mut done = Vec::new();
    let value = "a".repeat(1 << 20);
    // Thirty events of three records of a megabyte each, none of which ends.
    for _ in 0..3 {
        for serial in 0..30 {
            let line = format!("type=EXECVE msg=audit(1772359200.000:{serial}): argc=1 a0={value}");
            assembler.push(line.as_bytes(), 0, &mut done);
        }
    }
    let mark = |done: &[Assembled]| done.iter().filter(|event| event.truncated).count();
    assert!(mark(&done) >= 14, "{} of {}", mark(&done), done.len());
    assert_eq!(mark(&done), done.len(), "nothing else lets them go");
    let before = done.len();
    assembler.flush(&mut done);
    let waiting: usize = done[before..].iter().map(|event| event.frame.len()).sum();
    assert!(waiting <= 16 << 20, "{waiting}");
    assert_eq!(mark(&done[before..]), 0);
    let all: usize = done
        .iter()
        .map(|event| event.frame.split(|b| *b == b'\n').count())
        .sum();
    assert_eq!(all, 90, "no record is lost");
}
