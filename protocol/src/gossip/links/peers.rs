//! The connected peers by handle, which of them an input touched, and when each has to be looked at if no input
//! touches it.
//!
//! After an input only touched and due peers are settled. So the cost of an input doesn't grow with the number of
//! peers that it has nothing to do with. A peer that is borrowed to be changed counts as touched. Deliberately
//! absent: any rule about what a peer waits for. That is in [`Peer`].

use alloc::vec::Vec;

use super::peer::Peer;
use crate::gossip::api::PeerHandle;
use crate::sorted::SortedSet;
use crate::time::Time;

/// The connected peers, in the order of their handles.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    /// Sorted. A search looks only at these, so they are kept apart from the peers themselves, in little memory.
    handles: Vec<PeerHandle>,
    /// The peer of each handle, in the same order. They lie side by side, because most inputs look at all of them.
    slots: Vec<Slot>,
    /// The place that was found last. An input asks for one peer again and again.
    recent: usize,
    /// Handles to settle, each once. Some may be gone.
    touched: Vec<PeerHandle>,
    /// When to touch a peer that no input touches.
    deadlines: SortedSet<(Time, PeerHandle)>,
}

#[derive(Debug)]
struct Slot {
    peer: Peer,
    /// Whether the handle is in `touched`.
    touched: bool,
    /// The peer's entry in `deadlines`.
    deadline: Option<Time>,
}

impl Peers {
    pub(crate) fn get(&self, handle: &PeerHandle) -> Option<&Peer> {
        let place = self.place(*handle).ok()?;
        self.slots.get(place).map(|slot| &slot.peer)
    }

    /// Borrows a peer to change it. It is settled after this input.
    pub(crate) fn get_mut(&mut self, handle: &PeerHandle) -> Option<&mut Peer> {
        let place = self.place(*handle).ok()?;
        self.recent = place;
        let slot = self.slots.get_mut(place)?;
        if !slot.touched {
            slot.touched = true;
            self.touched.push(*handle);
        }
        Some(&mut slot.peer)
    }

    pub(crate) fn contains_key(&self, handle: &PeerHandle) -> bool {
        self.place(*handle).is_ok()
    }

    /// Adds a peer, in place of one with the same handle, which is returned.
    pub(crate) fn insert(&mut self, handle: PeerHandle, peer: Peer) -> Option<Peer> {
        let before = self.remove(&handle);
        let (Ok(place) | Err(place)) = self.place(handle);
        self.handles.insert(place, handle);
        self.slots.insert(place, Slot { peer, touched: true, deadline: None });
        self.touched.push(handle);
        before
    }

    pub(crate) fn remove(&mut self, handle: &PeerHandle) -> Option<Peer> {
        let place = self.place(*handle).ok()?;
        self.handles.remove(place);
        let slot = self.slots.remove(place);
        if slot.touched {
            self.touched.retain(|touched| touched != handle);
        }
        if let Some(deadline) = slot.deadline {
            self.deadlines.remove(&(deadline, *handle));
        }
        Some(slot.peer)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PeerHandle, &Peer)> {
        self.handles.iter().zip(&self.slots).map(|(handle, slot)| (handle, &slot.peer))
    }

    /// Borrows all peers to change them. All are settled after this input.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&PeerHandle, &mut Peer)> {
        let Self { handles, slots, touched, .. } = self;
        handles.iter().zip(slots).map(|(handle, slot)| {
            if !slot.touched {
                slot.touched = true;
                touched.push(*handle);
            }
            (handle, &mut slot.peer)
        })
    }

    /// Reads where the peers are.
    #[cfg(feature = "simulator")]
    pub(crate) fn foresee(&self) -> u64 {
        let ends = [self.handles.first(), self.handles.last()];
        ends.into_iter().flatten().fold(self.touched.len() as u64, |sum, handle| sum ^ u64::from(handle.0))
    }

    /// The peer that has to be settled first.
    #[cfg(feature = "simulator")]
    pub(crate) fn first_due(&self) -> Option<(PeerHandle, &Peer)> {
        let (_, handle) = *self.deadlines.first()?;
        Some((handle, self.get(&handle)?))
    }

    /// The earliest time at which a peer has to be settled.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Touches the peers whose time has come.
    pub(crate) fn touch_due(&mut self, now: Time) {
        while let Some(&(deadline, handle)) = self.deadlines.first()
            && deadline <= now
        {
            self.deadlines.pop_first();
            if let Some(slot) = self.slot_mut(handle) {
                slot.deadline = None;
                if !core::mem::replace(&mut slot.touched, true) {
                    self.touched.push(handle);
                }
            }
        }
    }

    /// The touched peers, in no particular order.
    pub(crate) fn touched(&self) -> impl Iterator<Item = (PeerHandle, &Peer)> {
        self.touched.iter().filter_map(|handle| Some((*handle, self.get(handle)?)))
    }

    /// Takes out the handles of the touched peers, in their order. The caller gives them back through
    /// [`Peers::settled`].
    pub(crate) fn take_touched(&mut self) -> Vec<PeerHandle> {
        let mut handles = core::mem::take(&mut self.touched);
        handles.sort_unstable();
        handles
    }

    /// Ends the touch of `handles`. Peers that wait for more than time stay touched.
    pub(crate) fn settled(&mut self, mut handles: Vec<PeerHandle>) {
        handles.retain(|handle| self.settle(*handle));
        handles.append(&mut self.touched);
        self.touched = handles;
    }

    /// Notes a peer's deadline. True if it stays touched.
    fn settle(&mut self, handle: PeerHandle) -> bool {
        let Ok(place) = self.place(handle) else { return false };
        let Some(slot) = self.slots.get_mut(place) else { return false };
        let deadline = slot.peer.deadline();
        if slot.deadline != deadline {
            if let Some(before) = slot.deadline {
                self.deadlines.remove(&(before, handle));
            }
            if let Some(deadline) = deadline {
                self.deadlines.insert((deadline, handle));
            }
            slot.deadline = deadline;
        }
        slot.touched = slot.peer.waits();
        slot.touched
    }

    fn slot_mut(&mut self, handle: PeerHandle) -> Option<&mut Slot> {
        let place = self.place(handle).ok()?;
        self.slots.get_mut(place)
    }

    /// Where a handle's slot is, or would have to be.
    fn place(&self, handle: PeerHandle) -> Result<usize, usize> {
        match self.handles.get(self.recent) {
            Some(recent) if *recent == handle => Ok(self.recent),
            _ => self.handles.binary_search(&handle),
        }
    }
}
