//! Postfix's messages about connections, its own and those of its clients, and postscreen's.

use super::super::super::fields::{Fields, address};
use super::peer;
use super::postfix::{put_client, put_remote_id, put_server, reply};

/// Reads a message without a queue id; whether it is one of those that are known.
pub(super) fn dissect<'a>(body: &'a str, fields: &mut Fields<'a>) -> bool {
    warning(body, fields) || incoming(body, fields) || outgoing(body, fields) || screen(body, fields)
}

/// `warning: …`: of a client that failed to log in, of a name that does not fit, of too many connections.
fn warning<'a>(body: &'a str, fields: &mut Fields<'a>) -> bool {
    let Some(text) = body.strip_prefix("warning: ") else {
        return false;
    };
    if let Some((client, rest)) = peer(text)
        && let Some(reason) = rest.strip_prefix(": ")
    {
        put_client(client, fields);
        fields.text("event.reason", reason);
        let login = reason
            .strip_prefix("SASL ")
            .and_then(|rest| rest.split_once(" authentication failed"));
        let Some((method, detail)) = login else {
            fields.event("warning", "");
            return true;
        };
        fields.event("sasl_login", "failure");
        fields.text("sasl.method", method);
        if let Some((_, name)) = detail.rsplit_once(", sasl_username=") {
            fields.text("user.name", name);
        }
    } else if let Some(rest) = text.strip_prefix("hostname ")
        && let Some((name, rest)) = rest.split_once(" does not resolve to address ")
    {
        let (ip, reason) = rest.split_once(": ").unwrap_or((rest, ""));
        let Some(ip) = address(ip) else {
            return false;
        };
        fields.event("hostname_mismatch", "failure");
        fields.text("source.domain", name);
        fields.text("source.ip", ip);
        fields.text("event.reason", reason);
    } else if let Some((ip, rest)) = text.split_once(": hostname ")
        && let Some(ip) = address(ip)
        && let Some((name, reason)) = rest.split_once(" verification failed")
    {
        fields.event("hostname_mismatch", "failure");
        fields.text("source.domain", name);
        fields.text("source.ip", ip);
        fields.text("event.reason", reason.trim_start_matches(": "));
    } else if let Some((ip, name)) = text.split_once(": address not listed for hostname ")
        && let Some(ip) = address(ip)
    {
        fields.event("hostname_mismatch", "failure");
        fields.text("source.domain", name);
        fields.text("source.ip", ip);
    } else if let Some((what, rest)) = text.split_once(" from ")
        && let Some((client, rest)) = peer(rest)
    {
        let known = what.contains("command")
            || what.contains("limit exceeded")
            || what.contains("syntax")
            || what.contains("malformed");
        if !known {
            return false;
        }
        fields.event("warning", "failure");
        put_client(client, fields);
        fields.text("event.reason", what);
        fields.text("command", rest.strip_prefix(": ").unwrap_or_default());
    } else {
        return false;
    }
    true
}

/// What a client did: `connect from peer`, `lost connection after AUTH from peer`, `statistics: …`.
fn incoming<'a>(body: &'a str, fields: &mut Fields<'a>) -> bool {
    const STARTS: [(&str, &str); 8] = [
        ("connect from ", "connect"),
        ("disconnect from ", "disconnect"),
        ("SSL_accept error from ", "tls_failed"),
        ("setting up TLS connection from ", "tls_started"),
        ("lost connection after ", "lost_connection"),
        ("timeout after ", "timeout"),
        ("too many errors after ", "too_many_errors"),
        ("improper command pipelining after ", "improper_pipelining"),
    ];
    if let Some((start, action)) = STARTS.iter().find(|(start, _)| body.starts_with(start)) {
        let rest = &body[start.len()..];
        let (stage, rest) = match start.ends_with("after ") {
            true => match rest.split_once(" from ") {
                Some(split) => split,
                None => return false,
            },
            false => ("", rest),
        };
        let Some((client, rest)) = peer(rest) else {
            return false;
        };
        let outcome = match *action {
            "tls_failed" | "too_many_errors" | "improper_pipelining" => "failure",
            _ => "",
        };
        fields.event(action, outcome);
        fields.text("stage", stage);
        put_client(client, fields);
        match rest.strip_prefix(": ") {
            Some(detail) => fields.text("event.reason", detail),
            None => counts(rest, fields),
        }
        return true;
    }
    if let Some((kind, rest)) = body.split_once(" TLS connection established ") {
        let is_kind = matches!(
            kind,
            "Anonymous" | "Trusted" | "Untrusted" | "Verified" | "Unknown"
        );
        let incoming = rest.strip_prefix("from ");
        let Some((other, rest)) = incoming
            .or_else(|| rest.strip_prefix("to "))
            .and_then(peer)
            .filter(|_| is_kind)
        else {
            return false;
        };
        fields.event("tls_established", "success");
        match incoming {
            Some(_) => put_client(other, fields),
            None => put_server(other, fields),
        }
        fields.text("tls.trust", kind);
        if let Some((version, rest)) = rest
            .strip_prefix(": ")
            .and_then(|rest| rest.split_once(" with cipher "))
        {
            fields.text("tls.version", version.trim_start_matches("TLSv"));
            fields.text("tls.cipher", rest.split(' ').next().unwrap_or_default());
        }
        return true;
    }
    // anvil: `statistics: max connection rate 3/60s for (smtp:192.0.2.1) at Sep 11 10:47:30`
    if let Some(rest) = body.strip_prefix("statistics: max ") {
        fields.event("statistics", "");
        if let Some((what, rest)) = rest.split_once(" for (")
            && let Some((client, _)) = rest.split_once(')')
        {
            fields.text("statistic", what);
            if let Some((service, ip)) = client.split_once(':') {
                fields.text("service", service);
                fields.source(ip);
            }
        }
        return true;
    }
    false
}

/// `ehlo=1 auth=0/1 quit=1 commands=2/3`: how many of each command, after the slash how many were tried.
fn counts<'a>(text: &'a str, fields: &mut Fields<'a>) {
    for (command, count) in text.split(' ').filter_map(|word| word.split_once('=')) {
        match command {
            "auth" => fields.text("commands.auth", count),
            "commands" => fields.text("commands.all", count),
            "rcpt" => fields.text("commands.rcpt", count),
            _ => {}
        }
    }
}

/// What another server did: `connect to peer: Connection timed out`.
fn outgoing<'a>(body: &'a str, fields: &mut Fields<'a>) -> bool {
    const STARTS: [(&str, &str); 7] = [
        ("connect to ", "connect"),
        ("lost connection with ", "lost_connection"),
        ("conversation with ", "timeout"),
        ("SSL_connect error to ", "tls_failed"),
        ("certificate verification failed for ", "tls_unverified"),
        ("Server certificate not verified for ", "tls_unverified"),
        ("setting up TLS connection to ", "tls_started"),
    ];
    if let Some(rest) = body.strip_prefix("host ") {
        return remote_host(rest, fields);
    }
    let Some((start, action)) = STARTS.iter().find(|(start, _)| body.starts_with(start)) else {
        return false;
    };
    let Some((server, reason)) = peer(&body[start.len()..]) else {
        return false;
    };
    fields.event(action, if *action == "tls_started" { "" } else { "failure" });
    put_server(server, fields);
    fields.text("event.reason", reason.trim_start_matches([':', ' ']));
    true
}

/// `peer said: 450 4.1.1 … (in reply to RCPT TO command)`, `peer refused to talk to me: 554 …`.
pub(super) fn remote_host<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let Some((server, rest)) = peer(text) else {
        return false;
    };
    let Some(said) = rest
        .strip_prefix(" said: ")
        .or_else(|| rest.strip_prefix(" refused to talk to me: "))
    else {
        return false;
    };
    fields.event("remote_reply", "");
    put_server(server, fields);
    reply(said, fields);
    put_remote_id(said, fields);
    // Exchange Online names the machine that answered.
    if let Some((name, _)) = said
        .split_once("[Hostname=")
        .and_then(|(_, rest)| rest.split_once(']'))
    {
        fields.text("reply.domain", name);
    }
    true
}

/// postscreen: `PREGREET 14 after 0.08 from [192.0.2.2]:59415: EHLO x`, `PASS NEW [192.0.2.2]:59415`.
fn screen<'a>(body: &'a str, fields: &mut Fields<'a>) -> bool {
    const TESTS: [(&str, &str); 18] = [
        ("CONNECT from ", "connect"),
        ("DISCONNECT ", "disconnect"),
        ("PASS NEW ", "pass"),
        ("PASS OLD ", "pass"),
        ("ALLOWLISTED ", "allowlisted"),
        ("WHITELISTED ", "allowlisted"),
        ("ALLOWLIST VETO ", "allowlist_veto"),
        ("WHITELIST VETO ", "allowlist_veto"),
        ("DENYLISTED ", "denylisted"),
        ("BLACKLISTED ", "denylisted"),
        ("PREGREET ", "pregreet"),
        ("HANGUP ", "hangup"),
        ("DNSBL rank ", "dnsbl"),
        ("BARE NEWLINE ", "bare_newline"),
        ("NON-SMTP COMMAND ", "non_smtp_command"),
        ("COMMAND PIPELINING ", "command_pipelining"),
        ("COMMAND ", "command_limit"),
        ("UNIX-STYLE NEWLINE ", "bare_newline"),
    ];
    let Some((test, action)) = TESTS.iter().find(|(test, _)| body.starts_with(test)) else {
        return false;
    };
    // Nobody chose what stands in front of the address.
    let Some(at) = body.find('[').filter(|at| *at <= test.len() + 48) else {
        return false;
    };
    let Some((client, rest)) = peer(&body[at..]) else {
        return false;
    };
    let outcome = match *action {
        "pass" | "allowlisted" => "success",
        "connect" | "disconnect" | "hangup" => "",
        _ => "failure",
    };
    fields.event(action, outcome);
    put_client(client, fields);
    if let Some((server, _)) = rest.strip_prefix(" to ").and_then(peer) {
        put_server(server, fields);
    } else if let Some((stage, said)) = rest.split_once(": ") {
        fields.text("stage", stage.trim().trim_start_matches("after "));
        fields.text("command", said);
    } else if let Some(stage) = rest.strip_prefix(" after ") {
        fields.text("stage", stage);
    }
    true
}
