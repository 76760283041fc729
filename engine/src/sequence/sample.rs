//! Chooses one event for each step, none of them twice.

/// An event, and what stands for it.
type Candidate<E> = (E, u32);

/// For each step one of its candidates, all of them different events: for the first step the earliest that leaves one for
/// each of the others, then for the second, and so on. `None` where there is no such choice.
pub(super) fn first<E: Copy + Eq>(candidates: &[Vec<Candidate<E>>]) -> Option<Vec<u32>> {
    if candidates.iter().any(Vec::is_empty) {
        return None;
    }
    let mut fixed: Vec<Candidate<E>> = Vec::with_capacity(candidates.len());
    if !is_possible(&fixed, candidates) {
        return None;
    }
    for step in candidates {
        let chosen = step.iter().find(|candidate| {
            fixed.push(**candidate);
            let possible = is_possible(&fixed, candidates);
            fixed.pop();
            possible
        })?;
        fixed.push(*chosen);
    }
    Some(fixed.into_iter().map(|(_, number)| number).collect())
}

/// Whether there is a choice whose first events are these.
fn is_possible<E: Copy + Eq>(fixed: &[Candidate<E>], candidates: &[Vec<Candidate<E>>]) -> bool {
    let events: Vec<E> = fixed.iter().map(|(event, _)| *event).collect();
    if (1..events.len()).any(|place| events[..place].contains(&events[place])) {
        return false;
    }
    // Each further step takes an event, and those that had it take another (augmenting paths).
    let mut taken: Vec<(E, usize)> = Vec::new();
    (fixed.len()..candidates.len()).all(|step| {
        let mut asked = events.clone();
        take(step, candidates, &mut taken, &mut asked)
    })
}

fn take<E: Copy + Eq>(
    step: usize,
    candidates: &[Vec<Candidate<E>>],
    taken: &mut Vec<(E, usize)>,
    asked: &mut Vec<E>,
) -> bool {
    for (event, _) in &candidates[step] {
        if asked.contains(event) {
            continue;
        }
        asked.push(*event);
        match taken.iter().position(|(other, _)| other == event) {
            None => {
                taken.push((*event, step));
                return true;
            }
            Some(place) => {
                let holder = taken[place].1;
                if take(holder, candidates, taken, asked) {
                    taken[place].1 = step;
                    return true;
                }
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::first;

    /// Events of each step; what is chosen.
    fn choose(steps: &[&[u32]]) -> Option<Vec<u32>> {
        let candidates: Vec<Vec<(u32, u32)>> = steps
            .iter()
            .map(|events| events.iter().map(|event| (*event, *event)).collect())
            .collect();
        first(&candidates)
    }

    #[test]
    fn the_first_choice_of_different_events() {
        assert_eq!(choose(&[&[1, 2, 3], &[4, 5], &[4, 5, 3]]), Some(vec![1, 4, 5]));
        assert_eq!(choose(&[&[1], &[1], &[1, 3]]), None);
        assert_eq!(choose(&[&[1, 2], &[1]]), Some(vec![2, 1]));
        assert_eq!(choose(&[&[1, 2], &[2, 3], &[1]]), Some(vec![2, 3, 1]));
        assert_eq!(choose(&[&[], &[1]]), None);
    }
}
