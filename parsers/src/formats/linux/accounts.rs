//! shadow-utils: accounts and groups made, changed and removed.

use super::{Fields, between, unquoted};
use crate::formats::text::search::Search;

/// Takes a message of useradd and its relatives apart.
pub(super) fn dissect<'a>(message: &'a str, fields: &mut Fields<'a>) {
    if let Some(rest) = message.strip_prefix("new user: ") {
        fields.event("added-user-account", "success");
        pairs(rest, "user.name", fields);
    } else if let Some(rest) = message.strip_prefix("new group: ").or_else(|| {
        message
            .strip_prefix("group added to ")
            .and_then(|rest| Some(rest.cut(": ")?.1))
    }) {
        fields.event("added-group-account", "success");
        pairs(rest, "group.name", fields);
    } else if let Some(rest) = message.strip_prefix("failed adding user ") {
        fields.event("added-user-account", "failure");
        fields.text(
            "user.name",
            unquoted(rest.split_once(',').map_or(rest, |(name, _)| name)),
        );
    } else if let Some(rest) = message.strip_prefix("add ")
        && let Some((name, group)) = rest.cut(" to group ").or_else(|| rest.cut(" to shadow group "))
    {
        fields.event("added-user-to-group", "success");
        fields.text("user.name", unquoted(name));
        fields.text("group.name", unquoted(group));
    } else if let Some(rest) = message.strip_prefix("delete ")
        && let Some((name, group)) = rest
            .cut(" from group ")
            .or_else(|| rest.cut(" from shadow group "))
    {
        fields.event("removed-user-from-group", "success");
        fields.text("user.name", unquoted(name));
        fields.text("group.name", unquoted(group));
    } else if let Some(name) = message.strip_prefix("delete user ") {
        fields.event("deleted-user-account", "success");
        fields.text("user.name", unquoted(name));
    } else if let Some(rest) = strip_any(
        message,
        &[
            "removed group ",
            "removed shadow group ",
            "remove group ",
            "group ",
        ],
    ) && (message.starts_with("remove") || message.holds(" removed"))
    {
        fields.event("deleted-group-account", "success");
        let name = rest.split_once(' ').map_or(rest, |(name, _)| name);
        fields.text("group.name", unquoted(name));
    } else if let Some(rest) = message.strip_prefix("user ")
        && let Some((name, group)) = rest
            .cut(" added by ")
            .and_then(|(name, rest)| Some((name, rest.cut(" to group ")?.1)))
    {
        fields.event("added-user-to-group", "success");
        fields.text("user.name", unquoted(name));
        fields.text("group.name", unquoted(group));
    } else if let Some(rest) = message.strip_prefix("password for ")
        && let Some((name, by)) = rest.cut(" changed by ")
    {
        fields.event("changed-password", "success");
        fields.text("user.target.name", unquoted(name));
        fields.text("user.name", unquoted(by));
    } else if let Some(rest) = strip_any(
        message,
        &["changed user ", "change user ", "lock user ", "unlock user "],
    ) {
        // `change user 'jane' password`, `change user 'jane' shell from '/bin/sh' to '/bin/bash'`
        let action = match message {
            m if m.starts_with("lock") => "locked-user-account",
            m if m.starts_with("unlock") => "unlocked-user-account",
            m if m.ends_with(" password") => "changed-password",
            _ => "modified-user-account",
        };
        fields.event(action, "success");
        let (name, what) = rest.cut("' ").map_or((rest, ""), |(name, what)| (name, what));
        fields.text("user.name", unquoted(name));
        fields.text("system.auth.usermod.change", what);
        if let Some(shell) = between(what, "' to '", "'").filter(|_| what.starts_with("shell")) {
            fields.text("system.auth.useradd.shell", shell);
        }
    } else {
        return;
    }
    fields.category("iam");
}

fn strip_any<'a>(message: &'a str, starts: &[&str]) -> Option<&'a str> {
    starts.iter().find_map(|start| message.strip_prefix(start))
}

/// `name=jane, UID=1001, GID=1001, home=/home/jane, shell=/bin/bash, from=/dev/pts/1`
fn pairs<'a>(text: &'a str, name_field: &'static str, fields: &mut Fields<'a>) {
    for pair in text.split(", ") {
        match pair.split_once('=') {
            Some(("name", value)) => fields.text(name_field, value),
            Some(("UID", value)) => fields.text("user.id", value),
            Some(("GID", value)) => fields.text("group.id", value),
            Some(("home", value)) => fields.text("system.auth.useradd.home", value),
            Some(("shell", value)) => fields.text("system.auth.useradd.shell", value),
            Some(("from", value)) => fields.text("system.auth.useradd.from", value),
            _ => {}
        }
    }
}
