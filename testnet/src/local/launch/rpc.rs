//! The RPC of one node, called as a user would call it. Connections are kept between calls.

use std::time::Duration;

use jsonrpsee::core::client::ClientT as _;
use jsonrpsee::core::params::BatchRequestBuilder;
use jsonrpsee::http_client::{HeaderMap, HeaderValue, HttpClient, HttpClientBuilder};
use jsonrpsee::rpc_params;
use jsonrpsee::types::ErrorObject;
use node::config::cookie::Cookie;
use node::rpc::REQUEST_BYTES_MAX;
use node::rpc::command::Status;
use node::rpc::members::MemberView;
use serde::Deserialize;

/// A node that takes longer counts as not answering.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The RPC of a node.
#[derive(Clone, Debug)]
pub struct Rpc(HttpClient);

/// Why a call failed. Unless the node refused, nobody knows what the call did at the node.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RpcError {
    /// The address is not valid.
    #[error("no RPC client for {address}: {error}")]
    Address {
        /// The address.
        address: String,
        /// What is wrong.
        error: String,
    },
    /// The node answered with an error.
    #[error("the node refused: {0}")]
    Refused(String),
    /// There was no answer.
    #[error("no answer: {0}")]
    NoAnswer(String),
}

#[derive(Debug, Deserialize)]
struct Submitted {
    accepted: bool,
}

impl Rpc {
    /// A client for the RPC at `address`, such as `127.0.0.1:30401`. It uses its node's cookie, which publishing a
    /// block needs.
    ///
    /// # Errors
    /// If the address is not valid.
    pub fn new(address: &str, cookie: Option<&Cookie>) -> Result<Self, RpcError> {
        let mut headers = HeaderMap::new();
        if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(&cookie.to_header()).ok()) {
            headers.insert("authorization", cookie);
        }
        HttpClientBuilder::default()
            .set_headers(headers)
            .request_timeout(CALL_TIMEOUT)
            .max_request_size(u32::try_from(REQUEST_BYTES_MAX).unwrap_or(u32::MAX))
            .build(format!("http://{address}"))
            .map(Self)
            .map_err(|error| RpcError::Address { address: address.to_owned(), error: error.to_string() })
    }

    /// The node's state.
    ///
    /// # Errors
    /// If it doesn't answer.
    pub async fn status(&self) -> Result<Status, RpcError> {
        self.0.request("admin_nodeInfo", rpc_params![]).await.map_err(told)
    }

    /// All members, as the node sees them.
    ///
    /// # Errors
    /// If it doesn't answer.
    pub async fn members(&self) -> Result<Vec<MemberView>, RpcError> {
        self.0.request("members_list", rpc_params![]).await.map_err(told)
    }

    /// Submits an encoded transaction. True if it was new to the node.
    ///
    /// # Errors
    /// If the node refuses it or doesn't answer.
    pub async fn send_transaction(&self, encoded: &[u8]) -> Result<bool, RpcError> {
        let answer: Submitted =
            self.0.request("tx_send", rpc_params![hex::encode(encoded)]).await.map_err(told)?;
        Ok(answer.accepted)
    }

    /// Submits encoded transactions in one call. For each, true if it was new to the node.
    ///
    /// # Errors
    /// For each transaction, if the node refuses it; for all, if the node doesn't answer.
    pub async fn send_transactions(&self, encoded: &[&[u8]]) -> Result<Vec<Result<bool, RpcError>>, RpcError> {
        if let [only] = encoded {
            return match self.send_transaction(only).await {
                Err(error @ RpcError::NoAnswer(_)) => Err(error),
                answer => Ok(vec![answer]),
            };
        }
        let mut batch = BatchRequestBuilder::new();
        for one in encoded {
            batch
                .insert("tx_send", rpc_params![hex::encode(one)])
                .map_err(|error| RpcError::NoAnswer(error.to_string()))?;
        }
        let answers = self.0.batch_request::<Submitted>(batch).await.map_err(told)?;
        let answer = |answer: Result<Submitted, ErrorObject<'_>>| match answer {
            Ok(submitted) => Ok(submitted.accepted),
            Err(error) => Err(RpcError::Refused(error.message().to_owned())),
        };
        Ok(answers.into_iter().map(answer).collect())
    }

    /// Publishes an encoded block. True if it was new to the node.
    ///
    /// # Errors
    /// If the node refuses it or doesn't answer.
    pub async fn publish_block(&self, encoded: &[u8]) -> Result<bool, RpcError> {
        let answer: Submitted =
            self.0.request("block_publish", rpc_params![hex::encode(encoded)]).await.map_err(told)?;
        Ok(answer.accepted)
    }
}

fn told(error: jsonrpsee::core::ClientError) -> RpcError {
    match error {
        jsonrpsee::core::ClientError::Call(error) => RpcError::Refused(error.message().to_owned()),
        other => RpcError::NoAnswer(other.to_string()),
    }
}
