use super::super::whole::{check, survives_truncation};

const FAILED: &str = "An account failed to log on.\n\nSubject:\n\tSecurity ID:\t\tS-1-5-18\n\tAccount Name:\t\tDC1$\n\tAccount Domain:\t\tCORP\n\nLogon Type:\t\t\t3\n\nAccount For Which Logon Failed:\n\tAccount Name:\t\tmara\n\tAccount Domain:\t\tCORP\n\nFailure Information:\n\tStatus:\t\t\t0xC000006D\n\nProcess Information:\n\tCaller Process ID:\t0x4c0\n\tCaller Process Name:\tC:\\Windows\\System32\\lsass.exe\n\nNetwork Information:\n\tWorkstation Name:\tPC7\n\tSource Network Address:\t192.0.2.7\n\tSource Port:\t\t51022\n";

#[test]
fn sections_say_whose_a_name_is() {
    check(
        FAILED,
        "windows.security",
        &[
            ("event.code", "4625"),
            ("user.name", "mara"),
            ("source.user.name", "DC1$"),
            ("source.ip", "192.0.2.7"),
            ("source.port", "51022"),
            ("source.domain", "PC7"),
            ("winlog.logon.type", "3"),
            ("process.pid", "1216"),
            ("process.executable", "C:\\Windows\\System32\\lsass.exe"),
        ],
    );
    survives_truncation(FAILED);
}

#[test]
fn one_line_says_the_same() {
    let flat = FAILED.replace(['\n', '\t'], " ");
    check(
        &flat,
        "windows.security",
        &[
            ("event.code", "4625"),
            ("user.name", "mara"),
            ("source.user.name", "DC1$"),
            ("source.ip", "192.0.2.7"),
            ("source.port", "51022"),
            ("process.pid", "1216"),
        ],
    );
    survives_truncation(&flat);
}

#[test]
fn a_header_of_pairs() {
    let text = format!(
        "03/12/2026 10:48:14 AM\nLogName=Security\nSourceName=Microsoft Windows security auditing.\nEventCode=4625\nComputerName=dc1.example.org\nRecordNumber=7\nKeywords=Audit Failure\nMessage={FAILED}"
    );
    check(
        &text,
        "windows.security",
        &[
            ("@timestamp", "2026-03-12T10:48:14.000Z"),
            ("host.name", "dc1.example.org"),
            ("event.outcome", "failure"),
            ("winlog.record_id", "7"),
            ("user.name", "mara"),
        ],
    );
    check(
        "03/12/2026 10:48:14 PM\nLogName=Microsoft-Windows-Sysmon/Operational\nEventCode=3\nMessage=Network connection detected:\nImage: C:\\x.exe\nDestinationIp: 203.0.113.9\n",
        "windows.sysmon",
        &[
            ("destination.ip", "203.0.113.9"),
            ("process.executable", "C:\\x.exe"),
        ],
    );
    survives_truncation(&text);
}

#[test]
fn snares_columns() {
    check(
        "MSWinEventLog\t1\tSecurity\t9\tThu Mar 12 10:48:14 2026\t4740\tMicrosoft-Windows-Security-Auditing\tCORP\\mara\tN/A\tSuccess Audit\tdc1\tUser Account Management\tA user account was locked out. Subject: Account Name: DC1$\t4",
        "windows.security",
        &[
            ("event.code", "4740"),
            ("host.name", "dc1"),
            ("winlog.user.name", "mara"),
            ("event.outcome", "success"),
            ("source.user.name", "DC1$"),
            ("@timestamp", "2026-03-12T10:48:14.000Z"),
        ],
    );
}

#[test]
fn a_later_value_replaces_none() {
    let lie = FAILED.replace("mara", "mara\n\tAccount Name:\t\tadmin");
    check(&lie, "windows.security", &[("user.name", "mara")]);
    assert!(super::super::whole::read("Dear all.\nSubject: hello\n").is_empty());
}

#[test]
fn other_languages_say_the_same() {
    let german = "Fehler beim Anmelden eines Kontos.\r\n\r\nAntragsteller:\r\n\tSicherheits-ID:\t\tS-1-5-18\r\n\tKontoname:\t\tDC1$\r\n\tKontodomäne:\t\tCORP\r\n\r\nAnmeldetyp:\t\t\t3\r\n\r\nKonto, für das die Anmeldung fehlgeschlagen ist:\r\n\tKontoname:\t\tmara\r\n\tKontodomäne:\t\tCORP\r\n\r\nFehlerinformationen:\r\n\tStatus:\t\t\t0xC000006D\r\n\r\nProzessinformationen:\r\n\tAufrufprozess-ID:\t0x4c0\r\n\tAufrufprozessname:\tC:\\Windows\\System32\\lsass.exe\r\n\r\nNetzwerkinformationen:\r\n\tArbeitsstationsname:\tPC7\r\n\tQuellnetzwerkadresse:\t192.0.2.7\r\n\tQuellport:\t\t51022\r\n";
    let french = "Échec d\u{2019}ouverture de session d\u{2019}un compte.\n\nSujet\u{a0}:\n\tID de sécurité\u{a0}:\t\tS-1-5-18\n\tNom du compte\u{a0}:\t\tDC1$\n\tDomaine du compte\u{a0}:\t\tCORP\n\nType d\u{2019}ouverture de session :\t\t\t3\n\nCompte pour lequel l\u{2019}ouverture de session a échoué :\n\tNom du compte :\t\tmara\n\tDomaine du compte :\t\tCORP\n\nInformations sur l\u{2019}échec :\n\tÉtat :\t\t\t0xC000006D\n\nInformations sur le processus :\n\tID du processus de l\u{2019}appelant :\t0x4c0\n\tNom du processus de l\u{2019}appelant :\tC:\\Windows\\System32\\lsass.exe\n\nInformations sur le réseau :\n\tNom de la station de travail :\tPC7\n\tAdresse du réseau source :\t192.0.2.7\n\tPort source :\t\t51022\n";
    let spanish = "Error de una cuenta al iniciar sesión.\n\nFirmante:\n\tId. de seguridad:\t\tS-1-5-18\n\tNombre de cuenta:\t\tDC1$\n\tDominio de cuenta:\t\tCORP\n\nTipo de inicio de sesión:\t\t\t3\n\nCuenta con error de inicio de sesión:\n\tNombre de cuenta:\t\tmara\n\tDominio de cuenta:\t\tCORP\n\nInformación de error:\n\tEstado:\t\t\t0xC000006D\n\nInformación de proceso:\n\tId. de proceso del autor de la llamada:\t0x4c0\n\tNombre de proceso del autor de la llamada:\tC:\\Windows\\System32\\lsass.exe\n\nInformación de red:\n\tNombre de estación de trabajo:\tPC7\n\tDirección de red de origen:\t192.0.2.7\n\tPuerto de origen:\t\t51022\n";
    for message in [german, french, spanish] {
        check(
            message,
            "windows.security",
            &[
                ("event.code", "4625"),
                ("user.name", "mara"),
                ("user.domain", "CORP"),
                ("source.user.name", "DC1$"),
                ("source.ip", "192.0.2.7"),
                ("source.port", "51022"),
                ("source.domain", "PC7"),
                ("winlog.logon.type", "3"),
                ("winlog.event_data.Status", "0xC000006D"),
                ("process.pid", "1216"),
                ("process.name", "lsass.exe"),
            ],
        );
        survives_truncation(message);
    }
    let lie = french.replace("mara", "mara\n\tNom du compte :\t\tadmin");
    check(&lie, "windows.security", &[("user.name", "mara")]);
    assert!(super::super::whole::read("Bonjour.\nSujet : demain\n").is_empty());
}

#[test]
fn another_language_in_one_line() {
    check(
        "1\tSecurity\t103\tThu Mar 12 10:48:14 2026\t4776\tMicrosoft-Windows-Security-Auditing\tmara\tN/A\tFailure Audit\tdc1\tValidation\tL\u{2019}ordinateur a tenté de valider les informations d\u{2019}identification d\u{2019}un compte. Package d\u{2019}authentification : MICROSOFT_AUTHENTICATION_PACKAGE_V1_0 Compte d\u{2019}ouverture de session : mara Station de travail source : PC7 Code d\u{2019}erreur : 0xc000006e\t77",
        "windows.security",
        &[
            ("event.code", "4776"),
            ("user.name", "mara"),
            ("source.domain", "PC7"),
            ("winlog.event_data.Status", "0xc000006e"),
            ("event.outcome", "failure"),
        ],
    );
}

#[test]
fn structured_data_of_nxlog_are_the_events_fields() {
    let line = r#"<13>1 2026-03-12T10:48:14.000000+01:00 dc1.example.org Microsoft-Windows-Security-Auditing 604 - [NXLOG@14506 Keywords="-9218868437227405312" EventType="AUDIT_FAILURE" EventID="4625" RecordNumber="7" Channel="Security" TargetUserName="mara\" EventID=\"1" LogonType="3" IpAddress="192.0.2.7" IpPort="51022"] An account failed to log on.  Subject:  Security ID:  S-1-0-0"#;
    check(
        line,
        "windows.security",
        &[
            ("@timestamp", "2026-03-12T09:48:14.000Z"),
            ("event.code", "4625"),
            ("event.outcome", "failure"),
            ("host.name", "dc1.example.org"),
            ("user.name", "mara\" EventID=\"1"),
            ("source.ip", "192.0.2.7"),
            ("winlog.process.pid", "604"),
            ("winlog.record_id", "7"),
            ("winlog.provider_name", "Microsoft-Windows-Security-Auditing"),
        ],
    );
    survives_truncation(line);
}
