//! Several threads over parts of a list.

/// Does `work` on parts of a list, on so many threads at most; gives it the number of the first of each part, too. The calling
/// thread does one of them.
pub(super) fn each<T: Send>(all: &mut [T], threads: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    if threads <= 1 || all.len() <= 1 {
        return work(0, all);
    }
    std::thread::scope(|scope| {
        let (mut rest, mut first) = (all, 0);
        for left in (1..threads.min(rest.len())).rev() {
            let (part, others) = std::mem::take(&mut rest).split_at_mut(rest.len() / (left + 1));
            let work = &work;
            let of_part = first;
            first += part.len();
            rest = others;
            scope.spawn(move || work(of_part, part));
        }
        work(first, rest);
    });
}
