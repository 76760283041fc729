//! The catalog files that ship with the crate: adding a dataset adds its file and one line here.

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../catalog/", $path)))),*]
    };
}

/// Path below `parsers/catalog/` and text of each file.
pub(super) const FILES: &[(&str, &str)] = files![
    "windows/_base.yaml",
    "windows/sysmon.yaml",
    "windows/security.yaml",
    "windows/system.yaml",
    "windows/application.yaml",
    "windows/powershell.yaml",
    "windows/defender.yaml",
    "windows/eventlog.yaml",
    "linux/_base.yaml",
    "linux/sshd.yaml",
    "linux/sudo.yaml",
    "linux/auth.yaml",
    "linux/cron.yaml",
    "linux/users.yaml",
    "linux/syslog.yaml",
    "linux/auditd.yaml",
    "linux/sysmon.yaml",
    "zeek/conn.yaml",
    "zeek/other.yaml",
    "generic/json.yaml",
    "generic/lines.yaml",
    "web/access.yaml",
];

/// Types of all ECS fields.
pub(super) const ECS: &str = include_str!("../../catalog/ecs.csv");
