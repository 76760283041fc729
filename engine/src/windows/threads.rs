//! Threads that wait for work on parts of a list.
//!
//! They stay, for two reasons: to make a thread takes as long as to look at a hundred signals, and what a thread has allocated
//! has to be taken over by others when it ends. What they work on is borrowed, as by [`std::thread::scope`], which makes threads
//! for each call; so it takes the one line of unsafe code below.
//!
//! Who waits looks for a short while before it sleeps: to be woken takes 20 to 100 µs on a virtual machine, a block of signals a
//! few hundred.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle, Thread};

/// How often is looked before sleep: some 100 µs, which is what being woken may take. So who needs the processor
/// meanwhile loses no more by it than by waking.
const LOOKS: usize = 4000;

/// Work on the part with a number.
type Task<'t> = &'t (dyn Fn(usize) + Sync + 't);

/// How a part of the work ended.
type Ended = Result<(), Box<dyn Any + Send>>;

/// A helper has nothing to do.
const FREE: u8 = 0;
/// It is to do what lies on its desk.
const GIVEN: u8 = 1;
/// It has, and how that ended lies there.
const ENDED: u8 = 2;
/// It is to go.
const CLOSED: u8 = 3;

/// What lies between a helper and who gives it work.
#[derive(Default)]
struct Desk {
    /// [`FREE`] to [`GIVEN`] to [`ENDED`] to [`FREE`]. The helper makes the second of these steps only.
    state: AtomicU8,
    given: Mutex<Option<Given>>,
    ended: Mutex<Option<Ended>>,
}

struct Given {
    task: Task<'static>,
    part: usize,
    /// Who waits for the end.
    by: Thread,
}

fn lock<T>(lies: &Mutex<T>) -> MutexGuard<'_, T> {
    lies.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    /// Waits until the state is one that `is_it`, and gives it. Whoever makes it so unparks this thread.
    fn wait(&self, looks: usize, is_it: impl Fn(u8) -> bool) -> u8 {
        let mut looked = 0;
        loop {
            let state = self.state.load(Ordering::Acquire);
            if is_it(state) {
                return state;
            }
            if looked < looks {
                looked += 1;
                std::hint::spin_loop();
            } else {
                std::thread::park();
            }
        }
    }

    /// What a helper does until it is to go.
    fn work(&self, looks: usize) {
        while self.wait(looks, |state| state == GIVEN || state == CLOSED) == GIVEN {
            let Some(Given { task, part, by }) = lock(&self.given).take() else {
                return;
            };
            let end = catch_unwind(AssertUnwindSafe(|| task(part)));
            *lock(&self.ended) = Some(end);
            self.state.store(ENDED, Ordering::Release);
            by.unpark();
        }
    }

    /// How the work ended that was given, as soon as it has.
    fn end(&self, looks: usize) -> Ended {
        self.wait(looks, |state| state == ENDED);
        let end = lock(&self.ended).take();
        self.state.store(FREE, Ordering::Release);
        end.unwrap_or(Ok(()))
    }
}

/// A thread that helps.
struct Helper {
    desk: Arc<Desk>,
    /// `None` once it has gone.
    thread: Option<JoinHandle<()>>,
}

impl Helper {
    /// `None` if the system has no thread left.
    fn new(looks: usize) -> Option<Helper> {
        let desk = Arc::<Desk>::default();
        let of_it = desk.clone();
        let thread = Builder::new().name("windows-helper".to_owned());
        let thread = thread.spawn(move || of_it.work(looks)).ok()?;
        Some(Helper {
            desk,
            thread: Some(thread),
        })
    }

    fn give(&self, task: Task<'static>, part: usize, by: Thread) {
        *lock(&self.desk.given) = Some(Given { task, part, by });
        self.call(GIVEN);
    }

    fn call(&self, state: u8) {
        self.desk.state.store(state, Ordering::Release);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.call(CLOSED);
        if let Some(thread) = self.thread.take() {
            // It has caught whatever panicked, and was asked for it.
            let _ = thread.join();
        }
    }
}

/// See the [module](self).
#[derive(Default)]
pub(super) struct Threads {
    helpers: Vec<Helper>,
    /// How often who waits looks before it sleeps; `None` before there is a helper.
    looks: Option<usize>,
}

impl std::fmt::Debug for Threads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let helpers = self.helpers.len();
        f.debug_struct("Threads").field("helpers", &helpers).finish()
    }
}

impl Threads {
    /// How often who waits for another thread is to look before it sleeps.
    pub(super) fn looks(&mut self) -> usize {
        *self.looks.get_or_insert_with(looks)
    }

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
        if wanted == 0 {
            return work(0, all);
        }
        let looks = self.looks();
        while self.helpers.len() < wanted
            && let Some(helper) = Helper::new(looks)
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
        together(helpers, looks, &|number: usize| {
            let part = lock(&parts[number]).take();
            if let Some((first, part)) = part {
                work(first, part);
            }
        });
    }
}

/// As often as is worth it: a thread that is not running cannot be seen to come.
fn looks() -> usize {
    match std::thread::available_parallelism() {
        Ok(processors) if processors.get() > 1 => LOOKS,
        _ => 0,
    }
}

/// Does a task on this thread (part 0) and on each of these (the parts after it).
fn together(helpers: &[Helper], looks: usize, task: Task<'_>) {
    let this = std::thread::current();
    // SAFETY: only the lifetime is changed, of a reference that is used no longer than the borrow lasts. It goes to the helpers
    // alone. Each says `ENDED` once for each task that it was given, after its last use of it (`Desk::work`: the call has returned
    // or was unwound, and the desk holds it no more). This function waits for all of them to say so before it returns, and nothing
    // in between unwinds: what the task does here is caught, and locks that are poisoned are taken all the same. A helper ends
    // only when it is dropped, which it is not while it is borrowed here.
    let lasting = unsafe { std::mem::transmute::<Task<'_>, Task<'static>>(task) };
    for (helper, part) in helpers.iter().zip(1..) {
        helper.give(lasting, part, this.clone());
    }
    let mut ended = vec![catch_unwind(AssertUnwindSafe(|| task(0)))];
    ended.extend(helpers.iter().map(|helper| helper.desk.end(looks)));
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
            for round in 0..20 {
                if round % 10 == 9 {
                    // Long enough for helpers to go to sleep.
                    let (_held, silent) = std::sync::mpsc::channel::<()>();
                    let _ = silent.recv_timeout(std::time::Duration::from_millis(2));
                }
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
