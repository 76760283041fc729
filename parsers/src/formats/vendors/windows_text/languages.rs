//! The labels and first sentences of the Security log's usual messages in German, French and Spanish.
//!
//! Windows writes its messages in the language of the machine. A label is replaced by what the English message calls
//! it, so that one table says what becomes of it. Translations have changed from version to version: where two are
//! known, both stand here.

use std::sync::OnceLock;

use hashbrown::HashMap;

/// The labels and sentences, see there.
const TABLE: &str = include_str!("languages.txt");

/// Every other name of the table, and what it is a name of: a label, or an event's number.
fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(": "))
        .flat_map(|(meaning, names)| names.split(" | ").map(move |name| (name, meaning)))
}

/// Longer texts are no labels and no first sentences.
const LONGEST: usize = 160;

/// The text as it stands in the tables; `None` if it is too long for them.
fn normal(text: &str) -> Option<String> {
    let text = text.trim();
    (text.len() <= LONGEST).then(|| {
        let letters = text.chars().map(|letter| match letter {
            '\u{2019}' => '\'',
            '\u{a0}' | '\u{202f}' => ' ',
            letter => letter,
        });
        letters.flat_map(char::to_lowercase).collect()
    })
}

/// What the English message calls a label.
pub(super) fn english(label: &str) -> Option<&'static str> {
    static LABELS: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    let labels = LABELS.get_or_init(|| {
        names()
            .filter(|(_, meaning)| meaning.parse::<u16>().is_err())
            .collect()
    });
    labels.get(normal(label)?.as_str()).copied()
}

/// The event whose message starts with this sentence.
pub(super) fn event_of_title(sentence: &str) -> Option<u16> {
    static EVENTS: OnceLock<HashMap<&'static str, u16>> = OnceLock::new();
    let events = EVENTS.get_or_init(|| {
        let numbered = |(name, meaning): (&'static str, &str)| Some((name, meaning.parse().ok()?));
        names().filter_map(numbered).collect()
    });
    let sentence = normal(sentence)?;
    events.get(sentence.trim_end_matches(['.', ':', ' '])).copied()
}

/// The outcome that a word for the result of an audited action says.
pub(super) fn outcome(word: &str) -> &'static str {
    match normal(word).unwrap_or_default().as_str() {
        "überwachung erfolgreich"
        | "erfolgsüberwachung"
        | "succès de l'audit"
        | "audit des succès"
        | "auditoría correcta"
        | "aciertos de auditoría" => "success",
        "überwachungsfehler"
        | "überwachung gescheitert"
        | "fehlerüberwachung"
        | "échec de l'audit"
        | "audit des échecs"
        | "error de auditoría"
        | "errores de auditoría" => "failure",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_one_thing() {
        let all: Vec<&str> = names().map(|(name, _)| name).collect();
        let mut distinct = all.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), all.len());
        assert!(all.len() > 300, "{}", all.len());
        for name in all {
            assert_eq!(normal(name).as_deref(), Some(name), "as it is looked for");
        }
    }

    #[test]
    fn apostrophes_and_blanks_of_all_kinds() {
        assert_eq!(
            english("ID d\u{2019}ouverture de session\u{a0}"),
            Some("Logon ID")
        );
        assert_eq!(english("Kontodomäne"), Some("Account Domain"));
        assert_eq!(english("Account Domain"), None);
        assert_eq!(
            event_of_title("Échec d\u{2019}ouverture de session d\u{2019}un compte."),
            Some(4625)
        );
        assert_eq!(event_of_title("Benutzerinitiierte Abmeldung:"), Some(4647));
        assert_eq!(outcome("Échec de l\u{2019}audit"), "failure");
    }
}
