//! MITRE ATT&CK in rule tags: `attack.t1059.001`, `attack.credential-access`.

/// A tactic of ATT&CK for Enterprise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tactic {
    /// How tags spell it, with hyphens.
    pub slug: &'static str,
    /// Its id.
    pub id: &'static str,
    /// Its official name.
    pub name: &'static str,
}

const fn tactic_entry(slug: &'static str, id: &'static str, name: &'static str) -> Tactic {
    Tactic { slug, id, name }
}

/// The tactics, in the order of an attack. ATT&CK 19 split Defense Evasion into Stealth (which keeps its
/// id) and Defense Impairment; rules of before still say Defense Evasion.
pub const TACTICS: &[Tactic] = &[
    tactic_entry("reconnaissance", "TA0043", "Reconnaissance"),
    tactic_entry("resource-development", "TA0042", "Resource Development"),
    tactic_entry("initial-access", "TA0001", "Initial Access"),
    tactic_entry("execution", "TA0002", "Execution"),
    tactic_entry("persistence", "TA0003", "Persistence"),
    tactic_entry("privilege-escalation", "TA0004", "Privilege Escalation"),
    tactic_entry("stealth", "TA0005", "Stealth"),
    tactic_entry("defense-evasion", "TA0005", "Defense Evasion"),
    tactic_entry("defense-impairment", "TA0112", "Defense Impairment"),
    tactic_entry("credential-access", "TA0006", "Credential Access"),
    tactic_entry("discovery", "TA0007", "Discovery"),
    tactic_entry("lateral-movement", "TA0008", "Lateral Movement"),
    tactic_entry("collection", "TA0009", "Collection"),
    tactic_entry("command-and-control", "TA0011", "Command and Control"),
    tactic_entry("exfiltration", "TA0010", "Exfiltration"),
    tactic_entry("impact", "TA0040", "Impact"),
];

/// The tactic of a tag (`attack.credential-access` or, as older rules write, `attack.credential_access`).
///
/// ```
/// use borzoi_rules::attack::tactic;
/// assert_eq!(tactic("attack.lateral_movement").unwrap().name, "Lateral Movement");
/// assert!(tactic("attack.t1021").is_none());
/// ```
pub fn tactic(tag: &str) -> Option<&'static Tactic> {
    let slug = attack_part(tag)?.replace('_', "-");
    TACTICS.iter().find(|tactic| tactic.slug == slug)
}

/// The technique id of a tag.
///
/// ```
/// use borzoi_rules::attack::technique;
/// assert_eq!(technique("attack.t1059.001").as_deref(), Some("T1059.001"));
/// assert_eq!(technique("attack.g0032"), None);
/// ```
pub fn technique(tag: &str) -> Option<String> {
    let part = attack_part(tag)?;
    let number = part.strip_prefix('t')?;
    let (main, sub) = match number.split_once('.') {
        Some((main, sub)) => (main, Some(sub)),
        None => (number, None),
    };
    let digits = |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    (digits(main, 4) && sub.is_none_or(|sub| digits(sub, 3))).then(|| format!("T{number}"))
}

/// What follows `attack.`, in lower case.
fn attack_part(tag: &str) -> Option<String> {
    let (namespace, part) = tag.trim().split_once('.')?;
    namespace
        .eq_ignore_ascii_case("attack")
        .then(|| part.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_told_apart() {
        assert_eq!(tactic("attack.defense-impairment").map(|t| t.id), Some("TA0112"));
        assert_eq!(
            tactic("attack.Command_And_Control").map(|t| t.name),
            Some("Command and Control")
        );
        assert_eq!(tactic("car.execution"), None);
        assert_eq!(technique("attack.T1003").as_deref(), Some("T1003"));
        for other in [
            "attack.t100",
            "attack.t10030",
            "attack.t1003.1",
            "attack.s0002",
            "t1003",
            "attack.test",
        ] {
            assert_eq!(technique(other), None, "{other}");
        }
    }
}
