//! The forms that are known by rote, by who writes them.
//!
//! Any line of a form is read by the grammar of its product first; nothing is said here of what it means. A form pays if a
//! product writes it by the thousand, and fits if what varies in it is of one of the [kinds](super::slots). A test reads
//! lines of each form, with what strangers might choose in its slots, both ways.

/// `%`: messages of devices, whose mark is part of the message.
pub(super) const FORMS: &[(&str, &[&str])] = &[
    (
        "%",
        &[
            "%ASA-{level}-<302013|302015>: Built <outbound|inbound> <TCP|UDP> connection {number} for {name}:{v4}/{port} ({v4~}/{port~}) to {name}:{v4}/{port} ({v4~}/{port~})",
            "%ASA-{level}-<302014|302016>: Teardown <TCP|UDP> connection {number} for {name}:{v4}/{port} to {name}:{v4}/{port} duration {clock} bytes {number}",
            "%ASA-{level}-302014: Teardown TCP connection {number} for {name}:{v4}/{port} to {name}:{v4}/{port} duration {clock} bytes {number} {words}",
            "%ASA-{level}-302020: Built <outbound|inbound> ICMP connection for faddr {v4}/{port} gaddr {v4}/{port} laddr {v4~}/{port~}< type {number} code {number}|>",
            "%ASA-{level}-302021: Teardown ICMP connection for faddr {v4}/{port} gaddr {v4}/{port} laddr {v4~}/{port~}< type {number} code {number}|>",
            "%ASA-{level}-106023: Deny <tcp|udp> src {name}:{v4}/{port} dst {name}:{v4}/{port} by access-group \"{name}\" [{hex}, {hex}]",
            "%ASA-{level}-106023: Deny icmp src {name}:{v4} dst {name}:{v4} (type {number}, code {number}) by access-group \"{name}\" [{hex}, {hex}]",
            "%ASA-{level}-106015: Deny TCP (no connection) from {v4}/{port} to {v4}/{port} flags <RST|ACK|SYN ACK|FIN ACK|RST ACK|PSH ACK>  on interface {name}",
            "%ASA-{level}-106100: access-list {name} <permitted|denied> <tcp|udp> {name}/{v4}({port}) -> {name}/{v4}({port}) hit-cnt {number} first hit [{hex}, {hex}]",
            "%ASA-{level}-305011: Built <dynamic|static> <TCP|UDP> translation from {name}:{v4}/{port} to {name}:{v4}/{port~}",
            "%ASA-{level}-305012: Teardown <dynamic|static> <TCP|UDP> translation from {name}:{v4}/{port} to {name}:{v4}/{port~} duration {clock}",
            "%ASA-{level}-113004: AAA user <authentication|authorization|accounting> Successful : server =  {v4} : user = {user}",
            "%ASA-{level}-113012: AAA user authentication Successful : local database : user = {user}",
            "%ASA-{level}-113005: AAA user authentication Rejected : reason = AAA failure : server = {v4} : user = {user} : user IP = {v4}",
        ],
    ),
    (
        "sshd",
        &[
            "Failed <password|publickey|none|keyboard-interactive/pam> for {user} from {v4} port {port} ssh2",
            "Failed <password|publickey|none|keyboard-interactive/pam> for invalid user {user} from {v4} port {port} ssh2",
            "Accepted <password|keyboard-interactive/pam> for {user} from {v4} port {port} ssh2",
            "Accepted publickey for {user} from {v4} port {port} ssh2: <ED25519|RSA|ECDSA> {digest}",
            "Invalid user {user} from {v4} port {port}",
            "<Connection closed|Connection reset|Disconnected> <by|from> <authenticating |invalid |>user {user} {v4} port {port}< [preauth]|>",
            "<Connection closed|Connection reset> by {v4} port {port}< [preauth]|>",
            "Received disconnect from {v4} port {port}:11: <disconnected by user|Bye Bye>< [preauth]|>",
            "Connection from {v4} port {port} on {v4} port {port}< rdomain \"\"|>",
            "pam_unix(sshd:session): session opened for user {user}(uid={number}) by (uid=0)",
            "pam_unix(sshd:session): session opened for user {user}(uid={number}) by {user~}(uid={number~})",
            "pam_unix(sshd:session): session opened for user {user} by (uid=0)",
            "pam_unix(sshd:session): session closed for user {user}",
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={v4}  user={user}",
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={v4}",
            "pam_unix(sshd:auth): check pass; user unknown",
        ],
    ),
    (
        "sudo",
        &[
            "{user} : TTY={terminal} ; PWD={folder} ; USER={user~} ; COMMAND={command}",
            "pam_unix(sudo:session): session opened for user {user}(uid={number}) by {user~}(uid={number~})",
            "pam_unix(sudo:session): session opened for user {user}(uid={number}) by (uid=0)",
            "pam_unix(sudo:session): session closed for user {user}",
        ],
    ),
    (
        "CRON",
        &[
            "pam_unix(cron:session): session opened for user {user}(uid={number}) by (uid=0)",
            "pam_unix(cron:session): session opened for user {user} by (uid=0)",
            "pam_unix(cron:session): session closed for user {user}",
        ],
    ),
    (
        "su",
        &[
            "pam_unix(su:session): session opened for user {user}(uid={number}) by {user~}(uid={number~})",
            "pam_unix(su:session): session closed for user {user}",
        ],
    ),
    (
        "systemd-logind",
        &[
            "New session {number} of user {user}.",
            "Removed session {number}.",
        ],
    ),
];
