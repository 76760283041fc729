//! All atoms of one field, answered together for one value.
//!
//! ## Design
//!
//! ```text
//!            ┌─ hash map of whole texts ──────────────▶ exact
//!  value ──▶ ├─ trees from either end ────────────────▶ prefix, suffix
//!            ├─ one search for many literals ─────────▶ contains; other wildcards, regexes: then verified
//!            │  (all of these without case, and again for patterns in which case counts)
//!            ├─ address → one look-up per prefix length ▶ networks
//!            ├─ number, point in time ────────────────▶ comparisons
//!            ├─ one look-up for all lists ────────────▶ listed
//!            └─ the rest, one by one ─────────────────▶ regexes without a needed literal
//! ```
//!
//! Most values satisfy nothing that a rule turns on. So a field's atoms come in two indexes: those that may be the
//! first sign of something ([witnesses](super::formula::Formula::witness)), and the others, which only matter once such
//! a sign is there; see [`FieldPlan::atoms_of`](super::plan::FieldPlan::atoms_of).
//!
//! An index never changes once built and is shared by threads; scratch space is the caller's. What a
//! value costs depends on its length and on what occurs in it, hardly on the number of atoms.

use std::net::IpAddr;
use std::sync::Arc;

use borzoi_parsers::value::parse_timestamp;
use borzoi_rules::ir::{Cidr, Comparison, Listed, Lists, TimePart};
use hashbrown::HashMap;

use super::fold::fold_into;
use super::glob::{Glob, Shape};
use super::literals::LiteralSearch;
use super::literals::ends::Ends;
use super::regexes::{CompiledRegex, has_long_s};
use super::single;

/// An atom: what is asked of a field, numbered within its field.
#[derive(Debug, Clone)]
pub(super) enum Atom {
    /// Has a value.
    Present,
    Pattern(Shape, Cased),
    Regex(Arc<CompiledRegex>),
    Cidr(Cidr),
    Number(Comparison, f64),
    TimePart(TimePart, Comparison, i64),
    /// Is in a list, at any time.
    Listed(Listed),
}

/// Whether case counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Cased {
    Yes,
    No,
}

/// What the occurrence of a literal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Target {
    /// The atom holds.
    Contains(u32),
    /// The atom may hold: verify.
    Verify(u32),
}

/// What the literals in a part of a text say of the whole: see [`FieldIndex::marks_of`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Mark {
    cased: bool,
    target: Target,
}

/// Literals of one field in one kind of text, and what each means.
#[derive(Debug, Default)]
struct Literals {
    search: Option<LiteralSearch>,
    /// Whether some of the searched ones hold a line feed.
    across_lines: bool,
    targets: Vec<Vec<Target>>,
    /// Literals that texts start with.
    starts: Ends,
    /// Literals that texts end with.
    ends: Ends,
    exact: HashMap<Box<str>, Vec<u32>>,
    /// Longer texts equal none of `exact`.
    longest_exact: usize,
    /// Patterns without any literal.
    unfiltered: Vec<u32>,
}

#[derive(Debug)]
enum Verifier {
    None,
    Glob(Glob),
    Regex(Arc<CompiledRegex>),
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct FieldIndex {
    folded: Literals,
    raw: Literals,
    verifiers: Vec<Verifier>,
    /// Regexes that need no literal.
    unfiltered_regexes: Vec<u32>,
    /// Regexes that do.
    filtered_regexes: Vec<u32>,
    present: Vec<u32>,
    numbers: Vec<(Comparison, f64, u32)>,
    times: Vec<(TimePart, Comparison, i64, u32)>,
    networks: Networks,
    lists: Vec<AskedLists>,
}

/// Lists that are looked up together.
struct AskedLists {
    lists: Arc<dyn Lists>,
    sort: u32,
    /// The atom of each list, by number.
    atoms: HashMap<u32, u32>,
}

impl std::fmt::Debug for AskedLists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AskedLists")
            .field(&self.sort)
            .field(&self.atoms)
            .finish()
    }
}

/// Networks by prefix length.
#[derive(Debug, Default)]
struct Networks {
    v4: Vec<(u32, HashMap<u32, Vec<u32>>)>,
    v6: Vec<(u32, HashMap<u128, Vec<u32>>)>,
}

/// Space that [`FieldIndex::atoms_of`] needs; one per thread.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    to_verify: Vec<u32>,
    /// A bit per literal that has occurred.
    seen: Vec<u64>,
    folded: String,
}

/// A text in the form in which patterns are compared with it, made when somebody asks.
struct Ready<'t, 'b> {
    text: &'t str,
    /// `None`: the text as it stands is ready.
    folded: Option<&'b mut String>,
    is_folded: bool,
}

impl<'b> Ready<'_, 'b> {
    fn get(&mut self) -> &str {
        match &mut self.folded {
            None => self.text,
            Some(folded) => {
                if !self.is_folded {
                    folded.clear();
                    fold_into(self.text, folded);
                    self.is_folded = true;
                }
                folded
            }
        }
    }
}

#[derive(Default)]
struct LiteralsBuilder {
    literals: Vec<String>,
    by_text: HashMap<String, usize>,
    targets: Vec<Vec<Target>>,
    starts: Vec<(Vec<u8>, u32)>,
    ends: Vec<(Vec<u8>, u32)>,
    exact: HashMap<Box<str>, Vec<u32>>,
    unfiltered: Vec<u32>,
}

impl LiteralsBuilder {
    fn add(&mut self, literal: &str, target: Target) {
        let index = match self.by_text.get(literal) {
            Some(&index) => index,
            None => {
                self.by_text.insert(literal.to_owned(), self.literals.len());
                self.literals.push(literal.to_owned());
                self.targets.push(Vec::new());
                self.literals.len() - 1
            }
        };
        self.targets[index].push(target);
    }

    fn build(self) -> Literals {
        Literals {
            across_lines: self.literals.iter().any(|literal| literal.contains('\n')),
            search: LiteralSearch::new(&self.literals),
            longest_exact: self.exact.keys().map(|text| text.len()).max().unwrap_or(0),
            targets: self.targets,
            starts: Ends::new(self.starts),
            ends: Ends::new(self.ends),
            exact: self.exact,
            unfiltered: self.unfiltered,
        }
    }
}

impl FieldIndex {
    /// The index of those of `atoms`, each numbered by its position, that are `wanted`.
    pub(super) fn new(atoms: &[Atom], wanted: impl Fn(usize) -> bool) -> FieldIndex {
        let mut folded = LiteralsBuilder::default();
        let mut raw = LiteralsBuilder::default();
        let mut index = FieldIndex {
            folded: Literals::default(),
            raw: Literals::default(),
            verifiers: Vec::with_capacity(atoms.len()),
            unfiltered_regexes: Vec::new(),
            filtered_regexes: Vec::new(),
            present: Vec::new(),
            numbers: Vec::new(),
            times: Vec::new(),
            networks: Networks::default(),
            lists: Vec::new(),
        };
        for (number, atom) in atoms.iter().enumerate() {
            if !wanted(number) {
                index.verifiers.push(Verifier::None);
                continue;
            }
            let number = u32::try_from(number).expect("fewer atoms than u32::MAX");
            let mut verifier = Verifier::None;
            match atom {
                Atom::Present | Atom::Pattern(Shape::Anything, _) => index.present.push(number),
                Atom::Pattern(shape, cased) => {
                    let literals = match cased {
                        Cased::Yes => &mut raw,
                        Cased::No => &mut folded,
                    };
                    match shape {
                        Shape::Anything => {}
                        Shape::Exact(text) => literals
                            .exact
                            .entry(text.as_str().into())
                            .or_default()
                            .push(number),
                        Shape::Prefix(text) => literals.starts.push((text.bytes().collect(), number)),
                        Shape::Suffix(text) => {
                            literals.ends.push((text.bytes().rev().collect(), number));
                        }
                        Shape::Contains(text) => literals.add(text, Target::Contains(number)),
                        Shape::Glob(glob, longest) => {
                            verifier = Verifier::Glob(glob.clone());
                            match longest {
                                Some(text) => literals.add(text, Target::Verify(number)),
                                None => literals.unfiltered.push(number),
                            }
                        }
                    }
                }
                Atom::Regex(regex) => {
                    verifier = Verifier::Regex(regex.clone());
                    match &regex.needed {
                        None => index.unfiltered_regexes.push(number),
                        Some(needed) => {
                            index.filtered_regexes.push(number);
                            for literal in needed {
                                folded.add(literal, Target::Verify(number));
                            }
                        }
                    }
                }
                Atom::Cidr(cidr) => index.networks.add(cidr, number),
                Atom::Number(comparison, bound) => index.numbers.push((*comparison, *bound, number)),
                Atom::TimePart(part, comparison, bound) => {
                    index.times.push((*part, *comparison, *bound, number));
                }
                Atom::Listed(listed) => add_list(&mut index.lists, listed, number),
            }
            index.verifiers.push(verifier);
        }
        index.folded = folded.build();
        index.raw = raw.build();
        index
    }

    /// Whether it is about no atom.
    pub(super) fn is_empty(&self) -> bool {
        let FieldIndex {
            folded,
            raw,
            verifiers: _,
            unfiltered_regexes,
            filtered_regexes: _,
            present,
            numbers,
            times,
            networks,
            lists,
        } = self;
        folded.is_empty()
            && raw.is_empty()
            && unfiltered_regexes.is_empty()
            && present.is_empty()
            && numbers.is_empty()
            && times.is_empty()
            && networks.is_empty()
            && lists.is_empty()
    }

    /// Whether its literals can be looked for [line by line](FieldIndex::marks_of).
    pub(super) fn looks_within_lines(&self) -> bool {
        !self.folded.across_lines && !self.raw.across_lines
    }

    /// As [`FieldIndex::atoms_of`] for an ASCII text of at least `length` bytes with these marks, without the text. `false`:
    /// the text has to be looked at; what was added to `atoms` counts for nothing then.
    pub(super) fn atoms_of_marks(&self, length: usize, marks: &[Mark], atoms: &mut Vec<u32>) -> bool {
        let FieldIndex {
            folded,
            raw,
            verifiers,
            unfiltered_regexes,
            // Those of ASCII texts are marked.
            filtered_regexes: _,
            present,
            numbers,
            times,
            networks,
            lists,
        } = self;
        let within_lines = |literals: &Literals| {
            literals.starts.is_empty()
                && literals.ends.is_empty()
                && literals.unfiltered.is_empty()
                && literals.longest_exact < length
        };
        let marks_suffice = within_lines(folded)
            && within_lines(raw)
            && unfiltered_regexes.is_empty()
            && numbers.is_empty()
            && times.is_empty()
            && networks.is_empty()
            && lists.is_empty();
        if !marks_suffice {
            return false;
        }
        atoms.extend_from_slice(present);
        for mark in marks {
            match mark.target {
                Target::Contains(atom) => atoms.push(atom),
                Target::Verify(atom) if matches!(verifiers[atom as usize], Verifier::None) => {}
                Target::Verify(_) => return false,
            }
        }
        atoms.sort_unstable();
        atoms.dedup();
        true
    }

    /// Adds to `marks` what the literals in a line of a text say. The marks of all lines are those of the text.
    pub(super) fn marks_of(&self, line: &str, scratch: &mut Scratch, marks: &mut Vec<Mark>) {
        let Scratch { seen, folded, .. } = scratch;
        let mut mark = |literals: &Literals, cased, literal: usize| {
            let targets = literals.targets[literal].iter();
            marks.extend(targets.map(|&target| Mark { cased, target }));
        };
        if let Some(search) = &self.folded.search {
            let found = |literal| mark(&self.folded, false, literal);
            if line.is_ascii() {
                search.each::<true>(line.as_bytes(), seen, found);
            } else {
                folded.clear();
                fold_into(line, folded);
                search.each::<false>(folded.as_bytes(), seen, found);
            }
        }
        if let Some(search) = &self.raw.search {
            search.each::<false>(line.as_bytes(), seen, |literal| mark(&self.raw, true, literal));
        }
    }

    /// Adds the numbers of all atoms that hold for `text` to `atoms`, which is ascending then, each there once.
    /// With `marks`, those of the text's lines, it is not searched again; marks of other atoms do no harm.
    pub(super) fn atoms_of(
        &self,
        text: &str,
        marks: Option<&[Mark]>,
        scratch: &mut Scratch,
        atoms: &mut Vec<u32>,
    ) {
        atoms.extend_from_slice(&self.present);
        if !self.folded.is_empty() {
            let mut buffer = std::mem::take(&mut scratch.folded);
            let mut ready = Ready {
                text,
                folded: Some(&mut buffer),
                is_folded: false,
            };
            // The search itself folds ASCII as it goes.
            let to_verify = match text.is_ascii() {
                true => self
                    .folded
                    .search::<true>(text, marks, &mut ready, scratch, atoms),
                false => {
                    ready.get();
                    self.folded.search::<false>("", marks, &mut ready, scratch, atoms)
                }
            };
            if !self.filtered_regexes.is_empty() && has_long_s(text) {
                to_verify.extend_from_slice(&self.filtered_regexes);
            }
            self.verify(to_verify, &mut ready, text, atoms);
            scratch.folded = buffer;
        }
        if !self.raw.is_empty() {
            let mut ready = Ready {
                text,
                folded: None,
                is_folded: false,
            };
            let to_verify = self.raw.search::<false>(text, marks, &mut ready, scratch, atoms);
            self.verify(to_verify, &mut ready, text, atoms);
        }
        for &atom in &self.unfiltered_regexes {
            self.verify_one(atom, text, text, atoms);
        }
        if !self.numbers.is_empty()
            && let Some(number) = single::number(text)
        {
            let holds = |&&(comparison, bound, _): &&(Comparison, f64, u32)| {
                single::compares(number, comparison, bound)
            };
            atoms.extend(self.numbers.iter().filter(holds).map(|&(_, _, atom)| atom));
        }
        if !self.times.is_empty() && parse_timestamp(text).is_some() {
            let holds = |&&(part, comparison, bound, _): &&(TimePart, Comparison, i64, u32)| {
                single::time_part(text, part)
                    .is_some_and(|value| single::compares_whole(value, comparison, bound))
            };
            atoms.extend(self.times.iter().filter(holds).map(|&(_, _, _, atom)| atom));
        }
        if !self.networks.is_empty()
            && let Some(address) = single::address(text)
        {
            self.networks.search(address, atoms);
            let canonical = address.to_canonical();
            if canonical != address {
                self.networks.search(canonical, atoms);
            }
        }
        for asked in &self.lists {
            asked
                .lists
                .lists_of(asked.sort, text, &mut |list| atoms.extend(asked.atoms.get(&list)));
        }
        atoms.sort_unstable();
        atoms.dedup();
    }

    fn verify(&self, to_verify: &mut Vec<u32>, ready: &mut Ready<'_, '_>, text: &str, atoms: &mut Vec<u32>) {
        to_verify.sort_unstable();
        to_verify.dedup();
        for &atom in to_verify.iter() {
            self.verify_one(atom, ready.get(), text, atoms);
        }
    }

    /// `ready` is the text in the form in which the atom's pattern is; `text` as it stands in the event.
    fn verify_one(&self, atom: u32, ready: &str, text: &str, atoms: &mut Vec<u32>) {
        let holds = match &self.verifiers[atom as usize] {
            Verifier::None => false,
            Verifier::Glob(glob) => glob.matches_ready(ready),
            Verifier::Regex(regex) => regex.is_match(text),
        };
        if holds {
            atoms.push(atom);
        }
    }
}

impl Literals {
    fn is_empty(&self) -> bool {
        self.search.is_none()
            && self.starts.is_empty()
            && self.ends.is_empty()
            && self.exact.is_empty()
            && self.unfiltered.is_empty()
    }

    /// Adds the atoms that hold to `atoms`; returns those that may. With `FOLD`, `text` is ASCII that is not
    /// folded yet; without, only `ready` is looked at.
    fn search<'s, const FOLD: bool>(
        &self,
        text: &str,
        marks: Option<&[Mark]>,
        ready: &mut Ready<'_, '_>,
        scratch: &'s mut Scratch,
        atoms: &mut Vec<u32>,
    ) -> &'s mut Vec<u32> {
        let Scratch { to_verify, seen, .. } = scratch;
        to_verify.clear();
        to_verify.extend_from_slice(&self.unfiltered);
        let length = if FOLD { text.len() } else { ready.get().len() };
        if !self.exact.is_empty()
            && length <= self.longest_exact
            && let Some(whole) = self.exact.get(ready.get())
        {
            atoms.extend_from_slice(whole);
        }
        let text = if FOLD { text } else { ready.get() };
        let fold = |byte: u8| if FOLD { byte.to_ascii_lowercase() } else { byte };
        self.starts.each(text.bytes().map(fold), |atom| atoms.push(atom));
        self.ends
            .each(text.bytes().rev().map(fold), |atom| atoms.push(atom));
        let mut note = |target| match target {
            Target::Contains(atom) => atoms.push(atom),
            Target::Verify(atom) => to_verify.push(atom),
        };
        match (marks, &self.search) {
            (Some(marks), _) => {
                let cased = ready.folded.is_none();
                let marks = marks.iter().filter(|mark| mark.cased == cased);
                marks.for_each(|mark| note(mark.target));
            }
            (None, Some(search)) => search.each::<FOLD>(text.as_bytes(), seen, |literal| {
                self.targets[literal].iter().for_each(|&target| note(target));
            }),
            (None, None) => {}
        }
        to_verify
    }
}

impl Networks {
    fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    fn add(&mut self, cidr: &Cidr, atom: u32) {
        let prefix = u32::from(cidr.prefix);
        match cidr.network {
            IpAddr::V4(network) => {
                let key = network.to_bits() & mask4(prefix);
                slot(&mut self.v4, prefix).entry(key).or_default().push(atom);
            }
            IpAddr::V6(network) => {
                let key = network.to_bits() & mask6(prefix);
                slot(&mut self.v6, prefix).entry(key).or_default().push(atom);
            }
        }
    }

    fn search(&self, address: IpAddr, atoms: &mut Vec<u32>) {
        match address {
            IpAddr::V4(address) => {
                for (prefix, networks) in &self.v4 {
                    if let Some(found) = networks.get(&(address.to_bits() & mask4(*prefix))) {
                        atoms.extend_from_slice(found);
                    }
                }
            }
            IpAddr::V6(address) => {
                for (prefix, networks) in &self.v6 {
                    if let Some(found) = networks.get(&(address.to_bits() & mask6(*prefix))) {
                        atoms.extend_from_slice(found);
                    }
                }
            }
        }
    }
}

fn add_list(all: &mut Vec<AskedLists>, listed: &Listed, atom: u32) {
    let together =
        |asked: &&mut AskedLists| asked.sort == listed.sort && Arc::ptr_eq(&asked.lists, &listed.lists);
    match all.iter_mut().find(together) {
        Some(asked) => {
            asked.atoms.insert(listed.list, atom);
        }
        None => all.push(AskedLists {
            lists: listed.lists.clone(),
            sort: listed.sort,
            atoms: HashMap::from_iter([(listed.list, atom)]),
        }),
    }
}

fn mask4(prefix: u32) -> u32 {
    u32::MAX.checked_shl(32 - prefix.min(32)).unwrap_or(0)
}

fn mask6(prefix: u32) -> u128 {
    u128::MAX.checked_shl(128 - prefix.min(128)).unwrap_or(0)
}

fn slot<K>(lengths: &mut Vec<(u32, HashMap<K, Vec<u32>>)>, prefix: u32) -> &mut HashMap<K, Vec<u32>> {
    let index = match lengths.iter().position(|(length, _)| *length == prefix) {
        Some(index) => index,
        None => {
            lengths.push((prefix, HashMap::new()));
            lengths.len() - 1
        }
    };
    &mut lengths[index].1
}
