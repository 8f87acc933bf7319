//! The event queue: what happens next, in the order of time, and of scheduling among equal times. Knows no node and
//! no meaning of an event.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use protocol::time::Time;

/// Events in order. Two events never compare equal: the sequence number decides.
#[derive(Debug)]
pub struct EventQueue<E> {
    /// Time, sequence number, and the event's place in `events`: moving the small key is what a heap does most.
    order: BinaryHeap<Reverse<(Time, u64, u32)>>,
    events: Vec<Option<E>>,
    free: Vec<u32>,
    next_sequence: u64,
}

impl<E> Default for EventQueue<E> {
    fn default() -> Self {
        Self { order: BinaryHeap::new(), events: Vec::new(), free: Vec::new(), next_sequence: 0 }
    }
}

impl<E> EventQueue<E> {
    /// Schedules an event. Later calls come after earlier ones at the same time.
    ///
    /// # Panics
    /// If 2^32 events wait at once, which takes more memory than machines have.
    pub fn push(&mut self, at: Time, event: E) {
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.events.push(None);
                u32::try_from(self.events.len() - 1).expect("fewer than 2^32 events wait")
            }
        };
        if let Some(slot) = self.events.get_mut(place as usize) {
            *slot = Some(event);
        }
        self.order.push(Reverse((at, self.next_sequence, place)));
        self.next_sequence += 1;
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(Time, E)> {
        let Reverse((at, _, place)) = self.order.pop()?;
        let event = self.events.get_mut(place as usize)?.take()?;
        self.free.push(place);
        Some((at, event))
    }

    /// When the next event is.
    #[must_use]
    pub fn next_at(&self) -> Option<Time> {
        self.order.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Events that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}
