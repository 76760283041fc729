//! What a sequence asks for, and the same made ready to run.

/// Most stages of one plan, its runs counted one by one.
pub const MOST_STAGES: u32 = 1024;

/// Most steps of a sample: a key keeps so many events of each of them.
pub const MOST_SAMPLED: usize = 32;

/// In which order the steps are to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One after the other.
    Ordered,
    /// In any order, again and again.
    Join,
    /// In any order, by different events, once a key.
    Sample,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What waits for this step goes on waiting when it has come, and a copy goes on.
    pub fork: bool,
    /// The step must not come.
    pub missing: bool,
    /// How many times in a row it is to come. Where it must not come, this says nothing.
    pub runs: u32,
}

impl Default for Step {
    fn default() -> Self {
        Step {
            fork: false,
            missing: false,
            runs: 1,
        }
    }
}

/// A sequence. Never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// In which order the steps are to come.
    pub kind: Kind,
    /// The steps.
    pub steps: Vec<Step>,
    /// How far the last event may lie behind the first, in microseconds.
    pub span: Option<i64>,
    /// Whether there is an event that breaks it: step number `steps.len()`.
    pub has_until: bool,
}

impl Plan {
    /// Whether it can run.
    ///
    /// # Errors
    /// What is wrong with it, in words for who wrote the rule.
    pub fn check(&self) -> Result<(), String> {
        let positive = self.steps.iter().filter(|step| !step.missing);
        let stages: u64 = positive.clone().map(|step| u64::from(step.runs)).sum();
        if positive.clone().next().is_none() {
            return Err("a sequence needs at least one step that is to come".into());
        }
        if positive.clone().any(|step| step.runs == 0) {
            return Err("a step is to come at least once".into());
        }
        if self.steps.len() > MOST_STAGES as usize || stages > u64::from(MOST_STAGES) {
            return Err(format!(
                "a sequence of more than {MOST_STAGES} steps does not run; runs count one by one"
            ));
        }
        if self.span.is_some_and(|span| span < 0) {
            return Err("the time that a sequence may take cannot be below zero".into());
        }
        if self.kind != Kind::Ordered {
            let plain = |step: &Step| *step == Step::default();
            if !self.steps.iter().all(plain) {
                return Err(
                    "a step that must not come, that forks or comes several times needs an order: write a sequence"
                        .into(),
                );
            }
        }
        if self.kind == Kind::Sample && (self.span.is_some() || self.has_until) {
            return Err("a sample knows no time: neither a span nor an event that ends it".into());
        }
        if self.kind == Kind::Sample && self.steps.len() > MOST_SAMPLED {
            return Err(format!("a sample of more than {MOST_SAMPLED} steps does not run"));
        }
        let at_an_end = [self.steps.first(), self.steps.last()];
        let at_an_end = at_an_end.into_iter().flatten().any(|step| step.missing);
        if at_an_end && self.span.is_none() {
            return Err(
                "a step that must not come, in front or at the end, needs a longest time (maxspan)".into(),
            );
        }
        if self.steps.iter().any(|step| step.missing && step.fork) {
            return Err("a step that must not come cannot fork".into());
        }
        Ok(())
    }
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It takes what waits in front of these stages into them.
    Stages { first: u16, last: u16, fork: bool },
    /// It must not come before the first stage.
    Leading,
    /// It must not come between this stage and the next.
    After(u16),
    /// It must not come after the last stage.
    Trailing,
}

/// A plan, ready to run.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) span: Option<i64>,
    pub(super) has_until: bool,
    /// By step.
    pub(super) roles: Vec<Role>,
    /// How many stages a whole sequence goes through.
    pub(super) stages: u16,
    pub(super) leading: bool,
    pub(super) trailing: bool,
}

impl Shape {
    pub(super) fn of(plan: &Plan) -> Result<Shape, String> {
        plan.check()?;
        let last_positive = plan.steps.iter().rposition(|step| !step.missing);
        let mut stages = 0_u16;
        let mut roles = Vec::with_capacity(plan.steps.len());
        for (place, step) in plan.steps.iter().enumerate() {
            roles.push(if !step.missing {
                let first = stages;
                stages += step.runs as u16;
                Role::Stages {
                    first,
                    last: stages - 1,
                    fork: step.fork,
                }
            } else if stages == 0 {
                Role::Leading
            } else if Some(place) > last_positive {
                Role::Trailing
            } else {
                Role::After(stages - 1)
            });
        }
        Ok(Shape {
            kind: plan.kind,
            span: plan.span,
            has_until: plan.has_until,
            leading: roles.contains(&Role::Leading),
            trailing: roles.contains(&Role::Trailing),
            roles,
            stages,
        })
    }

    /// Whether there is such a step; the number behind the last is the event that breaks the sequence.
    pub(super) fn has_step(&self, step: u16) -> bool {
        usize::from(step) < self.roles.len() + usize::from(self.has_until)
    }

    /// Whether an event of this step begins something where nothing is.
    pub(super) fn opens(&self, step: u16) -> bool {
        match self.roles.get(usize::from(step)) {
            None => false,
            Some(role) => {
                self.kind != Kind::Ordered || matches!(role, Role::Leading | Role::Stages { first: 0, .. })
            }
        }
    }

    /// Whether what began at `first` is over at `now`.
    pub(super) fn is_over(&self, first: i64, now: i64) -> bool {
        self.span.is_some_and(|span| first.saturating_add(span) < now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(kind: Kind, steps: &[Step]) -> Plan {
        Plan {
            kind,
            steps: steps.to_vec(),
            span: None,
            has_until: false,
        }
    }

    #[test]
    fn what_cannot_run_says_why() {
        let step = Step::default();
        let (missing, fork) = (
            Step {
                missing: true,
                ..step
            },
            Step { fork: true, ..step },
        );
        let runs = |runs| Step { runs, ..step };
        let sampled = vec![step; MOST_SAMPLED + 1];
        for (plan, reason) in [
            (plan(Kind::Ordered, &[]), "at least one step"),
            (plan(Kind::Ordered, &[missing]), "at least one step"),
            (plan(Kind::Ordered, &[runs(0)]), "at least once"),
            (plan(Kind::Ordered, &[runs(1000), runs(1000)]), "1024"),
            (plan(Kind::Ordered, &[step, missing]), "maxspan"),
            (plan(Kind::Ordered, &[missing, step]), "maxspan"),
            (plan(Kind::Join, &[step, missing]), "needs an order"),
            (plan(Kind::Join, &[step, fork]), "needs an order"),
            (plan(Kind::Sample, &[step, runs(2)]), "needs an order"),
            (plan(Kind::Sample, &sampled), "32"),
            (
                Plan {
                    has_until: true,
                    ..plan(Kind::Sample, &[step])
                },
                "knows no time",
            ),
            (
                Plan {
                    span: Some(-1),
                    ..plan(Kind::Ordered, &[step])
                },
                "below zero",
            ),
        ] {
            let found = plan.check();
            assert!(
                found.as_ref().is_err_and(|text| text.contains(reason)),
                "{plan:?}: {found:?}"
            );
        }
        // Between two steps no time is needed.
        assert_eq!(plan(Kind::Ordered, &[step, missing, step]).check(), Ok(()));
    }

    #[test]
    fn runs_are_stages() {
        let step = Step::default();
        let (missing, twice) = (
            Step {
                missing: true,
                ..step
            },
            Step { runs: 2, ..step },
        );
        let plan = Plan {
            span: Some(1),
            ..plan(Kind::Ordered, &[missing, step, missing, twice, missing])
        };
        let shape = Shape::of(&plan).expect("it runs");
        let fork = false;
        assert_eq!(shape.stages, 3);
        assert_eq!(
            shape.roles,
            [
                Role::Leading,
                Role::Stages {
                    first: 0,
                    last: 0,
                    fork
                },
                Role::After(0),
                Role::Stages {
                    first: 1,
                    last: 2,
                    fork
                },
                Role::Trailing
            ]
        );
    }
}
