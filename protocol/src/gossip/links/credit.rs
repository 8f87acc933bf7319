//! What may be queued for one peer.

use crate::limits::{BULK_CREDIT_BYTES, CONTROL_CREDIT_BYTES, CONTROL_RESERVE_BYTES};
use crate::wire::message::Lane;

/// Bytes that may still be queued at the driver, per lane.
#[derive(Debug)]
pub(crate) struct Credit {
    control: usize,
    bulk: usize,
}

impl Default for Credit {
    fn default() -> Self {
        Self { control: CONTROL_CREDIT_BYTES, bulk: BULK_CREDIT_BYTES }
    }
}

impl Credit {
    /// Whether a body of `bytes` fits, leaving the control lane's reserve alone.
    pub(crate) const fn fits_body(&self, lane: Lane, bytes: usize) -> bool {
        match lane {
            Lane::Control => self.control.saturating_sub(CONTROL_RESERVE_BYTES) >= bytes,
            Lane::Bulk => self.bulk >= bytes,
        }
    }

    /// Whether a control message of `bytes` fits, reserve included.
    pub(crate) const fn fits_control(&self, bytes: usize) -> bool {
        self.control >= bytes
    }

    pub(crate) fn take(&mut self, lane: Lane, bytes: usize) {
        let left = self.lane(lane);
        *left = left.saturating_sub(bytes);
    }

    /// Gives back the bytes that have left the driver; never more than the whole credit.
    pub(crate) fn refill(&mut self, lane: Lane, bytes: usize) {
        let whole = match lane {
            Lane::Control => CONTROL_CREDIT_BYTES,
            Lane::Bulk => BULK_CREDIT_BYTES,
        };
        let left = self.lane(lane);
        *left = left.saturating_add(bytes).min(whole);
    }

    /// Bytes that may still be queued on a lane.
    pub(crate) const fn left(&self, lane: Lane) -> usize {
        match lane {
            Lane::Control => self.control,
            Lane::Bulk => self.bulk,
        }
    }

    const fn lane(&mut self, lane: Lane) -> &mut usize {
        match lane {
            Lane::Control => &mut self.control,
            Lane::Bulk => &mut self.bulk,
        }
    }
}
