//! The protocol names under which lanes are negotiated. The name of a stream tells its lane.

use std::convert::Infallible;
use std::future::{Ready, ready};

use libp2p::core::upgrade::{InboundUpgrade, UpgradeInfo};
use libp2p::{Stream, StreamProtocol};
use protocol::items::network::NetworkId;
use protocol::wire::message::{Lane, VERSION};

/// The protocol names under which a network's lanes are negotiated.
#[derive(Clone, Debug)]
pub struct LaneProtocols {
    control: StreamProtocol,
    bulk: StreamProtocol,
}

impl LaneProtocols {
    /// The names for `network`.
    #[must_use]
    pub fn new(network: &NetworkId) -> Self {
        Self { control: protocol_name(network, "control", VERSION), bulk: protocol_name(network, "bulk", VERSION) }
    }

    /// The name of a lane.
    pub(super) fn of(&self, lane: Lane) -> StreamProtocol {
        match lane {
            Lane::Control => self.control.clone(),
            Lane::Bulk => self.bulk.clone(),
        }
    }
}

/// `/hearsay/<network>/<what>/<version>`.
#[must_use]
pub fn protocol_name(network: &NetworkId, what: &str, version: u64) -> StreamProtocol {
    StreamProtocol::try_from_owned(format!("/hearsay/{network}/{what}/{version}"))
        .unwrap_or_else(|_| StreamProtocol::new("/hearsay"))
}

impl UpgradeInfo for LaneProtocols {
    type Info = StreamProtocol;
    type InfoIter = std::array::IntoIter<StreamProtocol, 2>;

    fn protocol_info(&self) -> Self::InfoIter {
        [self.control.clone(), self.bulk.clone()].into_iter()
    }
}

impl InboundUpgrade<Stream> for LaneProtocols {
    type Output = (Lane, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, name: StreamProtocol) -> Self::Future {
        let lane = if name == self.control { Lane::Control } else { Lane::Bulk };
        ready(Ok((lane, stream)))
    }
}
