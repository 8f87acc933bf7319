//! The RPC's envelope and parameters. Whatever text comes, the answer is one well-formed JSON-RPC answer, and only
//! a complete item reaches the node.

use std::cell::OnceCell;

use node::rpc;
use node::rpc::command::Command;
use protocol::wire::codec::Encode as _;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

thread_local! {
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
}

/// Asks a node that refuses everything. The runtime is made only once.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    RUNTIME.with(|runtime| {
        let make = || Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.get_or_init(make).block_on(ask(text));
    });
}

async fn ask(text: &str) {
    let (commands, mut asked) = mpsc::channel(1);
    let methods = rpc::methods(commands);
    let node = async {
        // A dropped reply means that the node has stopped.
        while let Some(command) = asked.recv().await {
            check_command(&command);
        }
    };
    tokio::select! {
        answer = methods.raw_json_request(text, 1) => {
            let Ok((answer, _)) = answer else { return };
            assert!(answer.get().starts_with("{\"jsonrpc\":\"2.0\""), "{}", answer.get());
        }
        () = node => {}
    }
}

fn check_command(command: &Command) {
    match command {
        Command::SubmitTransaction { transaction, .. } => {
            assert_eq!(transaction.to_bytes().len(), transaction.encoded().len());
        }
        Command::SubmitBlock { block, .. } => assert_eq!(block.to_bytes().len(), block.encoded_len()),
        _ => {}
    }
}
