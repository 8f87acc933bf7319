//! The loads that make sense.

use std::time::Duration;

use super::{Length, Load};

/// Why a load can't be submitted. The names are those of the flags, which are also the keys of a table.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// A number is too low or too high.
    #[error("{0} is wanted")]
    OutOfRange(String),
    /// This number of transactions would never be reached.
    #[error("--txs needs a --tx-rate above 0")]
    Never,
    /// The load ends when it begins.
    #[error("the load lasts no time: give a longer --duration or more --txs")]
    NoTime,
    /// The load never seems to end.
    #[error("the load would take longer than 24 hours: raise --tx-rate or lower --txs")]
    TooLong,
    /// There is no item.
    #[error("nothing would be submitted: give a --tx-rate above 0, or a --block-interval within the load")]
    Nothing,
}

/// The highest rate: one transaction in 10 µs, which is more than one core can sign.
pub const TX_RATE_MAX: f64 = 100_000.0;

/// The most authors with a home, at about 100 bytes each.
pub const AUTHORS_MAX: usize = 100_000;

/// The most transactions of a burst: those of one second at [`TX_RATE_MAX`].
pub const BURST_SIZE_MAX: u32 = 100_000;

/// The longest load.
const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);

/// The shortest time between blocks: a tenth of a second, in which a block reaches most of the world.
const BLOCK_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// The shortest time between bursts, and the shortest time in which an author moves.
const EVERY_MIN: Duration = Duration::from_millis(1);

impl Load {
    /// Checks whether the load can be submitted as it is.
    ///
    /// # Errors
    /// Names the setting that is impossible.
    pub fn check(&self) -> Result<(), WorkloadError> {
        self.check_ranges()?;
        if self.tx_rate == 0.0 && self.burst.is_none() && matches!(self.length, Length::Transactions(_)) {
            return Err(WorkloadError::Never);
        }
        if self.duration().is_zero() {
            return Err(WorkloadError::NoTime);
        }
        if self.duration() > DURATION_MAX {
            return Err(WorkloadError::TooLong);
        }
        if self.transactions() == 0 && self.blocks() == 0 {
            return Err(WorkloadError::Nothing);
        }
        Ok(())
    }

    fn check_ranges(&self) -> Result<(), WorkloadError> {
        let check = |holds: bool, wanted: &dyn Fn() -> String| match holds {
            true => Ok(()),
            false => Err(WorkloadError::OutOfRange(wanted())),
        };
        let share = 0.0..=1.0;
        check((0.0..=TX_RATE_MAX).contains(&self.tx_rate), &|| format!("a --tx-rate from 0 to {TX_RATE_MAX}"))?;
        check(share.contains(&self.one_time_authors), &|| "a share of --one-time-authors from 0 to 1".to_owned())?;
        check(share.contains(&self.stray), &|| "a --stray share from 0 to 1".to_owned())?;
        check((1..=AUTHORS_MAX).contains(&self.authors), &|| format!("1 to {AUTHORS_MAX} --authors"))?;
        check(self.producers > 0, &|| "at least one producer".to_owned())?;
        let slow = |every: Option<Duration>, least| every.is_none_or(|every| every >= least);
        check(slow(self.block_interval, BLOCK_INTERVAL_MIN), &|| {
            "a --block-interval of at least 100ms".to_owned()
        })?;
        check(slow(self.roaming, EVERY_MIN), &|| "a roaming time of at least 1ms".to_owned())?;
        check(slow(self.burst.map(|burst| burst.every), EVERY_MIN), &|| "at least 1ms between bursts".to_owned())?;
        check(self.burst.is_none_or(|burst| (1..=BURST_SIZE_MAX).contains(&burst.size)), &|| {
            format!("a burst of 1 to {BURST_SIZE_MAX} transactions")
        })
    }
}
