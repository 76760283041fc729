//! Names of domains as people and as programs make them.

use super::Noise;
use crate::anomaly::names::words;

/// How a program makes the registered label of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// So many letters, each as likely as the other.
    Letters(usize),
    /// So many letters, four consonants in five.
    Consonants(usize),
    /// So many hexadecimal digits.
    Hexadecimal(usize),
    /// So many letters and digits.
    LettersAndDigits(usize),
    /// Letters from a linear congruential generator, as many families have it, without the last of the alphabet.
    Congruential(usize),
    /// Consonant and vowel in turn.
    Syllables(usize),
    /// Two words of the list that the model was learned from.
    Words,
}

impl Family {
    /// A name of the family.
    pub fn name(self, noise: &mut Noise) -> String {
        let of = |alphabet: &str, length: usize, noise: &mut Noise| {
            let letters = alphabet.as_bytes();
            (0..length)
                .map(|_| char::from(letters[noise.below(letters.len())]))
                .collect::<String>()
        };
        let (consonants, vowels) = ("bcdfghjklmnpqrstvwxyz", "aeiou");
        let label = match self {
            Self::Letters(length) => of("abcdefghijklmnopqrstuvwxyz", length, noise),
            Self::Consonants(length) => {
                let one = |noise: &mut Noise| {
                    let vowel = noise.uniform() < 0.2;
                    of(if vowel { vowels } else { consonants }, 1, noise)
                };
                (0..length).map(|_| one(noise)).collect()
            }
            Self::Hexadecimal(length) => of("0123456789abcdef", length, noise),
            Self::LettersAndDigits(length) => of("abcdefghijklmnopqrstuvwxyz0123456789", length, noise),
            Self::Congruential(length) => {
                let mut seed = noise.bits() as u32;
                let mut letter = || {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    char::from(b'a' + ((seed >> 16) % 25) as u8)
                };
                (0..length).map(|_| letter()).collect()
            }
            Self::Syllables(length) => (0..length)
                .map(|at| of(if at % 2 == 0 { consonants } else { vowels }, 1, noise))
                .collect(),
            Self::Words => {
                let words: Vec<&str> = words().collect();
                let word = |noise: &mut Noise| words[noise.below(words.len())];
                format!("{}{}", word(noise), word(noise))
            }
        };
        label + ".com"
    }
}

/// Names as people give them to what they own: written for this project, and not in the list that the model was learned from.
pub fn of_people() -> impl Iterator<Item = &'static str> + Clone {
    include_str!("of_people.txt").split_whitespace()
}
