//! What may be queued for one peer.

use crate::limits::{BULK_CREDIT_BYTES, CONTROL_CREDIT_BYTES, CONTROL_RESERVE_BYTES};
use crate::wire::message::Lane;

/// Bytes that may still be queued at the driver, per lane. Both are far below 4 GiB.
#[derive(Debug)]
pub(crate) struct Credit {
    control: u32,
    bulk: u32,
}

impl Default for Credit {
    fn default() -> Self {
        Self { control: CONTROL_CREDIT_BYTES as u32, bulk: BULK_CREDIT_BYTES as u32 }
    }
}

impl Credit {
    /// Whether a body of `bytes` fits, leaving the control lane's reserve alone.
    pub(crate) const fn fits_body(&self, lane: Lane, bytes: usize) -> bool {
        match lane {
            Lane::Control => self.left(Lane::Control).saturating_sub(CONTROL_RESERVE_BYTES) >= bytes,
            Lane::Bulk => self.left(Lane::Bulk) >= bytes,
        }
    }

    /// Whether a control message of `bytes` fits, reserve included.
    pub(crate) const fn fits_control(&self, bytes: usize) -> bool {
        self.left(Lane::Control) >= bytes
    }

    pub(crate) fn take(&mut self, lane: Lane, bytes: usize) {
        let left = self.lane(lane);
        *left = left.saturating_sub(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// Gives back the bytes that have left the driver; never more than the whole credit.
    pub(crate) fn refill(&mut self, lane: Lane, bytes: usize) {
        let whole = match lane {
            Lane::Control => CONTROL_CREDIT_BYTES,
            Lane::Bulk => BULK_CREDIT_BYTES,
        };
        let left = self.lane(lane);
        *left = left.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX)).min(whole as u32);
    }

    /// Bytes that may still be queued on a lane.
    pub(crate) const fn left(&self, lane: Lane) -> usize {
        match lane {
            Lane::Control => self.control as usize,
            Lane::Bulk => self.bulk as usize,
        }
    }

    const fn lane(&mut self, lane: Lane) -> &mut u32 {
        match lane {
            Lane::Control => &mut self.control,
            Lane::Bulk => &mut self.bulk,
        }
    }
}
