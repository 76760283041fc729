//! Cisco's routers and switches (IOS, IOS XE, IOS XR, NX-OS): `%FACILITY-SEVERITY-MNEMONIC: sentence`.
//!
//! Facility and mnemonic say which sentence follows; the sentences that tell who did what are [`ROWS`], as
//! [shapes](crate::formats::text::shape). Every other message keeps its mark, and its sentence as `event.reason`. Names of
//! users and commands stand in captures that end where the device's own words begin.

use crate::formats::fields::Fields;
use crate::formats::syslog::gear::{is_devices, mark};
use crate::formats::text::shape::{self, Found};
use crate::formats::text::url::put_url;
use crate::formats::text::{Event, Grammar, Line};

/// The grammars.
pub(super) const GRAMMARS: &[Grammar] = &[Grammar {
    name: "cisco.ios",
    marks: &["%"],
    programs: &[],
    read,
}];

/// Mnemonic, action and outcome (either may be empty), and shape.
type Row = (&'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("ACCTLOCAL", "command", "", "Username: {user} Privilege level: {#privilege_level} Command: {cmd}"),
    ("CFGLOG_LOGGEDCMD", "command", "", "User:~{=user} logged command:{cmd}"),
    ("VSHD_SYSLOG_CMD_EXEC", "command", "", "User:~{=user} executed the command:{cmd}"),
    ("VSHD_SYSLOG_CONFIG_I", "configuration", "", "Configured from {=configured_from} by {>user} on {@ip}@{=tty}"),
    ("VSHD_SYSLOG_CONFIG_I", "configuration", "", "Configured from {=configured_from} by {>user} on {=tty}"),
    ("AAA_ACCOUNTING_MESSAGE", "command", "", "{=accounting}:{=session}:{=user}:{cmd} ({=outcome})"),
    ("AAA_ACCOUNTING_MESSAGE", "command", "", "{=accounting}:{=session}:{=user}:[{cmd}]"),
    ("CONFIG_I", "configuration", "", "[{} ]Configured from {=configured_from} by {>user} on {=tty} ({@ip})"),
    ("CONFIG_I", "configuration", "", "[{} ]Configured from {=configured_from} by {>user}, transaction-id {=transaction_id}"),
    ("CONFIG_I", "configuration", "", "Configured from {=configured_from} by {user}"),
    ("CONFIG", "configuration", "", "Configured from {=configured_from} by {>user} on {=tty} ({@ip})"),
    ("LOGIN_SUCCESS", "login", "success", "Login Success \\[user: {>user}\\] \\[Source: {@ip}\\] \\[localport: {#destination.port}\\]*"),
    ("LOGIN_FAILED", "login", "failure", "Login failed \\[user: {>user}\\] \\[Source: {@ip}\\] \\[localport: {#destination.port}\\] \\[Reason: {failure_reason}\\]*"),
    ("QUIET_MODE_ON", "login", "failure", "{} \\[user: {>user}\\] \\[Source: {@ip}\\] \\[localport: {#destination.port}\\]*"),
    ("LOGOUT", "logout", "", "User {>user} has exited tty session {=terminal}~({@ip})"),
    ("PRIV_AUTH_PASS", "privilege-changed", "success", "Privilege level set to {#privilege_level} by {>user} on {=tty} ({@ip})"),
    ("PRIV_AUTH_FAIL", "privilege-changed", "failure", "Authentication to Privilege level {#privilege_level} failed by {>user} on {=tty} ({@ip})"),
    ("TTY_EXPIRE_TIMER", "logout", "", "(exec timer expired, tty {=terminal} ({@ip})), user {user}"),
    ("USER_RESET", "account-reset", "", "User {user.target.name} failed attempts reset by {user} on vty{=vty} ({@ip})"),
    ("USER_RESET", "account-reset", "", "User {user.target.name} failed attempts reset by {user} on {=tty}[ ({@ip})]"),
    ("USER_LOCKED", "account-locked", "", "User {user.target.name} locked out on authentication failure"),
    ("USER_UNLOCKED", "account-unlocked", "", "User {user.target.name} unlocked by {user} on vty{=vty} ({@ip})"),
    ("CLI_DEPRECATED", "", "", "WARNING: {} using a type {#password_type} password*"),
    ("AUTH_PASSED", "authentication", "success", "{} {=process.name}: User '{>user}' authenticated successfully from {@ip}:{#source.port} [and was authorized ]for {network.protocol}. External groups: {external_groups}"),
    ("AUTHENTICATION_FAILED", "authentication", "failure", "{} {=process.name}: Authentication failure from {@ip}:{#source.port} for {network.protocol}"),
    ("MODEL_RPC_I", "rpc", "", "{} {=process.name}: RPC '{url}' invoked from {@ip}:{#source.port} via {=network.protocol} user {>user} session {=session}"),
    ("SSH_CLOSE", "session-ended", "", "SSH Session from {@ip} (tty = {=terminal}) for user '{>user}' using crypto cipher '{tls.cipher}' closed"),
    ("SSH_SESSION", "session-started", "", "SSH Session request from {@ip} (tty = {=terminal}) using crypto cipher '{tls.cipher}' {=outcome}"),
    ("SSH2_SESSION", "session-started", "", "SSH2 Session request from {@ip} (tty = {=terminal}) using crypto cipher '{tls.cipher}', hmac '{ssh_hmac}' {=outcome}"),
    ("SSH2_CLOSE", "session-ended", "", "SSH2 Session from {@ip} (tty = {=terminal}) for user '{>user}' using crypto cipher '{tls.cipher}', hmac '{ssh_hmac}' closed"),
    ("SSH2_USERAUTH", "authentication", "", "User '{>user}' authentication for SSH2 Session from {@ip} (tty = {=terminal}) using crypto cipher '{tls.cipher}', hmac '{ssh_hmac}' {=outcome}"),
    ("SSH_USERAUTH", "authentication", "", "User '{>user}' authentication for SSH Session from {@ip} (tty = {=terminal}) using crypto cipher '{tls.cipher}' {=outcome}"),
    ("IPACCESSLOGP", "access-list", "", "list {=rule} {=action} {=proto} {@ip}({#source.port})[ ({=interface} {=source.mac})] -> {@dip}({#destination.port}), {#packets} packet*"),
    ("ACCESSLOGP", "access-list", "", "list {=rule} {=action} {=proto} {@ip}({#source.port})[ ({=interface} {=source.mac})] -> {@dip}({#destination.port}), {#packets} packet*"),
    ("IPACCESSLOGDP", "access-list", "", "list {=rule} {=action} {=proto} {@ip}[ ({=interface} {=source.mac})] -> {@dip} ({#icmp_type}/{#icmp_code}), {#packets} packet*"),
    ("ACCESSLOGDP", "access-list", "", "list {=rule} {=action} {=proto} {@ip}[ ({=interface} {=source.mac})] -> {@dip} ({#icmp_type}/{#icmp_code}), {#packets} packet*"),
    ("IPACCESSLOGRP", "access-list", "", "list {=rule} {=action} {=proto} {@ip}[ ({=interface} {=source.mac})] -> {@dip}, {#packets} packet*"),
    ("IPACCESSLOGNP", "access-list", "", "list {=rule} {=action} {=proto} {@ip}[ ({=interface} {=source.mac})] -> {@dip}, {#packets} packet*"),
    ("ACCESSLOGNP", "access-list", "", "list {=rule} {=action} {=proto} {@ip}[ ({=interface} {=source.mac})] -> {@dip}, {#packets} packet*"),
    ("IPACCESSLOGS", "access-list", "", "list {=rule} {=action} {@ip}[,] {#packets} packet*"),
    ("ACLLOG_FLOW_INTERVAL", "access-list", "", "[Source MAC: {=source.mac}, ]Src IP: {@ip}, Dst IP: {@dip}, Src Port: {#source.port}, Dst Port: {#destination.port}, Src Intf: {=interface}, Protocol: \"{proto}\"({=network.iana_number}), Hit-count = {#packets}*"),
    ("SIGNATURE", "attack-detected", "", "Sig:{=rule.id} Subsig:{=rule.version} Sev:{=signature_severity} {rule.name} \\[{@ip}:{#source.port} -> {@dip}:{#destination.port}\\]*"),
    ("SESS_AUDIT_TRAIL", "connection-ended", "", "{}{=verb} {=network.protocol} session: initiator ({@ip}:{#source.port}) sent {#source.bytes} bytes -- responder ({@dip}:{#destination.port}) sent {#destination.bytes} bytes*"),
    ("SESS_AUDIT_TRAIL_START", "connection-started", "", "{}Start {=network.protocol} session: initiator ({@ip}:{#source.port}) -- responder ({@dip}:{#destination.port})*"),
    ("DROP_PKT", "connection-denied", "failure", "Dropping {=proto} {} {@ip}:{#source.port} {@dip}:{#destination.port} [on ]{}due to {failure_reason}"),
    ("UPDOWN", "", "", "Interface {=interface}, changed state to {=state}"),
    ("UPDOWN", "", "", "Line protocol on Interface {=interface}, changed state to {=state}"),
    ("CHANGED", "", "", "Interface {=interface}, changed state to {state}"),
    ("POWER_GRANTED", "", "", "Interface {=interface}: {}"),
    ("IEEE_DISCONNECT", "", "", "Interface {=interface}: {}"),
    ("RADIUS_DEAD", "", "failure", "RADIUS server {@dip}:{} is not responding*"),
    ("RADIUS_ALIVE", "", "success", "RADIUS server {@dip}:{} is being marked alive*"),
    ("IF_UP", "", "", "Interface {=interface} [({}) ]is {=state}[ {}]"),
    ("IF_DUPLEX", "", "", "Interface {=interface}, {reason}"),
    ("SPEED", "", "", "Interface {=interface}, {reason}"),
    ("FAIL", "authentication", "failure", "{} for client ({mac}) on Interface {=interface}[ AuditSessionID {=audit_session_id}][ {}]"),
    ("SUCCESS", "authentication", "success", "{} for client ({mac}) on Interface {=interface}[ AuditSessionID {=audit_session_id}][ {}]"),
    ("START", "authentication", "", "{} for client ({mac}) on Interface {=interface}[ AuditSessionID {=audit_session_id}][ {}]"),
    ("RESULT", "authentication", "", "Authentication result '{outcome}' from '{}' for client ({mac}) on Interface {=interface}[ AuditSessionID {=audit_session_id}][ {}]"),
    ("PSECURE_VIOLATION", "port-violation", "failure", "{}caused by MAC address {=mac} on port {=interface}[ {}]"),
    ("PSECURE_VIOLATION_MAC_MOVE", "port-violation", "failure", "{}caused by MAC address {=mac} on port {=interface} attempting to access port {=interface_other}"),
    ("PSECURE_VIOLATION_VLAN", "port-violation", "failure", "{}caused by MAC address {=mac} on port {=interface} {}"),
    ("BLOCK_BPDUGUARD", "port-violation", "failure", "Received BPDU [from bridge {=mac} ]on port {=interface} with BPDU Guard enabled. Disabling port"),
    ("ERR_DISABLE", "port-disabled", "", "{=error_cause} error detected on {=interface}, putting {}"),
    ("ERR_RECOVER", "", "", "Attempting to recover from {=error_cause} err-disable state on {=interface}"),
    ("MACFLAP_NOTIF", "mac-flapping", "", "Host {=mac} in vlan {=network.vlan.id} is flapping between port {=interface} and port {=interface_other}"),
    ("DUPADDR", "duplicate-address", "", "Duplicate address {@ip} on {=interface}, sourced by {=mac}"),
    ("DUP_SRC_IP", "duplicate-address", "", "{=process.name} \\[{#process.pid}\\] Source address of packet received from {=mac} on {=vlan}({=interface}) is duplicate of local, {@ip}[ {}]"),
    ("STCKYARPOVR", "duplicate-address", "", "Attempt to overwrite Sticky ARP entry: {@ip}, hw: {=mac_stored} by hw: {=mac}"),
    ("DHCP_SNOOPING_MATCH_MAC_FAIL", "dhcp-denied", "failure", "{}, message type: {=dhcp_message}, chaddr: {=chaddr}, MAC sa: {=mac}"),
    ("DHCP_SNOOPING_UNTRUSTED_PORT", "dhcp-denied", "failure", "{}, message type: {=dhcp_message}, MAC sa: {=mac}"),
    ("NATIVE_VLAN_MISMATCH", "", "", "Native VLAN mismatch discovered on {=interface} {}"),
    ("DUPLEX_MISMATCH", "", "", "duplex mismatch discovered on {=interface} {}"),
    ("AUTHFAIL", "authentication", "failure", "Authentication failure for SNMP req from host {@ip}"),
    ("AUTH_FAIL", "authentication", "failure", "{} from {@ip}"),
    ("LOGGINGHOST_STARTSTOP", "", "", "Logging to host {@dip}[ port {#destination.port}] {=state}*"),
    ("ADJCHANGE", "neighbor-changed", "", "neighbor {@ip} [vpn vrf {=vrf} ]{=state}*"),
    ("ADJCHG", "neighbor-changed", "", "Process {=routing_process}, Nbr {@ip} on {=interface} from {=state_before} to {=state}, {}"),
    ("NBRCHANGE", "neighbor-changed", "", "{}: Neighbor {@ip} ({interface}) is {=state}: {}"),
    ("BADAUTH", "authentication", "failure", "{} from {@ip}[:{#source.port}][ to {@dip}][:{#destination.port}]*"),
    ("NOTIFICATION", "", "", "{=direction_word} to neighbor {@ip} {}"),
    ("SYSTEM_MSG", "authentication", "failure", "pam_aaa:Authentication failed from {@ip} - {=process.name}\\[{#process.pid}\\]"),
    ("SYSTEM_MSG", "authentication", "failure", "pam_aaa:Authentication failed for user {>user} from {@ip} - {=process.name}\\[{#process.pid}\\]"),
    ("SYSTEM_MSG", "authentication", "failure", "error: PAM: Authentication failure for [illegal user ]{>user} from {@ip} - {=process.name}\\[{#process.pid}\\]"),
    ("SYSTEM_MSG", "", "", "{} - {=process.name}\\[{#process.pid}\\]"),
];

fn read<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let found = mark(line.body.trim_start_matches([' ', ':'])).filter(|_| is_devices(line.header))?;
    let numbered = found.mnemonic.bytes().all(|b| b.is_ascii_digit());
    if numbered && found.mnemonic.len() == 6 {
        // The firewalls' messages have numbers, and a grammar of their own.
        return None;
    }
    let mut event = Event::new("cisco.ios");
    let fields = &mut event.fields;
    fields.text("facility", found.facility);
    fields.text("severity", found.severity);
    fields.number("event.severity", found.severity);
    fields.text("mnemonic", found.mnemonic);
    if let Some(host) = line.header.host {
        fields.text("observer.hostname", host);
    }
    sequence(line, fields);
    let mut captures = Found::new();
    let row = ROWS
        .iter()
        .find(|row| row.0 == found.mnemonic && shape::matches(row.3, found.text, |_, _| 0, &mut captures));
    match row {
        Some(&(_, action, outcome, _)) => {
            fill(line, &captures, fields);
            fields.text("event.action", action);
            fields.text("event.outcome", outcome);
        }
        None if found.facility == "ETHPORT" => interface(found.text, fields),
        None if found.text.starts_with("Interface ") => {
            let name = found.text[10..].split([' ', ',', ':']).next().unwrap_or_default();
            fields.text("interface.name", name);
        }
        None => {}
    }
    fields.text("event.reason", found.text);
    Some(event)
}

/// NX-OS about ports: `Interface Ethernet1/1 (description:x) is down (reason)`, `Interface Ethernet1/1, what changed`.
fn interface<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let Some(rest) = text.strip_prefix("Interface ") else {
        return;
    };
    let end = rest.find([' ', ',']).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    fields.text("interface.name", name);
    if let Some(what) = rest.strip_prefix(", ") {
        fields.text("event.reason", what.trim_end_matches('.'));
    } else if let Some((_, state)) = rest.rsplit_once(" is ") {
        let (state, reason) = state.split_once(' ').unwrap_or((state, ""));
        fields.text("event.action", state);
        let reason = reason.trim_start_matches('(').trim_end_matches(['.', ')']);
        fields.text("event.reason", reason);
    }
}

/// The number that the device counts its messages with, in front of everything else.
fn sequence<'a>(line: &Line<'a>, fields: &mut Fields<'a>) {
    let start = match line.raw.split_once('>') {
        Some((priority, rest)) if priority.starts_with('<') => rest,
        _ => line.raw,
    };
    if let Some((digits, _)) = start.split_once(": ")
        && !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
    {
        fields.text("sequence", digits);
    }
}

fn fill<'a>(line: &Line<'a>, captures: &Found<'a>, fields: &mut Fields<'a>) {
    for &(name, value) in captures {
        match name {
            "user" => fields.text("user.name", value),
            "ip" => fields.source(value),
            "dip" => fields.destination(value),
            "cmd" => fields.text("process.command_line", value),
            "proto" => fields.text("network.transport", line.keep(value.to_ascii_lowercase())),
            "rule" => fields.text("rule.name", value),
            "reason" => fields.text("event.reason", value),
            "url" => put_url(fields, value),
            "mac" => {
                // ECS writes addresses of cards otherwise: both.
                fields.text("mac", value);
                if let Some(mac) = hyphened(value) {
                    fields.text("source.mac", line.keep(mac));
                }
            }
            "state" => {
                fields.text("state", value);
                fields.text("event.action", line.keep(value.to_ascii_lowercase()));
            }
            "outcome" => {
                let outcome = match value.to_ascii_lowercase().as_str() {
                    "succeeded" | "success" => "success",
                    "failed" | "fail" | "failure" => "failure",
                    _ => "",
                };
                fields.text("event.outcome", outcome);
            }
            "interface" => {
                fields.text("interface.name", value);
                fields.text("observer.ingress.interface.name", value);
                if let Some(number) = value.strip_prefix("Vlan") {
                    fields.text("network.vlan.id", number);
                }
            }
            "tty" => {
                fields.text("terminal", value);
                if let Some(number) = value.strip_prefix("vty") {
                    fields.text("vty", number);
                }
            }
            _ => fields.text(name, value),
        }
    }
}

/// `0050.5683.69cd` as `00-50-56-83-69-CD`.
fn hyphened(mac: &str) -> Option<String> {
    let digits: String = mac.chars().filter(char::is_ascii_hexdigit).collect();
    if digits.len() != 12 {
        return None;
    }
    let mut text = String::with_capacity(17);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 2 == 0 {
            text.push('-');
        }
        text.push(digit.to_ascii_uppercase());
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use crate::formats::vendors::cisco::testing::{read, reads};

    #[test]
    fn marks_and_headers() {
        read(
            "<189>71: sw1: *Mar  1 2026 10:00:05.250 CET: %SYS-5-CONFIG_I: Configured from console by mara on vty0 \
             (192.0.2.7)",
            "cisco.ios",
            &[
                ("@timestamp", "2026-03-01T09:00:05.250000Z"),
                ("observer.hostname", "sw1"),
                ("sequence", "71"),
                ("facility", "SYS"),
                ("severity", "5"),
                ("mnemonic", "CONFIG_I"),
                ("user.name", "mara"),
                ("source.ip", "192.0.2.7"),
                ("vty", "0"),
            ],
        );
        read(
            "2026 Mar  1 10:00:05 UTC: %ETHPORT-5-IF_DOWN_LINK_FAILURE: Interface Ethernet1/7 (description:a b) is down \
             (Link failure)",
            "cisco.ios",
            &[
                ("interface.name", "Ethernet1/7"),
                ("event.action", "down"),
                ("event.reason", "Link failure"),
            ],
        );
        read(
            "%FOO_BAR-3-NEWS: something nobody knows",
            "cisco.ios",
            &[
                ("facility", "FOO_BAR"),
                ("event.reason", "something nobody knows"),
            ],
        );
    }

    #[test]
    fn logins_and_lists() {
        read(
            "Mar  1 10:00:05.1: %SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: x] [Source: 203.0.113.66] [user: y] \
             [Source: 192.0.2.7] [localport: 22] [Reason: Login Authentication Failed] at 10:00:05 UTC Sun Mar 1 2026",
            "cisco.ios",
            &[
                ("source.ip", "192.0.2.7"),
                ("destination.port", "22"),
                ("event.outcome", "failure"),
            ],
        );
        read(
            "Mar  1 10:00:05.1 r1: %SEC-6-IPACCESSLOGP: list 101 denied tcp 2001:db8::7(1025) (Vlan7 0050.56aa.bb01) -> \
             192.0.2.8(22), 1 packet",
            "cisco.ios",
            &[
                ("source.ip", "2001:db8::7"),
                ("source.port", "1025"),
                ("destination.ip", "192.0.2.8"),
                ("interface.name", "Vlan7"),
                ("rule.name", "101"),
                ("network.transport", "tcp"),
            ],
        );
        read(
            "%LINK-3-UPDOWN: Interface Gi0/1, changed state to down",
            "cisco.ios",
            &[("interface.name", "Gi0/1"), ("event.action", "down")],
        );
    }

    #[test]
    fn other_lines_are_left_alone() {
        for other in [
            "100% sure-5-that it is none",
            "Mar  1 10:00:05 web1 app[7]: %SYS-5-CONFIG_I: Configured from console by root",
            "%SYS-5",
        ] {
            assert!(!reads(other), "{other}");
        }
    }
}
