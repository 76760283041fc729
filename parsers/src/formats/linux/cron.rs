//! cron and its relatives: `(jane) CMD (backup.sh)`.

use super::Fields;
use crate::formats::text::search::Search;

/// Takes a message apart: user in the first parentheses, a verb, and what it is about in the last ones.
pub(super) fn dissect<'a>(message: &'a str, fields: &mut Fields<'a>) {
    let Some((name, rest)) = message.strip_prefix('(').and_then(|rest| rest.cut(") ")) else {
        if let Some(job) = message.strip_prefix("Job `").and_then(|rest| rest.cut("' ")) {
            fields.event(
                if job.1.starts_with("terminated") {
                    "cron_job_ended"
                } else {
                    "cron_job_started"
                },
                "",
            );
            fields.text("cron.job", job.0);
        }
        return;
    };
    let Some((verb, detail)) = rest.cut(" (") else {
        return;
    };
    let detail = detail.strip_suffix(')').unwrap_or(detail);
    let (action, outcome) = match verb {
        "CMD" => ("cron_command", "success"),
        "CMDOUT" => ("cron_output", ""),
        "CMDEND" => ("cron_command_ended", ""),
        "MAIL" => ("cron_mail", ""),
        "RELOAD" => ("crontab_reloaded", ""),
        "LIST" => ("crontab_listed", ""),
        "REPLACE" => ("crontab_replaced", ""),
        "DELETE" => ("crontab_deleted", ""),
        "BEGIN EDIT" => ("crontab_edit_began", ""),
        "END EDIT" => ("crontab_edit_ended", ""),
        "AUTH" => ("crontab_access", "failure"),
        _ => ("cron", ""),
    };
    fields.event(action, outcome);
    if name != "*system*" && name != "CRON" {
        fields.text("user.name", name);
    }
    match action {
        "cron_command" => fields.text("cron.command", detail),
        "crontab_reloaded" => fields.text("file.path", detail),
        "crontab_listed" | "crontab_replaced" | "crontab_deleted" | "crontab_edit_began"
        | "crontab_edit_ended"
            if detail != name =>
        {
            fields.text("user.target.name", detail);
        }
        _ => {}
    }
}
