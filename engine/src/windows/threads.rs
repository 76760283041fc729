//! Threads that wait for work on parts of a list.
//!
//! They stay, for two reasons: to make a thread takes as long as to look at a hundred signals, and what a thread has allocated
//! has to be taken over by others when it ends. What they work on is borrowed, as by [`std::thread::scope`], which makes threads
//! for each call; so it takes the one line of unsafe code below.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

/// Work on the part with a number.
type Task<'t> = &'t (dyn Fn(usize) + Sync + 't);

/// How a part of the work ended.
type Ended = Result<(), Box<dyn Any + Send>>;

/// A thread that helps.
#[derive(Debug)]
struct Helper {
    /// `None` once it is to end.
    tasks: Option<Sender<(Task<'static>, usize)>>,
    ended: Receiver<Ended>,
    thread: Option<JoinHandle<()>>,
}

impl Helper {
    /// `None` if the system has no thread left.
    fn new() -> Option<Helper> {
        let (tasks, for_it) = channel::<(Task<'static>, usize)>();
        let (from_it, ended) = channel();
        let work = move || {
            for (task, part) in for_it {
                let end = catch_unwind(AssertUnwindSafe(|| task(part)));
                if from_it.send(end).is_err() {
                    return;
                }
            }
        };
        let thread = Builder::new().name("windows".to_owned()).spawn(work).ok()?;
        Some(Helper {
            tasks: Some(tasks),
            ended,
            thread: Some(thread),
        })
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            // It has caught whatever panicked, and was asked for it.
            let _ = thread.join();
        }
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Threads {
    helpers: Vec<Helper>,
}

impl Threads {
    /// Does `work` on parts of a list, on so many threads at most; gives it the number of the first of each part, too. The
    /// calling thread does one of them. Where the system has no thread left, there are fewer parts.
    ///
    /// # Panics
    /// If the work does, once all parts have ended.
    pub(super) fn each<T: Send>(
        &mut self,
        all: &mut [T],
        threads: usize,
        work: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let wanted = threads.min(all.len()).saturating_sub(1);
        while self.helpers.len() < wanted
            && let Some(helper) = Helper::new()
        {
            self.helpers.push(helper);
        }
        let helpers = &self.helpers[..wanted.min(self.helpers.len())];
        if helpers.is_empty() {
            return work(0, all);
        }
        let count = helpers.len() + 1;
        let (mut parts, mut rest, mut first) = (Vec::with_capacity(count), all, 0);
        for left in (1..=count).rev() {
            let length = rest.len() / left;
            let (part, others) = std::mem::take(&mut rest).split_at_mut(length);
            parts.push(Mutex::new(Some((first, part))));
            first += length;
            rest = others;
        }
        together(helpers, &|number: usize| {
            let part = parts[number]
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            if let Some((first, part)) = part {
                work(first, part);
            }
        });
    }
}

/// Does a task on this thread (part 0) and on each of these (the parts after it).
fn together(helpers: &[Helper], task: Task<'_>) {
    // SAFETY: only the lifetime is changed, of a reference that is used no longer than the borrow lasts. It goes to the helpers
    // alone. Each answers once for each task that it was given, after its last use of it (`Helper::new`: the call has returned
    // or was unwound, and the loop drops the reference before it takes the next), or it is gone, with its end of `ended`, and
    // so uses nothing. This function waits for all these answers before it returns, and nothing in between unwinds: what the
    // task does here is caught, `send` and `recv` give errors.
    let lasting = unsafe { std::mem::transmute::<Task<'_>, Task<'static>>(task) };
    let mut given = Vec::with_capacity(helpers.len());
    for (helper, part) in helpers.iter().zip(1..) {
        let tasks = helper.tasks.as_ref();
        given.push(tasks.is_some_and(|tasks| tasks.send((lasting, part)).is_ok()));
    }
    let mut ended = vec![catch_unwind(AssertUnwindSafe(|| task(0)))];
    for ((helper, part), given) in helpers.iter().zip(1..).zip(given) {
        let by_it = if given { helper.ended.recv().ok() } else { None };
        // One that is gone without an answer has not begun.
        ended.push(by_it.unwrap_or_else(|| catch_unwind(AssertUnwindSafe(|| task(part)))));
    }
    for end in ended {
        if let Err(panic) = end {
            resume_unwind(panic);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn each_part_is_worked_on_once_by_any_number_of_threads() {
        let mut threads = Threads::default();
        for count in [1, 2, 3, 7, 40] {
            let mut all: Vec<(usize, usize)> = vec![(0, 0); 16];
            let parts = AtomicUsize::new(0);
            for _ in 0..20 {
                threads.each(&mut all, count, |first, part| {
                    parts.fetch_add(1, Ordering::Relaxed);
                    for (place, (times, number)) in part.iter_mut().enumerate() {
                        *times += 1;
                        *number = first + place;
                    }
                });
            }
            let expected: Vec<(usize, usize)> = (0..16).map(|number| (20, number)).collect();
            assert_eq!(all, expected);
            assert_eq!(parts.into_inner(), 20 * count.min(16));
        }
        threads.each(&mut [] as &mut [u8], 3, |_, part| assert!(part.is_empty()));
    }

    #[test]
    fn a_panic_comes_out_when_all_parts_have_ended() {
        let mut threads = Threads::default();
        for bad in 0..3_usize {
            let mut all = [0_usize, 1, 2];
            let done = AtomicUsize::new(0);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                threads.each(&mut all, 3, |_, part| {
                    assert_ne!(part[0], bad, "as it should");
                    done.fetch_add(1, Ordering::Relaxed);
                });
            }));
            assert!(outcome.is_err());
            assert_eq!(done.into_inner(), 2);
        }
        // They go on working.
        let mut all = [1, 2, 3];
        threads.each(&mut all, 3, |_, part| part[0] *= 2);
        assert_eq!(all, [2, 4, 6]);
    }
}
