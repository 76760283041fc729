//! Linux logs: `auth.log` in the old syslog form, and raw records of the audit daemon.

use std::fmt::Write as _;

use super::clock;
use super::random::Random;
use super::world::{Host, LINUX, Tenant, outside};

/// A syslog line (RFC 3164). A process id of 0 is left out.
pub(super) fn syslog(time: i64, host: &Host, program: &str, pid: u64, message: &str) -> String {
    let at = clock::format(time, "%b %e %H:%M:%S");
    if pid == 0 {
        format!("{at} {} {program}: {message}", host.name)
    } else {
        format!("{at} {} {program}[{pid}]: {message}", host.name)
    }
}

/// An ordinary line of `auth.log`.
pub(super) fn auth(tenant: &Tenant, random: &mut Random, time: i64) -> String {
    let host = random.pick(&tenant.linux);
    let user = &random.pick(&tenant.users).name;
    let pid = random.between(900, 60_000);
    let port = random.between(32_768, 60_999);
    let inside = &tenant.workstation(random).ip;
    let (program, pid, message) = match random.below(100) {
        0..=24 => {
            let (user, command) = random.usual(&LINUX.cron);
            match random.below(3) {
                0 => (
                    "CRON",
                    pid,
                    format!("pam_unix(cron:session): session opened for user {user}(uid=0) by (uid=0)"),
                ),
                1 => ("CRON", pid, format!("({user}) CMD ({command})")),
                _ => (
                    "CRON",
                    pid,
                    format!("pam_unix(cron:session): session closed for user {user}"),
                ),
            }
        }
        25..=36 => (
            "sshd",
            pid,
            format!(
                "Accepted publickey for {user} from {inside} port {port} ssh2: ED25519 SHA256:{}",
                random.hex(43)
            ),
        ),
        37..=41 => (
            "sshd",
            pid,
            format!("pam_unix(sshd:session): session opened for user {user}(uid=1004) by (uid=0)"),
        ),
        42..=46 => (
            "sshd",
            pid,
            format!("pam_unix(sshd:session): session closed for user {user}"),
        ),
        47..=50 => (
            "sshd",
            pid,
            format!("Failed password for {user} from {inside} port {port} ssh2"),
        ),
        51..=62 => (
            "sshd",
            pid,
            format!(
                "Invalid user {} from {} port {port}",
                random.word(&LINUX.guessed),
                outside(random)
            ),
        ),
        63..=74 => (
            "sshd",
            pid,
            format!(
                "Failed password for invalid user {} from {} port {port} ssh2",
                random.word(&LINUX.guessed),
                outside(random)
            ),
        ),
        75..=80 => (
            "sshd",
            pid,
            format!("Connection closed by {} port {port} [preauth]", outside(random)),
        ),
        81..=84 => (
            "sshd",
            pid,
            format!("Disconnected from user {user} {inside} port {port}"),
        ),
        85..=93 => (
            "sudo",
            0,
            format!(
                "{user:>8} : TTY=pts/{} ; PWD=/home/{user} ; USER=root ; COMMAND={}",
                random.below(6),
                random.word(&LINUX.sudo)
            ),
        ),
        94..=97 => (
            "sudo",
            0,
            format!("pam_unix(sudo:session): session opened for user root(uid=0) by {user}(uid=1004)"),
        ),
        _ => (
            "systemd-logind",
            612,
            format!("New session {} of user {user}.", random.between(100, 9000)),
        ),
    };
    syslog(time, host, program, pid, &message)
}

/// A program start in the audit log: SYSCALL, EXECVE, CWD, PATH and PROCTITLE.
#[derive(Debug)]
pub(super) struct Exec<'a> {
    pub exe: &'a str,
    pub arguments: &'a [&'a str],
    pub uid: u32,
    pub auid: u32,
    pub cwd: &'a str,
}

/// How the audit daemon writes an argument: quoted, or in hexadecimal if it has blanks or quotes.
fn audit_text(text: &str) -> String {
    if text
        .bytes()
        .any(|byte| byte <= b' ' || byte == b'"' || byte >= 0x7f)
    {
        hex(text.as_bytes())
    } else {
        format!("\"{text}\"")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

/// The records of a program start. Audit times are milliseconds.
pub(super) fn audit_exec(random: &mut Random, time: i64, serial: u64, exec: &Exec<'_>) -> String {
    let stamp = format!(
        "msg=audit({}.{:03}:{serial}):",
        time / clock::SECOND,
        time % clock::SECOND / 1000
    );
    let (uid, auid) = (exec.uid, exec.auid);
    let comm = exec.exe.rsplit('/').next().unwrap_or(exec.exe);
    let (ppid, pid) = (random.between(700, 30_000), random.between(700, 60_000));
    let ses = if auid == u32::MAX { auid } else { 12 };
    let mut out = format!(
        "type=SYSCALL {stamp} arch=c000003e syscall=59 success=yes exit=0 a0=55d3c1f2e6a0 a1=55d3c1f2e7c8 a2=55d3c1f2d010 a3=8 items=2 ppid={ppid} pid={pid} auid={auid} uid={uid} gid={uid} euid={uid} suid={uid} fsuid={uid} egid={uid} sgid={uid} fsgid={uid} tty={} ses={ses} comm=\"{comm}\" exe=\"{}\" subj=unconfined key=\"exec\"\ntype=EXECVE {stamp} argc={}",
        if auid == u32::MAX { "(none)" } else { "pts0" },
        exec.exe,
        exec.arguments.len(),
    );
    for (index, argument) in exec.arguments.iter().enumerate() {
        let _ = write!(out, " a{index}={}", audit_text(argument));
    }
    let title = exec.arguments.join("\0");
    let _ = write!(
        out,
        "\ntype=CWD {stamp} cwd=\"{}\"\ntype=PATH {stamp} item=0 name=\"{}\" inode={} dev=fd:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0\ntype=PROCTITLE {stamp} proctitle={}",
        exec.cwd,
        exec.exe,
        random.between(1000, 90_000),
        hex(title.as_bytes()),
    );
    out
}

/// A file opened for writing in the audit log.
pub(super) fn audit_write(
    random: &mut Random,
    time: i64,
    serial: u64,
    exe: &str,
    uid: u32,
    file: &str,
    key: &str,
) -> String {
    let stamp = format!(
        "msg=audit({}.{:03}:{serial}):",
        time / clock::SECOND,
        time % clock::SECOND / 1000
    );
    let comm = exe.rsplit('/').next().unwrap_or(exe);
    let folder = file.rsplit_once('/').map_or("/", |(folder, _)| folder);
    format!(
        "type=SYSCALL {stamp} arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=55d3c1f2e7c8 a2=441 a3=1b6 items=2 ppid={} pid={} auid=4294967295 uid={uid} gid={uid} euid={uid} suid={uid} fsuid={uid} egid={uid} sgid={uid} fsgid={uid} tty=(none) ses=4294967295 comm=\"{comm}\" exe=\"{exe}\" subj=unconfined key=\"{key}\"\ntype=CWD {stamp} cwd=\"/\"\ntype=PATH {stamp} item=0 name=\"{folder}/\" inode=90211 dev=fd:00 mode=040755 ouid=0 ogid=0 rdev=00:00 nametype=PARENT cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0\ntype=PATH {stamp} item=1 name=\"{file}\" inode={} dev=fd:00 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=CREATE cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0\ntype=PROCTITLE {stamp} proctitle={}",
        random.between(700, 30_000),
        random.between(700, 60_000),
        random.between(1000, 90_000),
        hex(comm.as_bytes()),
    )
}

/// An ordinary event of the audit log.
pub(super) fn audit(random: &mut Random, time: i64, serial: u64) -> String {
    let words = random.usual(&LINUX.commands);
    let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
    let (uid, auid) = match words[0].as_str() {
        "/usr/bin/php8.2" => (33, u32::MAX),
        "/usr/bin/git" | "/usr/bin/ls" => (1004, 1004),
        _ => (0, u32::MAX),
    };
    let exec = Exec {
        exe: &words[0],
        arguments: &arguments,
        uid,
        auid,
        cwd: if uid == 33 { "/var/www/html" } else { "/" },
    };
    audit_exec(random, time, serial, &exec)
}
