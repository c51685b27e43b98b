//! Lists of numbers, each number in one of them at most; every step takes constant time.

/// No number: the end of a list.
const NONE: usize = usize::MAX;

/// The first and the last number of a list.
#[derive(Clone, Copy)]
struct Ends {
    first: usize,
    last: usize,
}

/// The neighbours of a number in its list.
#[derive(Clone, Copy)]
struct Link {
    before: usize,
    after: usize,
}

/// Any number of lists, themselves numbered. They share their memory, which grows with the highest numbers.
#[derive(Default)]
pub(super) struct Lists {
    ends: Vec<Ends>,
    links: Vec<Link>,
}

impl Lists {
    pub(super) fn first(&self, list: usize) -> Option<usize> {
        self.ends.get(list).map(|ends| ends.first).filter(|first| *first != NONE)
    }

    /// Append a number that is in no list.
    pub(super) fn push(&mut self, list: usize, number: usize) {
        if self.ends.len() <= list {
            self.ends.resize(list + 1, Ends { first: NONE, last: NONE });
        }
        if self.links.len() <= number {
            self.links.resize(number + 1, Link { before: NONE, after: NONE });
        }
        let before = std::mem::replace(&mut self.ends[list].last, number);
        self.links[number] = Link { before, after: NONE };
        self.set_after(list, before, number);
    }

    /// Take a number out of the list that it is in.
    pub(super) fn remove(&mut self, list: usize, number: usize) {
        let Link { before, after } = self.links[number];
        self.set_after(list, before, after);
        if after == NONE {
            self.ends[list].last = before;
        } else {
            self.links[after].before = before;
        }
    }

    fn set_after(&mut self, list: usize, before: usize, after: usize) {
        if before == NONE {
            self.ends[list].first = after;
        } else {
            self.links[before].after = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(lists: &mut Lists, list: usize) -> Vec<usize> {
        let next = || lists.first(list).inspect(|number| lists.remove(list, *number));
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn numbers_leave_in_order_whichever_are_taken_out_of_the_middle() {
        for gone in 0..4 {
            let mut lists = Lists::default();
            (0..4).for_each(|number| lists.push(2, number));
            lists.remove(2, gone);
            lists.push(0, gone);
            let kept: Vec<_> = (0..4).filter(|number| *number != gone).collect();
            assert_eq!((all(&mut lists, 2), all(&mut lists, 0)), (kept, vec![gone]));
            assert_eq!((lists.first(2), lists.first(9)), (None, None));
        }
    }
}
