//! The first sentences of the messages of the Security log, and the events that they belong to.

/// Sentence and event, ordered by the bytes of the sentences; 0 where two events share one.
const TITLES: &[(&str, u16)] = &[
    ("A Kerberos authentication ticket (TGT) was requested.", 4768),
    ("A Kerberos authentication ticket request failed.", 4772),
    ("A Kerberos service ticket request failed.", 4773),
    ("A Kerberos service ticket was renewed.", 4770),
    ("A Kerberos service ticket was requested.", 4769),
    ("A Windows Firewall setting was changed.", 4950),
    (
        "A change was made to the Windows Firewall exception list. A rule was added.",
        4946,
    ),
    (
        "A change was made to the Windows Firewall exception list. A rule was deleted.",
        4948,
    ),
    (
        "A change was made to the Windows Firewall exception list. A rule was modified.",
        4947,
    ),
    ("A computer account was changed.", 4742),
    ("A computer account was created.", 4741),
    ("A computer account was deleted.", 4743),
    ("A device was disabled.", 6420),
    ("A device was enabled.", 6422),
    ("A directory service object was created.", 5137),
    ("A directory service object was deleted.", 5141),
    ("A directory service object was modified.", 5136),
    ("A directory service object was moved.", 5139),
    ("A directory service object was undeleted.", 5138),
    ("A group's type was changed.", 4764),
    ("A handle to an object was requested with intent to delete.", 4659),
    ("A handle to an object was requested.", 0),
    ("A logon was attempted using explicit credentials.", 4648),
    ("A member was added to a security-disabled global group.", 4751),
    ("A member was added to a security-disabled local group.", 4746),
    ("A member was added to a security-disabled universal group.", 4761),
    ("A member was added to a security-enabled global group.", 4728),
    ("A member was added to a security-enabled local group.", 4732),
    ("A member was added to a security-enabled universal group.", 4756),
    (
        "A member was removed from a security-disabled global group.",
        4752,
    ),
    ("A member was removed from a security-disabled local group.", 4747),
    (
        "A member was removed from a security-disabled universal group.",
        4762,
    ),
    ("A member was removed from a security-enabled global group.", 4729),
    ("A member was removed from a security-enabled local group.", 4733),
    (
        "A member was removed from a security-enabled universal group.",
        4757,
    ),
    ("A monitored security event pattern has occurred.", 4618),
    ("A network share object was accessed.", 5140),
    ("A network share object was added.", 5142),
    (
        "A network share object was checked to see whether client can be granted desired access.",
        5145,
    ),
    ("A network share object was deleted.", 5144),
    ("A network share object was modified.", 5143),
    ("A new external device was recognized by the system.", 6416),
    ("A new process has been created.", 4688),
    ("A new trust was created to a domain.", 4706),
    (
        "A notification package has been loaded by the Security Account Manager.",
        4614,
    ),
    ("A primary token was assigned to process.", 4696),
    ("A privileged service was called.", 4673),
    ("A process has exited.", 4689),
    ("A registry value was modified.", 4657),
    ("A replay attack was detected.", 4649),
    ("A rule was listed when the Windows Firewall started.", 4945),
    ("A scheduled task was created.", 4698),
    ("A scheduled task was deleted.", 4699),
    ("A scheduled task was disabled.", 4701),
    ("A scheduled task was enabled.", 4700),
    ("A scheduled task was updated.", 4702),
    (
        "A security package has been loaded by the Local Security Authority.",
        4622,
    ),
    ("A security-disabled global group was changed.", 4750),
    ("A security-disabled global group was created.", 4749),
    ("A security-disabled global group was deleted.", 4753),
    ("A security-disabled local group was changed.", 4745),
    ("A security-disabled local group was created.", 4744),
    ("A security-disabled local group was deleted.", 4748),
    ("A security-disabled universal group was changed.", 4760),
    ("A security-disabled universal group was created.", 4759),
    ("A security-disabled universal group was deleted.", 4763),
    ("A security-enabled global group was changed.", 4737),
    ("A security-enabled global group was created.", 4727),
    ("A security-enabled global group was deleted.", 4730),
    ("A security-enabled local group membership was enumerated.", 4799),
    ("A security-enabled local group was changed.", 4735),
    ("A security-enabled local group was created.", 4731),
    ("A security-enabled local group was deleted.", 4734),
    ("A security-enabled universal group was changed.", 4755),
    ("A security-enabled universal group was created.", 4754),
    ("A security-enabled universal group was deleted.", 4758),
    ("A service was installed in the system.", 4697),
    ("A session was disconnected from a Window Station.", 4779),
    ("A session was reconnected to a Window Station.", 4778),
    ("A token right was adjusted.", 4703),
    ("A trust to a domain was removed.", 4707),
    (
        "A trusted logon process has been registered with the Local Security Authority.",
        4611,
    ),
    ("A user account was changed.", 4738),
    ("A user account was created.", 4720),
    ("A user account was deleted.", 4726),
    ("A user account was disabled.", 4725),
    ("A user account was enabled.", 4722),
    ("A user account was locked out.", 4740),
    ("A user account was unlocked.", 4767),
    ("A user right was adjusted.", 4703),
    ("A user right was assigned.", 4704),
    ("A user right was removed.", 4705),
    ("A user's local group membership was enumerated.", 4798),
    ("An account could not be mapped for logon.", 4775),
    ("An account failed to log on.", 4625),
    ("An account was logged off.", 4634),
    ("An account was mapped for logon.", 4774),
    ("An account was successfully logged on.", 4624),
    ("An attempt to add SID History to an account failed.", 4766),
    ("An attempt was made to access an object.", 4663),
    ("An attempt was made to change an account's password.", 4723),
    ("An attempt was made to create a hard link.", 4664),
    ("An attempt was made to duplicate a handle to an object.", 4690),
    (
        "An attempt was made to query the existence of a blank password for an account.",
        4797,
    ),
    ("An attempt was made to register a security event source.", 4904),
    ("An attempt was made to reset an account's password.", 4724),
    (
        "An attempt was made to set the Directory Services Restore Mode administrator password.",
        4794,
    ),
    ("An attempt was made to unregister a security event source.", 4905),
    (
        "An authentication package has been loaded by the Local Security Authority.",
        4610,
    ),
    ("An object was deleted.", 4660),
    ("An operation was attempted on a privileged object.", 4674),
    ("An operation was performed on an object.", 4662),
    ("Auditing settings on object were changed.", 4907),
    ("Backup of data protection master key was attempted.", 4692),
    (
        "Certificate Services approved a certificate request and issued a certificate.",
        4887,
    ),
    ("Certificate Services denied a certificate request.", 4888),
    ("Certificate Services received a certificate request.", 4886),
    ("Credential Manager credentials were backed up.", 5376),
    ("Credential Manager credentials were read.", 5379),
    (
        "Credential Manager credentials were restored from a backup.",
        5377,
    ),
    ("Cryptographic operation.", 5061),
    ("Domain Policy was changed.", 4739),
    ("Encrypted data recovery policy was changed.", 4714),
    ("Group membership information.", 4627),
    ("Indirect access to an object was requested.", 4691),
    ("Invalid use of LPC port.", 4615),
    ("Kerberos policy was changed.", 4713),
    ("Kerberos pre-authentication failed.", 4771),
    ("Key file operation.", 5058),
    ("Key migration operation.", 5059),
    ("Network Policy Server denied access to a user.", 6273),
    ("Network Policy Server discarded the request for a user.", 6274),
    ("Network Policy Server granted access to a user.", 6272),
    ("Per User Audit Policy was changed.", 4912),
    ("Permissions on an object were changed.", 4670),
    ("Recovery of data protection master key was attempted.", 4693),
    ("SID History was added to an account.", 4765),
    ("SIDs were filtered.", 4675),
    ("Special Groups Logon table modified.", 4908),
    ("Special groups have been assigned to a new logon.", 4964),
    ("Special privileges assigned to new logon.", 4672),
    ("System audit policy was changed.", 4719),
    ("System security access was granted to an account.", 4717),
    ("System security access was removed from an account.", 4718),
    (
        "The ACL was set on accounts which are members of administrators groups.",
        4780,
    ),
    ("The Password Policy Checking API was called.", 4793),
    ("The Per-user audit policy table was created.", 4902),
    ("The Windows Filtering Platform blocked a packet.", 5152),
    ("The Windows Filtering Platform has allowed a connection.", 5156),
    ("The Windows Filtering Platform has blocked a connection.", 5157),
    ("The Windows Filtering Platform has blocked a packet.", 5152),
    (
        "The Windows Filtering Platform has permitted a bind to a local port.",
        5158,
    ),
    ("The Windows Filtering Platform has permitted a connection.", 5156),
    (
        "The Windows Filtering Platform has permitted an application or service to listen on a port for incoming connections.",
        5154,
    ),
    ("The Windows Firewall Driver started successfully.", 5033),
    ("The Windows Firewall service started successfully.", 5024),
    ("The Windows Firewall service was stopped.", 5025),
    ("The audit log was cleared.", 1102),
    ("The audit policy (SACL) on an object was changed.", 4715),
    (
        "The computer attempted to validate the credentials for an account.",
        4776,
    ),
    (
        "The domain controller attempted to validate the credentials for an account.",
        4776,
    ),
    (
        "The domain controller failed to validate the credentials for an account.",
        4777,
    ),
    ("The event logging service has shut down.", 1100),
    (
        "The following policy was active when the Windows Firewall started.",
        4944,
    ),
    ("The handle to an object was closed.", 4658),
    ("The name of an account was changed:", 4781),
    ("The password hash an account was accessed.", 4782),
    ("The password hash of an account was accessed.", 4782),
    (
        "The requested credentials delegation was disallowed by policy.",
        5378,
    ),
    ("The screen saver was dismissed.", 4803),
    ("The screen saver was invoked.", 4802),
    ("The security log is now full.", 1104),
    ("The state of a transaction has changed.", 4985),
    ("The system time was changed.", 4616),
    ("The workstation was locked.", 4800),
    ("The workstation was unlocked.", 4801),
    ("Trusted domain information was modified.", 4716),
    ("User / Device claims information.", 4626),
    ("User initiated logoff:", 4647),
    ("Vault credentials were read.", 5382),
    (
        "Windows Firewall blocked an application from accepting incoming connections on the network.",
        5031,
    ),
    ("Windows is shutting down.", 4609),
    ("Windows is starting up.", 4608),
];

/// The event whose message starts with this sentence, `0` if there are two; `None` for any other text.
pub(crate) fn event_of_title(sentence: &str) -> Option<u16> {
    // Word processors and web pages bend the apostrophe.
    let straight;
    let sentence = match sentence.contains('\u{2019}') {
        true => {
            straight = sentence.replace('\u{2019}', "'");
            straight.as_str()
        }
        false => sentence,
    };
    let at = TITLES.binary_search_by(|(title, _)| title.cmp(&sentence)).ok()?;
    TITLES.get(at).map(|(_, event)| *event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_in_order() {
        assert!(TITLES.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(
            event_of_title("An account was successfully logged on."),
            Some(4624)
        );
        assert_eq!(
            event_of_title("An attempt was made to reset an account\u{2019}s password."),
            Some(4724)
        );
        assert_eq!(event_of_title("An account was"), None);
    }
}
