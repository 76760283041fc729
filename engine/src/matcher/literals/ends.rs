//! Which of many literals stand at the start or the end of a text.
//!
//! A tree of their bytes, walked from the end of the text that counts until it has no branch for the next byte:
//! a text costs what it has in common with the literals.

/// Literals and what each means, by their bytes from the end that counts.
#[derive(Debug, Default)]
pub(in crate::matcher) struct Ends {
    nodes: Vec<Node>,
    /// The bytes of all branches; those of a node are neighbours, ascending.
    branches: Vec<u8>,
    meanings: Vec<u32>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Node {
    /// Its branches in `branches`. The node behind the branch at `n` is number `n + 1`.
    first: u32,
    branches: u32,
    /// What a literal that ends here means.
    meaning: u32,
    meanings: u32,
}

impl Ends {
    /// `literals` with the bytes in the order in which they are walked.
    pub(in crate::matcher) fn new(mut literals: Vec<(Vec<u8>, u32)>) -> Ends {
        let mut ends = Ends::default();
        if literals.is_empty() {
            return ends;
        }
        literals.sort_unstable();
        // Level by level, so that siblings are neighbours: a node is a range of the sorted literals and a depth.
        let mut ranges = vec![(0, literals.len(), 0)];
        let mut next = 0;
        while let Some(&(from, to, depth)) = ranges.get(next) {
            next += 1;
            let first = ends.branches.len() as u32;
            let meaning = ends.meanings.len() as u32;
            let mut at = from;
            while at < to && literals[at].0.len() == depth {
                ends.meanings.push(literals[at].1);
                at += 1;
            }
            let meanings = (at - from) as u32;
            while at < to {
                let byte = literals[at].0[depth];
                let start = at;
                while at < to && literals[at].0[depth] == byte {
                    at += 1;
                }
                ends.branches.push(byte);
                ranges.push((start, at, depth + 1));
            }
            ends.nodes.push(Node {
                first,
                branches: ends.branches.len() as u32 - first,
                meaning,
                meanings,
            });
        }
        ends
    }

    pub(in crate::matcher) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Calls `found` with what every literal means that the bytes begin with.
    #[inline]
    pub(in crate::matcher) fn each(&self, bytes: impl Iterator<Item = u8>, mut found: impl FnMut(u32)) {
        let Some(mut node) = self.nodes.first() else {
            return;
        };
        let mut bytes = bytes;
        loop {
            let meanings = node.meaning as usize..(node.meaning + node.meanings) as usize;
            self.meanings[meanings].iter().for_each(|&meaning| found(meaning));
            let Some(byte) = bytes.next() else { return };
            let branches = &self.branches[node.first as usize..(node.first + node.branches) as usize];
            let Some(branch) = branches.iter().position(|&branch| branch == byte) else {
                return;
            };
            node = &self.nodes[node.first as usize + branch + 1];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn says_what_comparing_each_says(
            literals in prop::collection::vec("[abc]{0,6}", 0..40),
            text in "[abcd]{0,8}",
        ) {
            let numbered = literals.iter().zip(0..);
            let ends = Ends::new(numbered.map(|(literal, number)| (literal.clone().into_bytes(), number)).collect());
            let mut found = Vec::new();
            ends.each(text.bytes(), |number| found.push(number));
            found.sort_unstable();
            let expected: Vec<u32> = (0..literals.len() as u32)
                .filter(|&number| text.starts_with(&literals[number as usize]))
                .collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(ends.is_empty(), literals.is_empty());
        }
    }
}
