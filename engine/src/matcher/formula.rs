//! Boolean formulas over numbered facts, in negation normal form.
//!
//! The same type serves twice: predicates are formulas over the atoms of one field, rules are formulas over
//! predicates. *Invariants*: negation stands at the leaves only; `All` and `Any` have at least two parts,
//! none of which is constant or of the same kind as its parent.

/// A formula over facts of type `u32`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Formula {
    /// Always true.
    True,
    /// Always false.
    False,
    /// The fact holds.
    Is(u32),
    /// The fact does not hold.
    IsNot(u32),
    /// All hold.
    All(Vec<Formula>),
    /// Any holds.
    Any(Vec<Formula>),
}

impl Formula {
    /// The conjunction.
    pub fn all(parts: impl IntoIterator<Item = Formula>) -> Formula {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Formula::True => {}
                Formula::False => return Formula::False,
                Formula::All(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        dedup(&mut flat);
        match flat.len() {
            0 => Formula::True,
            1 => flat.remove(0),
            _ => Formula::All(flat),
        }
    }

    /// The disjunction.
    pub fn any(parts: impl IntoIterator<Item = Formula>) -> Formula {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Formula::False => {}
                Formula::True => return Formula::True,
                Formula::Any(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        dedup(&mut flat);
        match flat.len() {
            0 => Formula::False,
            1 => flat.remove(0),
            _ => Formula::Any(flat),
        }
    }

    /// The negation.
    pub fn not(self) -> Formula {
        match self {
            Formula::True => Formula::False,
            Formula::False => Formula::True,
            Formula::Is(fact) => Formula::IsNot(fact),
            Formula::IsNot(fact) => Formula::Is(fact),
            Formula::All(parts) => Formula::any(parts.into_iter().map(Formula::not)),
            Formula::Any(parts) => Formula::all(parts.into_iter().map(Formula::not)),
        }
    }

    /// Its value, given which facts hold.
    pub fn holds(&self, fact: &impl Fn(u32) -> bool) -> bool {
        match self {
            Formula::True => true,
            Formula::False => false,
            Formula::Is(number) => fact(*number),
            Formula::IsNot(number) => !fact(*number),
            Formula::All(parts) => parts.iter().all(|part| part.holds(fact)),
            Formula::Any(parts) => parts.iter().any(|part| part.holds(fact)),
        }
    }

    /// What is left of it once some facts are known.
    pub fn with(&self, known: &impl Fn(u32) -> Option<bool>) -> Formula {
        let constant = |holds| if holds { Formula::True } else { Formula::False };
        match self {
            Formula::True => Formula::True,
            Formula::False => Formula::False,
            Formula::Is(fact) => known(*fact).map_or(Formula::Is(*fact), constant),
            Formula::IsNot(fact) => known(*fact).map_or(Formula::IsNot(*fact), |holds| constant(!holds)),
            Formula::All(parts) => Formula::all(parts.iter().map(|part| part.with(known))),
            Formula::Any(parts) => Formula::any(parts.iter().map(|part| part.with(known))),
        }
    }

    /// Whether it may be true, given what is known of its facts. It may say so where it cannot (`x and not x`
    /// of an unknown `x`), never the other way round.
    pub fn may_hold(&self, known: &impl Fn(u32) -> Option<bool>) -> bool {
        match self {
            Formula::True => true,
            Formula::False => false,
            Formula::Is(fact) => known(*fact).unwrap_or(true),
            Formula::IsNot(fact) => !known(*fact).unwrap_or(false),
            Formula::All(parts) => parts.iter().all(|part| part.may_hold(known)),
            Formula::Any(parts) => parts.iter().any(|part| part.may_hold(known)),
        }
    }

    /// Its value when no fact holds.
    pub fn holds_on_nothing(&self) -> bool {
        self.holds(&|_| false)
    }

    /// A set of facts of which at least one holds whenever the formula does: the cheapest there is by
    /// `cost` (an estimate of how often a fact holds), with its cost. `None` if the formula can be true
    /// with no fact at all.
    pub fn witness(&self, cost: &impl Fn(u32) -> f64) -> Option<(f64, Vec<u32>)> {
        match self {
            Formula::True | Formula::IsNot(_) => None,
            Formula::False => Some((0.0, Vec::new())),
            Formula::Is(fact) => Some((cost(*fact), vec![*fact])),
            Formula::All(parts) => parts
                .iter()
                .filter_map(|part| part.witness(cost))
                .min_by(|(one, _), (other, _)| one.total_cmp(other)),
            Formula::Any(parts) => {
                let mut total = 0.0;
                let mut facts = Vec::new();
                for part in parts {
                    let (cost, witness) = part.witness(cost)?;
                    total += cost;
                    facts.extend(witness);
                }
                facts.sort_unstable();
                facts.dedup();
                Some((total, facts))
            }
        }
    }

    /// Calls `visit` for every fact named.
    pub fn facts(&self, visit: &mut impl FnMut(u32)) {
        match self {
            Formula::True | Formula::False => {}
            Formula::Is(fact) | Formula::IsNot(fact) => visit(*fact),
            Formula::All(parts) | Formula::Any(parts) => parts.iter().for_each(|part| part.facts(visit)),
        }
    }
}

/// Drops repeated parts, keeping the order of first appearance.
fn dedup(parts: &mut Vec<Formula>) {
    // To compare a few with each other costs less than a table.
    const FEW: usize = 8;
    if parts.len() <= FEW {
        let mut kept = 0;
        for index in 0..parts.len() {
            if !parts[..kept].contains(&parts[index]) {
                parts.swap(kept, index);
                kept += 1;
            }
        }
        return parts.truncate(kept);
    }
    let mut seen = hashbrown::HashSet::with_capacity(parts.len());
    let keep: Vec<bool> = parts.iter().map(|part| seen.insert(part)).collect();
    drop(seen);
    let mut keep = keep.into_iter();
    parts.retain(|_| keep.next().unwrap_or(true));
}

#[cfg(test)]
mod tests {
    use super::Formula::{self, Is, IsNot};

    #[test]
    fn constants_fold_and_negation_sinks() {
        assert_eq!(Formula::all([]), Formula::True);
        assert_eq!(Formula::any([]), Formula::False);
        assert_eq!(Formula::all([Is(1), Is(1), Formula::True]), Is(1));
        let formula = Formula::all([Is(1), Formula::any([Is(2), IsNot(3)])]).not();
        assert_eq!(
            formula,
            Formula::Any(vec![IsNot(1), Formula::All(vec![IsNot(2), Is(3)])])
        );
    }

    #[test]
    fn what_is_known_simplifies_and_what_is_not_may_be() {
        let formula = Formula::all([Formula::any([Is(1), IsNot(2)]), Formula::any([Is(3), Is(4)])]);
        let known = |fact| [None, Some(false), Some(true), None, Some(true)][fact as usize];
        assert_eq!(formula.with(&known), Formula::False);
        assert!(!formula.may_hold(&known));
        let known = |fact| [None, None, Some(true), None, Some(true)][fact as usize];
        assert_eq!(formula.with(&known), Is(1));
        assert!(formula.may_hold(&known));
    }

    #[test]
    fn a_formula_false_on_nothing_has_a_witness() {
        let formula = Formula::all([Formula::any([Is(1), IsNot(2)]), Formula::any([Is(3), Is(4)])]);
        assert!(!formula.holds_on_nothing());
        assert_eq!(formula.witness(&|_| 1.0), Some((2.0, vec![3, 4])));
        assert_eq!(Formula::any([Is(1), IsNot(2)]).witness(&|_| 1.0), None);
        let cheap = Formula::all([Is(1), Is(2)]).witness(&|fact| f64::from(3 - fact));
        assert_eq!(cheap, Some((1.0, vec![2])));
    }
}
