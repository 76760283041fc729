//! Who and what there is: two tenants with their hosts and people, and the words their logs are made of.

use std::sync::LazyLock;

use serde::Deserialize;

use super::random::Random;

#[derive(Deserialize)]
pub(super) struct People {
    first: Vec<String>,
    last: Vec<String>,
    acme_servers: Vec<(String, String)>,
    globex_servers: Vec<(String, String)>,
    acme_linux: Vec<String>,
    globex_linux: Vec<String>,
    admins: Vec<String>,
}

/// A program that starts on ordinary days. `{user}` and the like are filled in.
#[derive(Debug, Deserialize)]
pub(super) struct Program {
    pub image: String,
    pub command: String,
    pub parent: String,
    pub parent_command: String,
    pub original: String,
    pub description: String,
    pub company: String,
    #[serde(rename = "as")]
    pub runs_as: String,
}

/// Words of Windows logs.
#[derive(Debug, Deserialize)]
pub(super) struct WindowsWords {
    pub services: Vec<String>,
    pub documents: Vec<String>,
    pub libraries: Vec<(String, String)>,
    pub registry: Vec<String>,
    pub files: Vec<String>,
    pub scripts: Vec<String>,
    pub domains: Vec<String>,
}

/// Words of Linux logs.
#[derive(Debug, Deserialize)]
pub(super) struct LinuxWords {
    pub cron: Vec<(String, String)>,
    pub sudo: Vec<String>,
    pub guessed: Vec<String>,
    pub commands: Vec<Vec<String>>,
}

/// Words of web server logs.
#[derive(Debug, Deserialize)]
pub(super) struct WebWords {
    pub paths: Vec<String>,
    pub agents: Vec<String>,
    pub probes: Vec<String>,
    pub referrers: Vec<String>,
}

/// An AWS call of ordinary days.
#[derive(Debug, Deserialize)]
pub(super) struct CloudCall {
    pub source: String,
    pub action: String,
    pub read_only: bool,
    #[serde(rename = "as")]
    pub by: String,
    pub request: serde_json::Value,
}

macro_rules! words {
    ($name:ident, $type:ty, $file:literal) => {
        pub(super) static $name: LazyLock<$type> = LazyLock::new(|| {
            serde_json::from_str(include_str!(concat!("../../data/scenario/", $file)))
                .expect("the embedded file is read by the tests")
        });
    };
}

words!(PEOPLE, People, "people.json");
words!(PROGRAMS, Vec<Program>, "processes.json");
words!(WINDOWS, WindowsWords, "windows.json");
words!(LINUX, LinuxWords, "linux.json");
words!(WEB, WebWords, "web.json");
words!(CLOUD, Vec<CloudCall>, "cloud.json");

/// A person with an account.
#[derive(Debug, Clone)]
pub(super) struct User {
    /// Logon name.
    pub name: String,
    /// Security identifier.
    pub sid: String,
}

/// A machine.
#[derive(Debug, Clone)]
pub(super) struct Host {
    /// Short name.
    pub name: String,
    /// Name as Windows logs write it.
    pub fqdn: String,
    /// Address.
    pub ip: String,
    /// Who sits at it: index into the users.
    pub owner: usize,
    /// `workstation`, `dc`, `file` …
    pub role: String,
}

/// A customer.
#[derive(Debug)]
pub(super) struct Tenant {
    /// `acme`, `globex`.
    pub name: &'static str,
    /// NetBIOS name of the domain.
    pub domain: &'static str,
    /// DNS name of the domain.
    pub dns: &'static str,
    /// Windows machines: servers first.
    pub windows: Vec<Host>,
    /// How many of them are servers.
    pub servers: usize,
    /// Linux machines.
    pub linux: Vec<Host>,
    /// People.
    pub users: Vec<User>,
    /// Accounts of administrators.
    pub admins: Vec<String>,
}

impl Tenant {
    /// The manufacturer: 14 servers, 80 workstations, 110 people.
    pub fn acme(random: &mut Random) -> Self {
        Self::make(
            random,
            "acme",
            "ACME",
            "corp.example.com",
            "10.20",
            (&PEOPLE.acme_servers, 80),
            110,
        )
    }

    /// The web company: 3 Windows servers, 12 workstations, 10 Linux machines, 40 people.
    pub fn globex(random: &mut Random) -> Self {
        Self::make(
            random,
            "globex",
            "GLOBEX",
            "int.example.net",
            "10.40",
            (&PEOPLE.globex_servers, 12),
            40,
        )
    }

    fn make(
        random: &mut Random,
        name: &'static str,
        domain: &'static str,
        dns: &'static str,
        network: &str,
        (servers, workstations): (&[(String, String)], usize),
        people: usize,
    ) -> Self {
        let issuer = format!(
            "S-1-5-21-{}-{}-{}",
            random.between(100_000_000, 3_900_000_000),
            random.between(100_000_000, 3_900_000_000),
            random.between(100_000_000, 3_900_000_000)
        );
        let mut users: Vec<User> = Vec::with_capacity(people);
        while users.len() < people {
            let first = random.pick(&PEOPLE.first).to_lowercase();
            let last = random.pick(&PEOPLE.last).to_lowercase();
            let name = format!("{}.{last}", &first[..1]);
            if users.iter().all(|user| user.name != name) {
                let sid = format!("{issuer}-{}", 1104 + users.len() * 3);
                users.push(User { name, sid });
            }
        }
        let fqdn = |name: &str| format!("{name}.{dns}");
        let mut windows: Vec<Host> = servers
            .iter()
            .enumerate()
            .map(|(index, (name, role))| Host {
                name: name.clone(),
                fqdn: fqdn(name),
                ip: format!("{network}.0.{}", 10 + index),
                owner: index % people,
                role: role.clone(),
            })
            .collect();
        let prefix = if name == "acme" { "WS" } else { "GX-PC" };
        windows.extend((0..workstations).map(|index| {
            let name = format!("{prefix}-{:03}", index + 1);
            Host {
                fqdn: fqdn(&name),
                name,
                ip: format!("{network}.{}.{}", 3 + index / 50, 20 + index % 50),
                owner: index % people,
                role: "workstation".to_owned(),
            }
        }));
        let linux = if name == "acme" {
            &PEOPLE.acme_linux
        } else {
            &PEOPLE.globex_linux
        };
        let linux = linux
            .iter()
            .enumerate()
            .map(|(index, name)| Host {
                name: name.clone(),
                fqdn: fqdn(name),
                ip: format!("{network}.1.{}", 10 + index),
                owner: index % people,
                role: name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned(),
            })
            .collect();
        Self {
            name,
            domain,
            dns,
            servers: servers.len(),
            windows,
            linux,
            users,
            admins: PEOPLE.admins.clone(),
        }
    }

    /// The Windows or Linux machine of that short name. The attacks name machines that are always there.
    pub fn host(&self, name: &str) -> &Host {
        self.windows
            .iter()
            .chain(&self.linux)
            .find(|host| host.name == name)
            .expect("attacks name machines of the world")
    }

    /// Any workstation.
    pub fn workstation(&self, random: &mut Random) -> &Host {
        random.pick(&self.windows[self.servers..])
    }
}

/// An address of the internet, from the ranges that are set aside for documentation (RFC 5737). The highest of each are
/// left to those whom the scenario names: nobody comes upon them by chance.
pub(super) fn outside(random: &mut Random) -> String {
    let network = random.pick(&["192.0.2", "198.51.100", "203.0.113"]);
    format!("{network}.{}", random.between(1, 239))
}

/// Fills the placeholders of a template.
pub(super) fn fill(template: &str, user: &User, random: &mut Random) -> String {
    if !template.contains('{') {
        return template.to_owned();
    }
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        let Some(length) = rest[start..].find('}') else {
            break;
        };
        match &rest[start + 1..start + length] {
            "user" => out.push_str(&user.name),
            "sid" => out.push_str(&user.sid),
            "document" => out.push_str(random.word(&WINDOWS.documents)),
            "service" => out.push_str(random.word(&WINDOWS.services)),
            "n" => out.push_str(&random.between(1000, 9999).to_string()),
            "guid" => out.push_str(&random.guid()),
            "hex" => out.push_str(&random.hex(24)),
            "hex6" => out.push_str(&random.hex(6)),
            "hex8" => out.push_str(&random.hex(8).to_uppercase()),
            other => {
                out.push('{');
                out.push_str(other);
                out.push('}');
            }
        }
        rest = &rest[start + length + 1..];
    }
    out.push_str(rest);
    out
}
