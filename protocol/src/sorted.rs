//! Ordered maps and sets that take little memory while they hold little.
//!
//! A `BTreeMap` takes room for eleven entries as soon as it has one, and an engine has dozens of them. A simulator
//! has a million engines, and most of their maps have one or two entries. So a map here is a sorted list up to
//! [`FEW_MAX`] entries. Above that it is a `BTreeMap`, until it is empty again. Deliberately absent: the methods of
//! `BTreeMap` that nobody here needs.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::{Bound, RangeBounds};

/// Entries of a list. More of them would cost more to move than a step down a tree.
const FEW_MAX: usize = 8;

/// A map in the order of its keys.
#[derive(Debug)]
pub(crate) struct SortedMap<K, V> {
    form: Form<K, V>,
}

/// A set in its order.
#[derive(Debug)]
pub(crate) struct SortedSet<K> {
    map: SortedMap<K, ()>,
}

#[derive(Debug)]
enum Form<K, V> {
    Few(Vec<(K, V)>),
    Many(BTreeMap<K, V>),
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> SortedMap<K, V> {
    pub(crate) const fn new() -> Self {
        Self { form: Form::Few(Vec::new()) }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.form {
            Form::Few(list) => list.len(),
            Form::Many(tree) => tree.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        match &self.form {
            Form::Few(list) => Either::Few(list.iter().map(|(key, value)| (key, value))),
            Form::Many(tree) => Either::Many(tree.iter()),
        }
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        match &self.form {
            Form::Few(list) => list.get(place(list, key).ok()?).map(|(_, value)| value),
            Form::Many(tree) => tree.get(key),
        }
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match &mut self.form {
            Form::Few(list) => {
                let place = place(list, key).ok()?;
                list.get_mut(place).map(|(_, value)| value)
            }
            Form::Many(tree) => tree.get_mut(key),
        }
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Adds a value, in place of one with the same key, which is returned.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Form::Few(list) = &mut self.form {
            match place(list, &key) {
                Ok(place) => {
                    return list.get_mut(place).map(|(_, before)| core::mem::replace(before, value));
                }
                Err(place) if list.len() < FEW_MAX => {
                    put(list, place, key, value);
                    return None;
                }
                Err(_) => self.grow(),
            }
        }
        match &mut self.form {
            Form::Few(_) => None,
            Form::Many(tree) => tree.insert(key, value),
        }
    }

    /// The value of a key, which is the default if there was none.
    pub(crate) fn or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let full = matches!(&self.form, Form::Few(list) if list.len() >= FEW_MAX);
        if full && !self.contains_key(&key) {
            self.grow();
        }
        match &mut self.form {
            Form::Few(list) => {
                let place = place(list, &key).unwrap_or_else(|place| {
                    put(list, place, key, V::default());
                    place
                });
                &mut list[place].1
            }
            Form::Many(tree) => tree.entry(key).or_default(),
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        match &mut self.form {
            Form::Few(list) => Some(list.remove(place(list, key).ok()?).1),
            Form::Many(tree) => {
                let gone = tree.remove(key);
                self.shrink();
                gone
            }
        }
    }

    pub(crate) fn pop_first(&mut self) -> Option<(K, V)> {
        match &mut self.form {
            Form::Few(list) if list.is_empty() => None,
            Form::Few(list) => Some(list.remove(0)),
            Form::Many(tree) => {
                let first = tree.pop_first();
                self.shrink();
                first
            }
        }
    }

    pub(crate) fn first_key_value(&self) -> Option<(&K, &V)> {
        match &self.form {
            Form::Few(list) => list.first().map(|(key, value)| (key, value)),
            Form::Many(tree) => tree.first_key_value(),
        }
    }

    pub(crate) fn last_key_value(&self) -> Option<(&K, &V)> {
        match &self.form {
            Form::Few(list) => list.last().map(|(key, value)| (key, value)),
            Form::Many(tree) => tree.last_key_value(),
        }
    }

    /// The entries of a range, which must not begin after its end.
    pub(crate) fn range(&self, range: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        match &self.form {
            Form::Few(list) => {
                let start = match range.start_bound() {
                    Bound::Included(start) => list.partition_point(|(key, _)| key < start),
                    Bound::Excluded(start) => list.partition_point(|(key, _)| key <= start),
                    Bound::Unbounded => 0,
                };
                let end = match range.end_bound() {
                    Bound::Included(end) => list.partition_point(|(key, _)| key <= end),
                    Bound::Excluded(end) => list.partition_point(|(key, _)| key < end),
                    Bound::Unbounded => list.len(),
                };
                let part = list.get(start..end).unwrap_or_default();
                Either::Few(part.iter().map(|(key, value)| (key, value)))
            }
            Form::Many(tree) => Either::Many(tree.range(range)),
        }
    }

    /// A list becomes a tree.
    fn grow(&mut self) {
        if let Form::Few(list) = &mut self.form {
            self.form = Form::Many(core::mem::take(list).into_iter().collect());
        }
    }

    /// A tree without entries becomes a list again.
    fn shrink(&mut self) {
        if self.is_empty() {
            *self = Self::new();
        }
    }
}

impl<K> Default for SortedSet<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> SortedSet<K> {
    pub(crate) const fn new() -> Self {
        Self { map: SortedMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.map.iter().map(|(key, ())| key)
    }
}

impl<K: Ord> SortedSet<K> {
    /// Adds a member. False if it was there.
    pub(crate) fn insert(&mut self, key: K) -> bool {
        self.map.insert(key, ()).is_none()
    }

    /// Removes a member. False if it was not there.
    pub(crate) fn remove(&mut self, key: &K) -> bool {
        self.map.remove(key).is_some()
    }

    pub(crate) fn first(&self) -> Option<&K> {
        self.map.first_key_value().map(|(key, ())| key)
    }

    #[cfg(feature = "simulator")]
    pub(crate) fn last(&self) -> Option<&K> {
        self.map.last_key_value().map(|(key, ())| key)
    }

    pub(crate) fn pop_first(&mut self) -> Option<K> {
        self.map.pop_first().map(|(key, ())| key)
    }
}

/// Where a key is, or would have to be.
fn place<K: Ord, V>(list: &[(K, V)], key: &K) -> Result<usize, usize> {
    list.binary_search_by(|(held, _)| held.cmp(key))
}

/// Puts an entry into a list, with one, two, four or eight places. A `Vec` by itself would begin with four.
fn put<K, V>(list: &mut Vec<(K, V)>, place: usize, key: K, value: V) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len().max(1));
    }
    list.insert(place, (key, value));
}

enum Either<A, B> {
    Few(A),
    Many(B),
}

impl<T, A: Iterator<Item = T>, B: Iterator<Item = T>> Iterator for Either<A, B> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match self {
            Self::Few(list) => list.next(),
            Self::Many(tree) => tree.next(),
        }
    }

    /// Sketches make room by it.
    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Few(list) => list.size_hint(),
            Self::Many(tree) => tree.size_hint(),
        }
    }
}

impl<T, A: DoubleEndedIterator<Item = T>, B: DoubleEndedIterator<Item = T>> DoubleEndedIterator for Either<A, B> {
    fn next_back(&mut self) -> Option<T> {
        match self {
            Self::Few(list) => list.next_back(),
            Self::Many(tree) => tree.next_back(),
        }
    }
}
