//! How much of the view each address group takes with members that have never answered this node. Deliberately
//! absent: members that have; nobody is charged for them.

use alloc::collections::{BTreeMap, BTreeSet};

use super::{Row, Second};
use crate::footprint::tree;
use crate::gossip::api::AddressGroup;
use crate::limits::{MEMBERS_GROUP_BYTES_MAX, MEMBERS_PER_GROUP_MAX};

/// Members that have never answered, by group.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    shares: BTreeMap<Option<AddressGroup>, Share>,
    /// Groups by their number of members, so that the largest is known at once.
    by_size: BTreeSet<(usize, Option<AddressGroup>)>,
}

#[derive(Debug, Default)]
struct Share {
    /// The youngest is last.
    members: BTreeSet<(Second, Row)>,
    bytes: usize,
}

impl Rooms {
    /// The memory of one member: at worst, it is the only one of its group.
    pub(super) const ENTRY_BYTES: usize = tree(size_of::<(Second, Row)>())
        + tree(size_of::<(Option<AddressGroup>, Share)>())
        + tree(size_of::<(usize, Option<AddressGroup>)>());

    /// Whether a group may have one more member of this number of bytes. Links without a group have no limit by
    /// group.
    pub(super) fn admits(&self, group: Option<AddressGroup>, bytes: usize) -> bool {
        let members = self.shares.get(&group).map_or(0, |share| share.members.len());
        group.is_none() || (members < MEMBERS_PER_GROUP_MAX && self.admits_bytes(group, bytes))
    }

    /// Whether a group's members may take this number of bytes more.
    pub(super) fn admits_bytes(&self, group: Option<AddressGroup>, bytes: usize) -> bool {
        let held = self.shares.get(&group).map_or(0, |share| share.bytes);
        group.is_none() || held.saturating_add(bytes) <= MEMBERS_GROUP_BYTES_MAX
    }

    /// The member that gives way to a new one of this group: the youngest of the group that has most. If that is
    /// the new one's own group, the new one is the youngest, so nobody gives way unless the new one has answered.
    pub(super) fn victim(&self, group: Option<AddressGroup>, reached: bool) -> Option<Row> {
        let (members, largest) = *self.by_size.last()?;
        let own = self.shares.get(&group).map_or(0, |share| share.members.len());
        if !reached && (largest == group || members <= own.saturating_add(1)) {
            return None;
        }
        self.shares.get(&largest)?.members.last().map(|(_, row)| *row)
    }

    pub(super) fn add(&mut self, group: Option<AddressGroup>, met: Second, row: Row, bytes: usize) {
        self.resize(group, |share| {
            share.members.insert((met, row));
            share.bytes = share.bytes.saturating_add(bytes);
        });
    }

    pub(super) fn remove(&mut self, group: Option<AddressGroup>, met: Second, row: Row, bytes: usize) {
        self.resize(group, |share| {
            share.members.remove(&(met, row));
            share.bytes = share.bytes.saturating_sub(bytes);
        });
    }

    /// A member takes another number of bytes now.
    pub(super) fn recount(&mut self, group: Option<AddressGroup>, before: usize, after: usize) {
        if let Some(share) = self.shares.get_mut(&group) {
            share.bytes = share.bytes.saturating_sub(before).saturating_add(after);
        }
    }

    fn resize(&mut self, group: Option<AddressGroup>, change: impl FnOnce(&mut Share)) {
        let share = self.shares.entry(group).or_default();
        self.by_size.remove(&(share.members.len(), group));
        change(share);
        let members = share.members.len();
        if members == 0 {
            self.shares.remove(&group);
        } else {
            self.by_size.insert((members, group));
        }
    }
}
