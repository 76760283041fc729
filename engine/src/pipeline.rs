//! One producer, several workers, one collector, results in the producer's order.
//!
//! ```text
//! produce ──items──▶ worker 1 ─┐
//!    ▲               worker 2 ─┼─results──▶ collect (calling thread, in order)
//!    │               …        ─┘               │
//!    └────────────── permits ◀─────────────────┘
//! ```
//!
//! The producer takes a permit for every item and the collector gives it back once the result has been
//! collected in order: at most [`Settings::in_flight`] items exist at any time, however unevenly they take,
//! and a slow collector slows the producer down. Which thread worked on an item is never visible in the
//! result.
//!
//! With one worker there is nothing to hand over: everything runs on the calling thread, one item after
//! another.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};

/// Size of a pipeline.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Worker threads.
    pub workers: NonZeroUsize,
    /// Most items between producer and collector.
    pub in_flight: NonZeroUsize,
    /// How long the collector waits before it is called with [`Collected::Idle`].
    pub tick: Duration,
}

/// What the collector gets.
#[derive(Debug)]
pub enum Collected<T> {
    /// The next result.
    Result(T),
    /// Nothing came for a tick.
    Idle,
}

/// Gives items to the workers.
pub struct Feed<'a, I>(To<'a, I>);

enum To<'a, I> {
    Workers {
        items: crossbeam_channel::Sender<(u64, I)>,
        permits: crossbeam_channel::Receiver<()>,
        next: u64,
    },
    /// Works on an item and collects the result; `None` is a tick. `false` once the collector has given up.
    Here(&'a mut dyn FnMut(Option<I>) -> bool),
}

impl<I> Feed<'_, I> {
    /// Hands over an item, waiting for room. `false` once the collector has given up: stop producing.
    pub fn push(&mut self, item: I) -> bool {
        match &mut self.0 {
            To::Workers { items, permits, next } => {
                if permits.recv().is_err() {
                    return false;
                }
                let sequence = *next;
                *next += 1;
                items.send((sequence, item)).is_ok()
            }
            To::Here(work) => work(Some(item)),
        }
    }

    /// Says that there was nothing to push for a while. As for [`Feed::push`].
    pub fn idle(&mut self) -> bool {
        match &mut self.0 {
            // The collector keeps its own time.
            To::Workers { .. } => true,
            To::Here(work) => work(None),
        }
    }
}

/// Runs a pipeline to its end: until `produce` returns and every result is collected, or until `collect`
/// fails; its error is returned.
///
/// `make_worker` is called once on each worker's thread, so a worker's state need not be `Send`. A producer
/// that waits for its source calls [`Feed::idle`] every [`Settings::tick`].
///
/// # Panics
///
/// A panic of the producer or of a worker is passed on.
pub fn run<I, T, W, P, C, E>(
    settings: Settings,
    produce: P,
    make_worker: impl Fn() -> W + Sync,
    mut collect: C,
) -> Result<(), E>
where
    I: Send,
    T: Send,
    W: FnMut(I) -> T,
    P: FnOnce(&mut Feed<'_, I>) + Send,
    C: FnMut(Collected<T>) -> Result<(), E>,
{
    if settings.workers.get() == 1 {
        let mut work = make_worker();
        let mut outcome = Ok(());
        let mut step = |item: Option<I>| {
            if outcome.is_err() {
                return false;
            }
            let collected = match item {
                Some(item) => Collected::Result(work(item)),
                None => Collected::Idle,
            };
            outcome = collect(collected);
            outcome.is_ok()
        };
        produce(&mut Feed(To::Here(&mut step)));
        return outcome;
    }
    let (item_sender, item_receiver) = bounded::<(u64, I)>(settings.in_flight.get());
    let (result_sender, result_receiver) = bounded::<(u64, std::thread::Result<T>)>(settings.in_flight.get());
    let (permit_sender, permit_receiver) = bounded::<()>(settings.in_flight.get());
    for _ in 0..settings.in_flight.get() {
        permit_sender
            .send(())
            .expect("the channel has room for every permit");
    }
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut feed = Feed(To::Workers {
                items: item_sender,
                permits: permit_receiver,
                next: 0,
            });
            produce(&mut feed);
        });
        for _ in 0..settings.workers.get() {
            let items = item_receiver.clone();
            let results = result_sender.clone();
            let make_worker = &make_worker;
            scope.spawn(move || {
                let mut work = make_worker();
                for (sequence, item) in items {
                    // A lost result would leave the collector waiting for it for ever. The worker is not
                    // used after a panic, so no broken state is seen.
                    let result = catch_unwind(AssertUnwindSafe(|| work(item)));
                    let panicked = result.is_err();
                    if results.send((sequence, result)).is_err() || panicked {
                        return;
                    }
                }
            });
        }
        // The loop below ends when the workers do; they end when the producer does.
        drop(item_receiver);
        drop(result_sender);
        // Moved in here, so that leaving early with an error closes them: the producer gets no permits and
        // the workers no receiver, and both end.
        let (result_receiver, permit_sender) = (result_receiver, permit_sender);
        let mut waiting: BTreeMap<u64, std::thread::Result<T>> = BTreeMap::new();
        let mut next = 0;
        loop {
            match result_receiver.recv_timeout(settings.tick) {
                Ok((sequence, result)) => {
                    waiting.insert(sequence, result);
                    while let Some(result) = waiting.remove(&next) {
                        let result = result.unwrap_or_else(|panic| resume_unwind(panic));
                        collect(Collected::Result(result))?;
                        next += 1;
                        // The producer may be done already; then nobody needs the permit.
                        let _ = permit_sender.send(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => collect(Collected::Idle)?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(workers: usize, in_flight: usize) -> Settings {
        Settings {
            workers: NonZeroUsize::new(workers).unwrap(),
            in_flight: NonZeroUsize::new(in_flight).unwrap(),
            tick: Duration::from_millis(5),
        }
    }

    #[test]
    fn results_come_in_order_on_any_number_of_threads() {
        for workers in [1, 2, 5] {
            let mut seen = Vec::new();
            run(
                settings(workers, 4),
                |feed| {
                    for number in 0..500_u64 {
                        assert!(feed.push(number));
                    }
                },
                || {
                    |number: u64| {
                        // Uneven work, so that results overtake each other.
                        (0..(number % 7) * 1000).fold(number, |a, b| std::hint::black_box(a ^ b ^ b))
                    }
                },
                |collected| {
                    if let Collected::Result(number) = collected {
                        seen.push(number);
                    }
                    Ok::<_, ()>(())
                },
            )
            .unwrap();
            assert_eq!(seen, (0..500).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_failing_collector_stops_the_producer() {
        let mut pushed = 0_u64;
        let outcome = run(
            settings(2, 3),
            |feed| {
                while feed.push(pushed) {
                    pushed += 1;
                }
            },
            || |number: u64| number,
            |collected| match collected {
                Collected::Result(10) => Err("enough"),
                _ => Ok(()),
            },
        );
        assert_eq!(outcome, Err("enough"));
        assert!(pushed < 20, "the producer ran on: {pushed}");
    }

    #[test]
    fn a_panic_of_a_worker_is_passed_on_and_nothing_hangs() {
        let outcome = std::panic::catch_unwind(|| {
            run(
                settings(2, 3),
                |feed| {
                    let mut number = 0_u64;
                    while feed.push(number) {
                        number += 1;
                    }
                },
                || |number: u64| assert_ne!(number, 20, "a broken decoder"),
                |_| Ok::<_, ()>(()),
            )
        });
        assert!(outcome.is_err());
    }

    #[test]
    fn idle_ticks_reach_the_collector() {
        let (go, wait) = bounded::<()>(0);
        let mut idle = 0;
        run(
            settings(2, 1),
            move |feed| {
                wait.recv().unwrap();
                feed.push(1_u8);
            },
            || |item: u8| item,
            |collected| {
                if matches!(collected, Collected::Idle) {
                    idle += 1;
                    if idle == 2 {
                        go.send(()).unwrap();
                    }
                }
                Ok::<_, ()>(())
            },
        )
        .unwrap();
        assert!(idle >= 2);
        let mut idle = 0;
        run(
            settings(1, 1),
            |feed| {
                assert!(feed.idle() && feed.push(1_u8) && feed.idle());
                assert!(!feed.push(2));
            },
            || |item: u8| item,
            |collected| match collected {
                Collected::Idle => {
                    idle += 1;
                    Ok(())
                }
                Collected::Result(2) => Err("enough"),
                Collected::Result(_) => Ok(()),
            },
        )
        .unwrap_err();
        assert_eq!(idle, 2);
    }
}
