//! Whether any keyword can occur in an event, from its raw record.
//!
//! Keywords look at every text of an event. All those texts stand in the record, some letters escaped, some
//! numbers and times in another notation; so a keyword can only occur if some piece of it without such letters
//! stands in the record, case aside. One search for all pieces answers that.

use crate::matcher::field_index::{Atom, Cased};
use crate::matcher::fold::fold;
use crate::matcher::glob::Shape;
use crate::matcher::literals::LiteralSearch;

/// Pieces shorter than this occur everywhere.
const SHORTEST: usize = 3;

/// Looks for the pieces of some keywords. See the [module](self).
#[derive(Debug)]
pub(super) struct Filter {
    pieces: LiteralSearch,
    /// The atoms that a piece is of.
    atoms: Vec<Vec<u32>>,
}

impl Filter {
    /// A filter for numbered keyword atoms; `None` if one of them cannot be ruled out by a search, or there
    /// are none.
    pub(super) fn new<'a>(keywords: impl IntoIterator<Item = (u32, &'a Atom)>) -> Option<Filter> {
        let mut pieces: Vec<String> = Vec::new();
        let mut atoms: Vec<Vec<u32>> = Vec::new();
        for (number, atom) in keywords {
            for piece in pieces_of(atom)? {
                match pieces.iter().position(|known| *known == piece) {
                    Some(known) => atoms[known].push(number),
                    None => {
                        pieces.push(piece);
                        atoms.push(vec![number]);
                    }
                }
            }
        }
        Some(Filter {
            pieces: LiteralSearch::new(&pieces)?,
            atoms,
        })
    }

    /// Puts the atoms that may hold into `atoms`, ascending: those of which a piece occurs in `text`, case aside as
    /// far as it is ASCII. Whether there are any.
    #[inline]
    pub(super) fn atoms(&self, text: &[u8], seen: &mut Vec<u64>, atoms: &mut Vec<u32>) -> bool {
        atoms.clear();
        self.pieces
            .each::<true>(text, seen, |piece| atoms.extend_from_slice(&self.atoms[piece]));
        atoms.sort_unstable();
        atoms.dedup();
        !atoms.is_empty()
    }
}

/// Pieces of which one stands in the record of every event in which the atom holds.
fn pieces_of(atom: &Atom) -> Option<Vec<String>> {
    let literals: Vec<String> = match atom {
        Atom::Pattern(shape, cased) => {
            let literal = match shape {
                Shape::Anything => return None,
                Shape::Exact(text) | Shape::Prefix(text) | Shape::Suffix(text) | Shape::Contains(text) => {
                    text
                }
                Shape::Glob(_, longest) => longest.as_ref()?,
            };
            vec![match cased {
                Cased::Yes => fold(literal).into_owned(),
                Cased::No => literal.clone(),
            }]
        }
        Atom::Regex(regex) => regex.needed.clone()?,
        Atom::Present | Atom::Cidr(_) | Atom::Number(..) | Atom::TimePart(..) | Atom::Listed(_) => {
            return None;
        }
    };
    literals.iter().map(|literal| piece(literal)).collect()
}

/// The longest part of a folded literal that stands in a record as it is, whatever way the record was written.
fn piece(literal: &str) -> Option<String> {
    let stands =
        |letter: char| letter.is_ascii() && !letter.is_ascii_control() && !matches!(letter, '"' | '\\' | '/');
    let longest = literal
        .split(|letter| !stands(letter))
        .max_by_key(|part| part.len())?;
    // Numbers, times and flags may be stored in another notation than that of the record.
    let rewritten =
        |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | ':' | '-' | '+' | 't' | 'z' | 'e');
    let is_rewritten =
        longest.chars().all(rewritten) || "true".contains(longest) || "false".contains(longest);
    (longest.len() >= SHORTEST && !is_rewritten).then(|| longest.to_owned())
}

/// Whether a record that is not ASCII holds a letter whose lower case is ASCII, or begins so: `K` (Kelvin) and
/// `İ`. (`ſ` stays as it is when folded; regular expressions take it for an `s`.)
pub(super) fn has_letters_that_become_ascii(record: &str) -> bool {
    let record = record.as_bytes();
    let letters = ["\u{212a}", "\u{130}", "\u{17f}"].map(str::as_bytes);
    let [kelvin, dotted, long_s] = letters;
    memchr::memchr3_iter(kelvin[0], dotted[0], long_s[0], record)
        .any(|at| letters.iter().any(|letter| record[at..].starts_with(letter)))
}

#[cfg(test)]
mod tests {
    use borzoi_rules::ir::{Part, Pattern};

    use super::*;

    fn contains(literal: &str) -> Atom {
        let pattern = Pattern {
            parts: vec![Part::Many, Part::Literal(literal.to_owned()), Part::Many],
            cased: false,
        };
        Atom::Pattern(Shape::of(&pattern), Cased::No)
    }

    #[test]
    fn pieces_stand_in_every_notation() {
        let piece = |literal| pieces_of(&contains(literal)).map(|pieces| pieces.join("|"));
        assert_eq!(
            piece("sekurlsa::logonpasswords").as_deref(),
            Some("sekurlsa::logonpasswords")
        );
        assert_eq!(piece(r"C:\Windows\Temp\Évil").as_deref(), Some("windows"));
        assert_eq!(piece("a\"b"), None, "too short");
        assert_eq!(piece("2026-01-01"), None, "could be a time");
        assert_eq!(piece("rue"), None, "could be a flag");
        assert!(filter(&[contains("mimikatz"), contains("1.5")]).is_none());
        assert!(filter(&[]).is_none());
    }

    #[test]
    fn letters_that_fold_to_ascii_are_noticed() {
        for code in 0x80..=0x10_ffff_u32 {
            let Some(letter) = char::from_u32(code) else {
                continue;
            };
            let text = letter.to_string();
            if fold(&text).chars().any(|folded| folded.is_ascii()) {
                assert!(has_letters_that_become_ascii(&text), "{letter:?}");
            }
        }
        assert!(!has_letters_that_become_ascii("äöü®"));
    }

    fn filter(keywords: &[Atom]) -> Option<Filter> {
        Filter::new((0..).zip(keywords))
    }

    #[test]
    fn what_occurs_is_found() {
        let two = filter(&[contains("Mimikatz"), contains("dpapi::master"), contains("katz")]);
        let two = two.expect("searchable");
        let mut atoms = Vec::new();
        assert!(two.atoms(b"{\"a\":\"run MimiKatz.exe\"}", &mut Vec::new(), &mut atoms));
        assert_eq!(atoms, [0, 2]);
        assert!(!two.atoms(b"{\"a\":\"run mimi kat.exe\"}", &mut Vec::new(), &mut atoms));
        let many: Vec<Atom> = (0..500)
            .map(|number| contains(&format!("needle{number:03}")))
            .collect();
        let many = filter(&many).expect("searchable");
        assert!(many.atoms(b"xxneedle417", &mut Vec::new(), &mut atoms));
        assert_eq!(atoms, [417]);
        assert!(!many.atoms(b"xxneedle", &mut Vec::new(), &mut atoms));
    }
}
