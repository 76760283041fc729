//! OpenVPN and WireGuard.
//!
//! OpenVPN writes to a file of its own with an ISO time and no program, or to syslog. A client's line starts with who it
//! is: `192.0.2.1:1194 …`, `name/192.0.2.1:1194 …` once its certificate is known. OpenVPN takes colons out of names, so
//! the first `/address:port ` ends the name.

use super::super::fields::{Fields, address};
use super::super::text::{Event, Grammar, Line};
use crate::time;
use crate::value::Value;

/// Tunnels.
pub(super) const GRAMMARS: &[Grammar] = &[
    Grammar {
        name: "openvpn",
        marks: &[
            "openvpn",
            "ovpn",
            "OpenVPN",
            "[AF_INET",
            "peer info: IV_",
            "VERIFY ",
            "MULTI: ",
            "MULTI_",
            "TLS Error: ",
            "TLS Auth Error: ",
            "TLS: ",
            "Control Channel",
            "Data Channel",
            "SIGUSR1[",
            "SIGTERM[",
            "SIGHUP[",
            "TUN/TAP ",
            "IFCONFIG POOL",
            "ifconfig_pool",
            "Socket Buffers: ",
            "net_route_v",
            "net_addr_",
            "net_iface_",
            "ROUTE_GATEWAY ",
            "Initialization Sequence Completed",
            "AUTH: Received control message",
            "LDAP bind failed",
            "Diffie-Hellman",
            "OpenSSL: error",
            "OPTIONS IMPORT",
            "PUSH: ",
            "SENT CONTROL",
            "PLUGIN_",
            "link local",
            "link remote",
            "library versions: ",
            "Timers: ",
            "Connection reset",
            ",10.",
            ",172.",
            ",192.168.",
            "Listening for incoming TCP connection",
            "Could not determine IPv4/IPv6 protocol",
            "Inactivity timeout",
            "Incorrect password supplied for LDAP DN",
            "Kernel support for ovpn-dco",
            "WARNING: --",
            "NOTE: --",
            "DEPRECATED OPTION: --",
            "GID set to ",
            "UID set to ",
            "/sbin/ip ",
            "/sbin/ifconfig ",
            "/sbin/route ",
        ],
        programs: &["openvpn"],
        read: read_openvpn,
    },
    Grammar {
        name: "wireguard",
        marks: &["wireguard: "],
        programs: &[],
        read: read_wireguard,
    },
];

/// How messages start that no other program writes so.
const STARTS: [&str; 64] = [
    "MULTI: ",
    "MULTI_",
    "VERIFY ",
    "TLS Error: ",
    "TLS Auth Error: ",
    "TLS: ",
    "TLS_ERROR: ",
    "Control Channel",
    "Outgoing Control Channel",
    "Incoming Control Channel",
    "Data Channel",
    "Outgoing Data Channel",
    "Incoming Data Channel",
    "SIGUSR1[",
    "SIGTERM[",
    "SIGHUP[",
    "SIGINT[",
    "TUN/TAP ",
    "Closing TUN/TAP interface",
    "IFCONFIG POOL",
    "ifconfig_pool",
    "Socket Buffers: ",
    "net_route_v",
    "net_addr_",
    "net_iface_",
    "ROUTE_GATEWAY ",
    "Initialization Sequence Completed",
    "AUTH: Received control message",
    "LDAP bind failed",
    "Diffie-Hellman initialized",
    "OpenSSL: error",
    "OPTIONS IMPORT",
    "OPTIONS ERROR",
    "PUSH: ",
    "SENT CONTROL",
    "PLUGIN_",
    "UDPv4 link",
    "UDPv6 link",
    "TCPv4",
    "TCPv6",
    "UDPv4: ",
    "OpenVPN ",
    "library versions: ",
    "Timers: ",
    "peer info: ",
    "TCP connection established with [AF_INET",
    "TCP/UDP",
    "Peer Connection Initiated with ",
    "Listening for incoming TCP connection",
    "Could not determine IPv4/IPv6 protocol",
    "Connection reset, restarting",
    "Inactivity timeout",
    "Incorrect password supplied for LDAP DN",
    "Note: Kernel support for ovpn-dco",
    "WARNING: --",
    "NOTE: --",
    "DEPRECATED OPTION: --",
    "GID set to ",
    "UID set to ",
    "/sbin/ip ",
    "/sbin/ifconfig ",
    "/sbin/route ",
    "succeeded -> ifconfig_pool",
    "ifconfig-pool ",
];

/// Those that need neither a time nor a client in front.
const UNMISTAKABLE: [&str; 10] = [
    "LDAP bind failed: ",
    "Incorrect password supplied for LDAP DN \"",
    "PLUGIN_CALL: POST ",
    "MULTI: ",
    "IFCONFIG POOL",
    "net_iface_",
    "TUN/TAP device ",
    "ROUTE_GATEWAY ",
    "Initialization Sequence Completed",
    "SENT CONTROL [",
];

fn read_openvpn<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    let program = line.program();
    let named = program.starts_with("openvpn") || program.starts_with("ovpn");
    if line.header.tag.is_some() && !named {
        return None;
    }
    let mut event = Event::new("openvpn.log");
    let mut text = if named { line.body } else { line.raw.trim() };
    if let Some((time, rest)) = time::iso(text, line.context.timezone)
        .or_else(|| time::ctime(text, line.context.timezone))
        .filter(|(_, rest)| rest.starts_with(' '))
    {
        event.time = Some(time);
        text = rest.trim_start();
        // Some versions add microseconds: `us=123456`.
        if let Some((micros, rest)) = text.strip_prefix("us=").and_then(|rest| rest.split_once(' '))
            && let Ok(micros) = micros.parse::<i64>()
        {
            event.time = time.checked_add(micros);
            text = rest;
        }
    }
    let has_time = event.time.is_some();
    let fields = &mut event.fields;
    let text = client(text, fields);
    let identified = fields.get("source.ip").is_some();
    let known = STARTS.iter().any(|start| text.starts_with(start));
    let pooled = has_time && !identified && pool(text, fields);
    let connected = identified && (known || text.starts_with('[') || text.starts_with("Connection reset"));
    let alone = UNMISTAKABLE.iter().any(|start| text.starts_with(start));
    if !(named || pooled || connected || alone || known && has_time && is_certain(text)) {
        return None;
    }
    fields.category("network");
    fields.put("process.name", Value::Str("openvpn"));
    if !pooled {
        message(text, fields);
        fields.text("event.reason", text);
    }
    Some(event)
}

/// Starts that other programs might have too do not suffice without a client in front.
fn is_certain(text: &str) -> bool {
    !text.starts_with("TLS: ") && !text.starts_with("Timers: ")
}

/// Takes the client off the front of a message.
fn client<'a>(text: &'a str, fields: &mut Fields<'a>) -> &'a str {
    // `name/192.0.2.1:1194 `, where the name may hold spaces; without a name the address comes first.
    let mut from = 0;
    loop {
        let Some(end) = text[from..].find(' ').map(|at| from + at) else {
            return text;
        };
        let word = &text[..end];
        let (name, peer) = word.rsplit_once('/').unwrap_or(("", word));
        if let Some((ip, port)) = peer.rsplit_once(':')
            && port.bytes().all(|b| b.is_ascii_digit())
            && let Some(ip) = address(ip.strip_prefix("[AF_INET6]").unwrap_or(ip))
            && (!name.is_empty() || word == peer)
        {
            fields.text("source.ip", ip);
            fields.source_port(port);
            if name != "UNDEF" {
                fields.text("user.name", name);
            }
            return text[end + 1..].trim_start();
        }
        // A colon ends the hope for a name.
        if word.contains(':') || end > 128 {
            return text;
        }
        from = end + 1;
    }
}

/// The pool's list: `client01,10.8.0.4,` or with an IPv6 address at the end.
fn pool<'a>(text: &'a str, fields: &mut Fields<'a>) -> bool {
    let mut parts = text.split(',');
    let (Some(name), Some(v4), v6, None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let Some(ip) = address(v4) else {
        return false;
    };
    if name.is_empty()
        || name.contains([' ', ':', '=', '"'])
        || v6.is_none_or(|v6| !v6.is_empty() && address(v6).is_none())
    {
        return false;
    }
    fields.event("pool", "");
    fields.text("user.name", name);
    fields.text("client.ip", ip);
    true
}

fn message<'a>(text: &'a str, fields: &mut Fields<'a>) {
    if let Some(rest) = text.strip_prefix("VERIFY ") {
        let failed = rest.starts_with("ERROR");
        fields.event("verify", if failed { "failure" } else { "success" });
        if let Some((_, rest)) = rest.split_once("depth=") {
            let (depth, subject) = rest.split_once(", ").unwrap_or((rest, ""));
            fields.text("verify.depth", depth);
            fields.text("verify.subject", subject);
        }
    } else if let Some(rest) = text.strip_prefix("peer info: ") {
        fields.event("peer_info", "");
        if let Some((name, value)) = rest.split_once('=') {
            match name {
                "IV_VER" => fields.text("peer.version", value),
                "IV_PLAT" => fields.text("peer.platform", value),
                "IV_GUI_VER" => fields.text("peer.gui_version", value),
                "IV_HWADDR" => fields.text("source.mac", value),
                _ => {}
            }
        }
    } else if let Some(rest) = text.strip_prefix("Control Channel: ") {
        // `TLSv1.3, cipher TLSv1.3 TLS_AES_256_GCM_SHA384, peer certificate: …`
        fields.event("tls_established", "success");
        let mut parts = rest.split(", ");
        if let Some(version) = parts.next().and_then(|version| version.strip_prefix("TLS")) {
            fields.text("tls.version", version.trim_start_matches('v'));
            fields.text("control.version", version);
        }
        if let Some((_, cipher)) = parts
            .next()
            .and_then(|cipher| cipher.strip_prefix("cipher "))
            .and_then(|cipher| cipher.split_once(' '))
        {
            fields.text("tls.cipher", cipher);
        }
    } else if let Some(rest) = text.strip_prefix("MULTI: ") {
        fields.event("multi", "");
        // `Learn: 10.8.0.6 -> name/peer`, `primary virtual IP for name/peer: 10.8.0.6`
        let ip = match rest.strip_prefix("Learn: ") {
            Some(learned) => learned.split(' ').next(),
            None if rest.starts_with("primary virtual IP") => rest.rsplit(": ").next(),
            None => None,
        };
        if let Some(ip) = ip.and_then(address) {
            fields.text("client.ip", ip);
        }
    } else if let Some(rest) = text.strip_prefix('[')
        && let Some((name, _)) = rest.split_once("] Peer Connection Initiated with ")
    {
        fields.event("connected", "success");
        fields.text("user.name", name);
    } else if text.starts_with("TLS Auth Error")
        || text.contains("AUTH_FAILED")
        || text.starts_with("LDAP bind failed")
    {
        fields.event("login", "failure");
        fields.category("authentication");
    } else if text.starts_with("TLS Error: ")
        || text.starts_with("TLS_ERROR: ")
        || text.starts_with("OpenSSL: error")
    {
        fields.event("tls_failed", "failure");
        if let Some((_, rest)) = text.rsplit_once("[AF_INET]")
            && fields.get("source.ip").is_none()
            && let Some((ip, port)) = rest
                .split([' ', ','])
                .next()
                .and_then(|peer| peer.rsplit_once(':'))
        {
            fields.text("source.ip", address(ip).unwrap_or_default());
            fields.source_port(port);
        }
    } else if let Some((signal, rest)) = text.split_once('[')
        && signal.starts_with("SIG")
    {
        fields.event("signal", "");
        fields.text("signal", signal);
        fields.text(
            "signal_reason",
            rest.split_once(']').map_or("", |(reason, _)| reason),
        );
    } else if let Some(rest) = text.strip_prefix("TCP connection established with [AF_INET]") {
        fields.event("connect", "");
        if let Some((ip, port)) = rest.trim_end().rsplit_once(':') {
            fields.text("source.ip", address(ip).unwrap_or_default());
            fields.source_port(port);
        }
    } else if let Some(dn) = text
        .strip_prefix("Incorrect password supplied for LDAP DN \"")
        .and_then(|rest| rest.strip_suffix("\".").or_else(|| rest.strip_suffix('"')))
    {
        fields.event("login", "failure");
        fields.category("authentication");
        fields.text("ldap.dn", dn);
    } else {
        network(text, fields);
    }
}

/// Interfaces, addresses and routes.
fn network<'a>(text: &'a str, fields: &mut Fields<'a>) {
    let word_after = |mark: &str| {
        let (_, rest) = text.split_once(mark)?;
        rest.split([' ', '/', ',']).next()
    };
    if let Some(name) = word_after("TUN/TAP device ") {
        fields.event("interface_opened", "");
        fields.text("observer.ingress.interface.name", name);
    } else if let Some(rest) = text.strip_prefix("net_iface_") {
        fields.event("interface", "");
        if let Some((_, rest)) = rest.split_once(": set ") {
            let name = rest.split(' ').next().unwrap_or_default();
            let name = if name == "mtu" {
                word_after(" for ")
            } else {
                Some(name)
            };
            fields.text("observer.ingress.interface.name", name.unwrap_or_default());
        } else {
            // `net_iface_mtu_set: mtu 1500 for tun0`
            fields.text(
                "observer.ingress.interface.name",
                word_after(" for ").unwrap_or_default(),
            );
        }
    } else if let Some(rest) = text.strip_prefix("net_addr_") {
        fields.event("address", "");
        if let Some((_, rest)) = rest.split_once(": ")
            && let Some(ip) = rest.split([' ', '/']).next().and_then(address)
        {
            fields.put("observer.ip", Value::List(vec![Value::Str(ip)]));
        }
        fields.text(
            "peer.ip",
            word_after(" peer ").and_then(address).unwrap_or_default(),
        );
        fields.text(
            "observer.ingress.interface.name",
            word_after(" dev ").unwrap_or_default(),
        );
    } else if text.starts_with("net_route_") || text.starts_with("ROUTE") {
        fields.event("route", "");
        let gateway = word_after("ROUTE_GATEWAY ").or_else(|| word_after(" via "));
        fields.text("gateway.ip", gateway.and_then(address).unwrap_or_default());
        let name = word_after("IFACE=").or_else(|| word_after(" dev "));
        fields.text("observer.egress.interface.name", name.unwrap_or_default());
        fields.text("gateway.mac", word_after("HWADDR=").unwrap_or_default());
    }
}

/// `wireguard: wg0: Receiving handshake initiation from peer 3 (192.0.2.1:51820)`, as the kernel's debug log has it.
fn read_wireguard<'a>(line: &Line<'a>) -> Option<Event<'a>> {
    if line.header.tag.is_some() && line.program() != "kernel" {
        return None;
    }
    // The kernel's own time stands in brackets.
    let text = match line.body.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((_, rest)) => rest,
        None => line.body,
    };
    let (interface, text) = text.strip_prefix("wireguard: ")?.split_once(": ")?;
    let mut event = Event::new("wireguard.log");
    let fields = &mut event.fields;
    fields.category("network");
    fields.put("network.protocol", Value::Str("wireguard"));
    fields.text("observer.ingress.interface.name", interface);
    let action = match text.split(' ').next().unwrap_or_default() {
        "Receiving" => "received",
        "Sending" => "sent",
        "Handshake" => "handshake_failed",
        "Invalid" | "Packet" => "invalid_packet",
        "Keypair" => "keypair",
        "Peer" => "peer",
        _ => "message",
    };
    fields.event(
        action,
        if action.ends_with("failed") || action.starts_with("invalid") {
            "failure"
        } else {
            ""
        },
    );
    if let Some((_, rest)) = text.split_once("peer ")
        && let Some((id, rest)) = rest.split_once(" (")
        && let Some((peer, _)) = rest.split_once(')')
    {
        fields.text("peer.id", id);
        if let Some((ip, port)) = peer.rsplit_once(':') {
            fields.text("source.ip", address(ip).unwrap_or_default());
            fields.source_port(port);
        }
    } else if let Some(peer) = text.rsplit(" from ").next().filter(|_| text.contains(" from "))
        && let Some((ip, port)) = peer.rsplit_once(':')
    {
        fields.text("source.ip", address(ip).unwrap_or_default());
        fields.source_port(port);
    }
    Some(event)
}
