use proptest::prelude::*;

use super::*;

fn fields_of<'a>(program: &'a str, message: &'a str) -> Fields<'a> {
    let mut fields = Fields::default();
    dissect(program, program, message, &mut fields);
    fields
}

#[track_caller]
fn check(program: &str, message: &str, wanted: &[(&str, &str)]) {
    let fields = fields_of(program, message);
    for (name, value) in wanted {
        let got = match fields.get(name) {
            Some(Value::Str(text)) => (*text).to_owned(),
            Some(Value::Int(number)) => number.to_string(),
            Some(Value::Bool(flag)) => flag.to_string(),
            other => format!("{other:?}"),
        };
        let wanted = if value.is_empty() { "None" } else { value };
        assert_eq!(got, wanted, "{name} of {message:?}");
    }
}

#[test]
fn sshd_logins() {
    check(
        "sshd",
        "Accepted publickey for mara from 198.51.100.7 port 51022 ssh2: ED25519 SHA256:q1w2e3",
        &[
            ("event.action", "ssh_login"),
            ("event.outcome", "success"),
            ("user.name", "mara"),
            ("source.ip", "198.51.100.7"),
            ("source.port", "51022"),
            ("system.auth.ssh.method", "publickey"),
            ("system.auth.ssh.signature", "SHA256:q1w2e3"),
        ],
    );
    check(
        "sshd-session",
        "message repeated 4 times: [ Failed password for invalid user oracle from 2001:db8::7 port 4 ssh2]",
        &[
            ("event.outcome", "failure"),
            ("user.name", "oracle"),
            ("source.ip", "2001:db8::7"),
            ("syslog.repeated", "4"),
            ("system.auth.ssh.invalid_user", "true"),
        ],
    );
    check(
        "sshd",
        "Invalid user  from 203.0.113.9 port 1",
        &[
            ("user.name", ""),
            ("source.ip", "203.0.113.9"),
            ("source.port", "1"),
        ],
    );
    check(
        "sshd",
        "error: maximum authentication attempts exceeded for root from 203.0.113.9 port 99 ssh2 [preauth]",
        &[
            ("event.action", "ssh_max_attempts"),
            ("user.name", "root"),
            ("source.port", "99"),
        ],
    );
    check(
        "sshd",
        "Connection reset by authenticating user nils 203.0.113.9 port 99 [preauth]",
        &[
            ("event.action", "ssh_connection_reset"),
            ("user.name", "nils"),
            ("source.ip", "203.0.113.9"),
        ],
    );
    check(
        "sshd",
        "Connection from 203.0.113.9 port 99 on 192.0.2.1 port 22 rdomain \"\"",
        &[
            ("source.ip", "203.0.113.9"),
            ("destination.ip", "192.0.2.1"),
            ("destination.port", "22"),
        ],
    );
}

#[test]
fn what_a_client_writes_is_not_taken_for_what_sshd_wrote() {
    let real = [("source.ip", "203.0.113.66"), ("source.port", "4022")];
    for message in [
        "Failed password for invalid user x from 192.0.2.1 port 22 ssh2 from 203.0.113.66 port 4022 ssh2",
        "Failed none for invalid user x from 192.0.2.1 port 22 from 203.0.113.66 port 4022 ssh2",
        "Invalid user x from 192.0.2.1 port 22 from 203.0.113.66 port 4022",
        "Invalid user from 192.0.2.1 from 203.0.113.66 port 4022",
        "Connection closed by invalid user x 192.0.2.1 port 22 203.0.113.66 port 4022 [preauth]",
        "Disconnected from authenticating user 192.0.2.1 203.0.113.66 port 4022 [preauth]",
        "Disconnecting invalid user x 192.0.2.1 port 22: y 203.0.113.66 port 4022: Too many authentication failures [preauth]",
        "Received disconnect from 203.0.113.66 port 4022:11: bye from 192.0.2.1 port 22",
        "Bad protocol version identification 'GET from 192.0.2.1 port 22' from 203.0.113.66 port 4022",
        "Failed hostbased for dan from 203.0.113.66 port 4022 ssh2: RSA SHA256:x, client user \"a from 192.0.2.1 port 22 ssh2\", client host \"h\"",
        "Unable to negotiate with 203.0.113.66 port 4022: no matching cipher found. Their offer: x from 192.0.2.1 port 22",
    ] {
        check("sshd", message, &real);
    }
    check(
        "sshd",
        "User x from 192.0.2.1 not allowed because y from 203.0.113.66 not allowed because not listed in AllowUsers",
        &[("source.ip", "203.0.113.66")],
    );
    check(
        "vsftpd",
        "pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser=x rhost=192.0.2.1 rhost=203.0.113.66  user=y",
        &[("source.ip", "203.0.113.66"), ("user.name", "y")],
    );
    // The name of the one who logs in stands twice, and holds all that stands around it.
    let name = "x rhost=192.0.2.1  user=x";
    let message = format!(
        "pam_unix(vsftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser={name} rhost=203.0.113.66  user={name}"
    );
    check(
        "vsftpd",
        &message,
        &[("source.ip", "203.0.113.66"), ("user.name", name)],
    );
    // Two names of a stranger's: nobody knows.
    let mut fields = Fields::default();
    dissect(
        "login",
        "login",
        "pam_unix(login:auth): authentication failure; logname= uid=0 euid=0 tty=pts/1 ruser=x rhost=192.0.2.1  user=x rhost=203.0.113.66  user=y",
        &mut fields,
    );
    assert_eq!(fields.get("source.ip"), None);
}

#[test]
fn pam_sessions_and_failures() {
    check(
        "sudo",
        "pam_unix(sudo:session): session opened for user root(uid=0) by mara(uid=1000)",
        &[
            ("event.action", "session_opened"),
            ("user.name", "mara"),
            ("user.id", "1000"),
            ("user.effective.name", "root"),
            ("system.auth.pam.service", "sudo"),
        ],
    );
    check(
        "sshd",
        "pam_unix(sshd:session): session opened for user mara(uid=1000) by (uid=0)",
        &[
            ("user.name", "mara"),
            ("user.id", "1000"),
            ("user.effective.name", ""),
        ],
    );
    check(
        "sshd",
        "PAM 3 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9  user=root",
        &[
            ("event.outcome", "failure"),
            ("user.name", "root"),
            ("source.ip", "203.0.113.9"),
            ("syslog.repeated", "3"),
        ],
    );
}

#[test]
fn messages_without_a_header() {
    assert_eq!(
        program_of("mara : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls"),
        Some("sudo")
    );
    assert_eq!(program_of("mara : PWD=/ is where I am"), None);
    assert!(knows(
        "sshd",
        "Connection closed by 198.51.100.7 port 51022 [preauth]"
    ));
    assert!(!knows("sshd", "a line of no known kind"));
}

#[test]
fn a_folder_chooses_no_user_of_sudo() {
    let front = "mallory : TTY=pts/0 ; PWD=/tmp/x ; USER=nobody ; ";
    for (rest, command) in [
        ("USER=root ; COMMAND=/bin/bash", "/bin/bash"),
        (
            "COMMAND=/bin/true ; USER=root ; COMMAND=/bin/bash",
            "/bin/true ; USER=root ; COMMAND=/bin/bash",
        ),
        ("ENV=a=b ; USER=root ; TSID=00 ; COMMAND=/bin/bash", "/bin/bash"),
    ] {
        let line = format!("{front}{rest}");
        check(
            "sudo",
            &line,
            &[
                ("user.name", "mallory"),
                ("system.auth.sudo.tty", "pts/0"),
                ("process.command_line", command),
            ],
        );
        let fields = fields_of("sudo", &line);
        for name in ["user.effective.name", "process.working_directory"] {
            assert!(fields.get(name).is_none(), "{name} of {line}");
        }
    }
    // A folder that holds a command, but no user.
    check(
        "sudo",
        "mara : TTY=pts/0 ; PWD=/x ; COMMAND=/a ; USER=root ; COMMAND=/b",
        &[("user.effective.name", "root"), ("process.command_line", "/b")],
    );
}

#[test]
fn sudo_and_su() {
    check(
        "sudo",
        "    mara : TTY=pts/1 ; PWD=/home/mara ; USER=root ; COMMAND=/bin/sh -c 'a ; USER=x'",
        &[
            ("event.action", "sudo"),
            ("event.outcome", "success"),
            ("user.name", "mara"),
            ("user.effective.name", "root"),
            ("system.auth.sudo.command", "/bin/sh -c 'a ; USER=x'"),
            ("system.auth.sudo.pwd", "/home/mara"),
            ("process.command_line", "/bin/sh -c 'a ; USER=x'"),
            ("process.working_directory", "/home/mara"),
        ],
    );
    for complaint in [
        "user NOT in sudoers",
        "3 incorrect password attempts",
        "command not allowed",
    ] {
        let message = format!("mara : {complaint} ; TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/bin/id");
        check(
            "sudo",
            &message,
            &[
                ("event.outcome", "failure"),
                ("system.auth.sudo.error", complaint),
            ],
        );
    }
    for (message, outcome) in [
        ("(to root) mara on pts/0", "success"),
        ("FAILED SU (to root) mara on pts/0", "failure"),
        ("Successful su for root by mara", "success"),
        ("FAILED su for root by mara", "failure"),
        ("- /dev/pts/0 mara:root", "failure"),
        ("'su root' failed for mara on /dev/pts/8", "failure"),
        ("BAD SU mara to root on /dev/pts/8", "failure"),
    ] {
        check(
            "su",
            message,
            &[
                ("user.name", "mara"),
                ("user.effective.name", "root"),
                ("event.outcome", outcome),
            ],
        );
    }
}

#[test]
fn accounts_cron_and_sessions() {
    check(
        "useradd",
        "new user: name=svc, UID=0, GID=100, home=/home/svc, shell=/bin/bash, from=/dev/pts/1",
        &[
            ("event.action", "added-user-account"),
            ("user.name", "svc"),
            ("user.id", "0"),
            ("group.id", "100"),
            ("system.auth.useradd.shell", "/bin/bash"),
        ],
    );
    check(
        "usermod",
        "add 'svc' to group 'sudo'",
        &[("user.name", "svc"), ("group.name", "sudo")],
    );
    check(
        "userdel",
        "delete user 'svc'",
        &[("event.action", "deleted-user-account"), ("user.name", "svc")],
    );
    check(
        "groupadd",
        "new group: name=ops, GID=1002",
        &[("group.name", "ops"), ("group.id", "1002")],
    );
    check(
        "passwd",
        "password for 'svc' changed by 'root'",
        &[("user.target.name", "svc"), ("user.name", "root")],
    );
    check(
        "usermod",
        "change user 'svc' password",
        &[("event.action", "changed-password"), ("user.name", "svc")],
    );
    check(
        "CRON",
        "(root) CMD (test -x /x && (echo a) )",
        &[("user.name", "root"), ("cron.command", "test -x /x && (echo a) ")],
    );
    check(
        "crontab",
        "(mara) BEGIN EDIT (www-data)",
        &[("user.target.name", "www-data")],
    );
    check(
        "systemd-logind",
        "New session 17 of user mara.",
        &[("user.name", "mara"), ("system.auth.session.id", "17")],
    );
    check(
        "login",
        "FAILED LOGIN (1) on '/dev/tty1' FOR 'root', Authentication failure",
        &[("user.name", "root")],
    );
    check(
        "dropbear",
        "Bad password attempt for 'root' from 192.0.2.3:4711",
        &[("user.name", "root"), ("source.port", "4711")],
    );
}

proptest! {
    #[test]
    fn no_message_panics(
        program in prop::sample::select(vec!["sshd", "sudo", "su", "cron", "useradd", "login", "systemd-logind", "dropbear", "x"]),
        message in "\\PC{0,60}",
    ) {
        fields_of(program, &message);
    }

    #[test]
    fn no_near_message_panics(
        program in prop::sample::select(vec!["sshd", "sudo", "su", "cron", "useradd", "login", "systemd-logind", "dropbear"]),
        words in prop::collection::vec(prop::sample::select(vec![
            "Failed", "password", "for", "from", "port", "1", "ssh2", "ssh2:", "invalid", "user", "é", "Disconnecting",
            "10.0.0.1", "rhost=", "ruser=", "user=", "(uid=", ")", "authentication failure;", ":", ";", "COMMAND=", "TTY=", "'",
            "Invalid", "Connection", "closed", "by", "pam_unix(x:y):", "(to", "on", "CMD", "[", "] ", "",
        ]), 0..14),
    ) {
        fields_of(program, &words.join(" "));
    }

    /// Whatever name a client gives, the address is the one that sshd wrote.
    #[test]
    fn the_endpoint_is_the_daemons(name in "[a-z0-9.: ]{0,12}( from| port|ssh2|10.0.0.1|:| ){0,8}") {
        let message = format!("Failed password for invalid user {name} from 203.0.113.66 port 4022 ssh2");
        let fields = fields_of("sshd", &message);
        prop_assert_eq!(fields.get("source.ip"), Some(&Value::Str("203.0.113.66")));
        prop_assert_eq!(fields.get("source.port"), Some(&Value::Int(4022)));
    }
}
