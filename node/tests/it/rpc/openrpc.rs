//! The OpenRPC document is about the methods that there are: their names, their parameters, and what a real node answers.

use std::collections::BTreeSet;
use std::time::Duration;

use jsonrpsee::core::ClientError;
use jsonrpsee::core::client::ClientT as _;
use jsonrpsee::core::params::ObjectParams;
use jsonrpsee::http_client::HttpClient;
use node::config::cookie::Cookie;
use node::rpc::access::OPEN_METHODS;
use node::rpc::http::{CONNECTIONS_MAX, Faces, HttpListener, HttpServer, OPENRPC_JSON, Times};
use node::rpc::{CODE_NO_SOCKET, OPENRPC};
use protocol::items::hash::BlockId;
use protocol::wire::codec::Encode as _;
use serde_json::{Value, json};

use crate::support::harness::{Node, config, transaction};
use crate::support::rpc::{client, exchange};

fn document() -> Value {
    serde_json::from_str(OPENRPC).expect("JSON")
}

/// What is wrong with `value` by `schema`; nothing if it fits. Knows the words that the document uses, and no others.
fn faults(value: &Value, schema: &Value, document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (word, rule) in schema.as_object().expect("a schema") {
        match word.as_str() {
            "$ref" => {
                let path = rule.as_str().expect("a path").trim_start_matches('#');
                let target = document.pointer(path).unwrap_or_else(|| panic!("no {path}"));
                found.extend(faults(value, target, document));
            }
            "type" => {
                let types = rule.as_array().cloned().unwrap_or_else(|| vec![rule.clone()]);
                if !types.iter().any(|one| is_of(value, one.as_str().expect("a type"))) {
                    found.push(format!("{value} is not {rule}"));
                }
            }
            "enum" if value.is_string() && !rule.as_array().expect("a list").contains(value) => {
                found.push(format!("{value} is none of {rule}"));
            }
            "pattern" if value.is_string() => {
                let text = value.as_str().unwrap_or_default();
                let hex = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
                let length =
                    if rule == "^[0-9a-f]{64}$" { text.len() == 64 } else { text.len().is_multiple_of(2) };
                if !(hex && length) {
                    found.push(format!("{value} is not {rule}"));
                }
            }
            "minimum" if value.is_number() && value.as_f64() < rule.as_f64() => {
                found.push(format!("{value} < {rule}"))
            }
            "maximum" if value.is_number() && value.as_f64() > rule.as_f64() => {
                found.push(format!("{value} > {rule}"))
            }
            "items" | "required" | "properties" | "additionalProperties" | "oneOf" | "prefixItems" => {
                found.extend(faults_inside(value, word, rule, document));
            }
            "enum" | "pattern" | "minimum" | "maximum" | "minItems" | "maxItems" | "description" => {}
            other => panic!("the document uses {other}, which this test does not know"),
        }
    }
    found
}

/// The same for the words about parts of a value.
fn faults_inside(value: &Value, word: &str, rule: &Value, document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    match word {
        "items" => {
            value.as_array().into_iter().flatten().for_each(|one| found.extend(faults(one, rule, document)))
        }
        "required" if value.is_object() => {
            let missing = rule
                .as_array()
                .expect("a list")
                .iter()
                .filter(|key| value.get(key.as_str().expect("a name")).is_none());
            found.extend(missing.map(|key| format!("{key} is missing")));
        }
        "properties" => {
            for (key, one) in value.as_object().into_iter().flatten() {
                match rule.get(key) {
                    Some(rule) => {
                        found.extend(faults(one, rule, document).iter().map(|fault| format!("{key}: {fault}")))
                    }
                    None => found.push(format!("{key} is not in the document")),
                }
            }
        }
        "additionalProperties" if rule.is_object() => {
            value.as_object().into_iter().flatten().for_each(|(_, one)| found.extend(faults(one, rule, document)));
        }
        "oneOf" => {
            let fits =
                rule.as_array().expect("a list").iter().filter(|one| faults(value, one, document).is_empty());
            if fits.count() != 1 {
                found.push(format!("{value} does not fit one of {rule}"));
            }
        }
        "prefixItems" if value.is_array() => {
            let pairs = value.as_array().into_iter().flatten().zip(rule.as_array().expect("a list"));
            pairs.for_each(|(one, rule)| found.extend(faults(one, rule, document)));
        }
        _ => {}
    }
    found
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    }
}

/// A node with its HTTP listener.
pub(crate) fn serve(node: &Node) -> (HttpServer, HttpClient, std::net::SocketAddr) {
    let listener = HttpListener::bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
    let (address, cookie, ready) = (listener.address(), Cookie::generate().expect("random"), &node.ready);
    let faces = Faces {
        commands: node.commands(),
        cookie: Some(cookie.clone()),
        health: ready.health.clone(),
        members: ready.members.clone(),
        feeds: ready.feeds.clone(),
        metrics: ready.metrics.clone(),
        connections_max: CONNECTIONS_MAX,
        calls_max: None,
        times: Times::default(),
    };
    (listener.serve(faces).expect("serves"), client(address, Some(&cookie)), address)
}

async fn call(client: &HttpClient, method: &Value, params: &Value) -> Result<Value, ClientError> {
    let mut named = ObjectParams::new();
    for (name, value) in params.as_object().expect("names and values") {
        named.insert(name, value).expect("a parameter");
    }
    client.request(method["name"].as_str().expect("a name"), named).await
}

#[tokio::test]
async fn every_method_and_no_other_is_described() {
    let node = Node::start(config(220)).await;
    let (_server, _, address) = serve(&node);
    let answer = exchange(address, &format!("GET {OPENRPC_JSON} HTTP/1.1\r\nHost: localhost"), "");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(OPENRPC), "{answer}");
    // The metrics name every registered method.
    let metrics = node.ready.metrics.encode();
    let registered: BTreeSet<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("hearsay_rpc_calls_total{method=\"")?.split('"').next())
        .collect();
    let document = document();
    let methods = document["methods"].as_array().expect("a list");
    let described: BTreeSet<&str> =
        methods.iter().map(|method| method["name"].as_str().expect("a name")).collect();
    assert_eq!(described, registered);
    // A method that needs the cookie says so.
    for method in methods {
        let open = OPEN_METHODS.contains(&method["name"].as_str().expect("a name"));
        let says = method["summary"].as_str().expect("a text").contains("Needs the cookie");
        assert_eq!(says, !open, "{}", method["name"]);
        for error in method["errors"].as_array().expect("a list") {
            let path = error["$ref"].as_str().expect("a path").trim_start_matches('#');
            assert!(document.pointer(path).is_some(), "{path}");
        }
    }
    node.stop().await;
}

#[tokio::test]
async fn what_a_node_answers_is_what_the_document_says() {
    let neighbour = Node::start(config(221)).await;
    let mut settings = config(222);
    settings.bootstrap = vec![neighbour.address()];
    settings.produce_every = Some(Duration::from_millis(200));
    let node = Node::start(settings).await;
    node.status_until("a peer and a block", |status| status.peers_out == 1 && status.tip_height >= 2).await;
    let (_server, client, _) = serve(&node);
    let sent = transaction(222, 1, 40);
    let status = node.status().await;
    let tip: BlockId = status.tip_id.parse().expect("an id");
    let known = node.ask(|reply| node::rpc::command::Command::Block { id: tip, reply }).await.expect("a block");
    let (own, nobody) = (status.public_key.clone(), "00".repeat(32));
    let address = neighbour.address().to_string();
    let calls = json!([
        ["admin_nodeInfo", {}], ["admin_peers", {}], ["bans_list", {}], ["evidence_list", {}],
        ["tx_send", {"transaction": hex::encode(sent.encoded())}],
        ["tx_get", {"id": sent.id().to_string()}], ["tx_get", {"id": nobody}],
        ["pool_content", {}], ["pool_content", {"after": nobody, "count": 1}],
        ["trace_get", {"id": sent.id().to_string()}], ["trace_get", {"id": status.tip_id}],
        ["trace_get", {"id": nobody}], ["trace_list", {}], ["trace_list", {"count": 1}],
        ["block_publish", {"block": hex::encode(known.to_bytes())}],
        ["block_get", {"id": "1"}], ["block_get", {"id": status.tip_id}], ["block_get", {"id": nobody}],
        ["block_list", {}], ["block_list", {"from": 1, "count": 1}],
        ["members_list", {}], ["members_get", {"id": own}], ["members_get", {"id": nobody}],
        ["members_set", {"key": "role", "value": hex::encode("archive")}],
        ["members_get", {"id": own}],
        ["members_aggregate", {"name": "height"}], ["members_aggregate", {"name": "nothing"}],
        ["admin_addPeer", {"address": address}],
        ["admin_banPeer", {"who": "192.0.2.9", "seconds": 60}], ["bans_list", {}],
        ["admin_unbanPeer", {"who": "192.0.2.9"}],
        ["admin_removePeer", {"peer_id": neighbour.ready.peer_id.to_string()}],
        ["members_leave", {}], ["rpc.discover", {}],
        ["debug_setLogFilter", {"filter": "warn"}],
        ["events_subscribe", {"topic": "tip"}], ["events_unsubscribe", {"subscription": 1}]
    ]);
    let document = document();
    let methods = document["methods"].as_array().expect("a list");
    let mut called = BTreeSet::new();
    for one in calls.as_array().expect("a list") {
        let (name, params) = (one[0].as_str().expect("a name"), &one[1]);
        let method = methods.iter().find(|method| method["name"] == name).unwrap_or_else(|| panic!("no {name}"));
        called.insert(name.to_owned());
        for (param, value) in params.as_object().expect("parameters") {
            let described =
                method["params"].as_array().expect("a list").iter().find(|known| known["name"] == *param);
            let schema = &described.unwrap_or_else(|| panic!("{name} has no {param}"))["schema"];
            assert_eq!(faults(value, schema, &document), Vec::<String>::new(), "{name} {param}");
        }
        match call(&client, method, params).await {
            Ok(answer) => {
                let found = faults(&answer, &method["result"]["schema"], &document);
                assert_eq!(found, Vec::<String>::new(), "{name} {params}: {answer}");
            }
            Err(ClientError::Call(error)) if name.starts_with("events_") => {
                assert_eq!(error.code(), CODE_NO_SOCKET)
            }
            // No log is written in a test, so there is nothing to change.
            Err(ClientError::Call(error)) if name == "debug_setLogFilter" => {
                assert!(error.message().contains("does not log"), "{error}");
            }
            Err(error) => panic!("{name} {params}: {error}"),
        }
    }
    let described: BTreeSet<String> =
        methods.iter().filter_map(|method| Some(method["name"].as_str()?.to_owned())).collect();
    assert_eq!(called, described, "every method was called");
    node.stop().await;
    neighbour.stop().await;
}

#[tokio::test]
async fn a_missing_parameter_is_one_that_the_document_requires() {
    let node = Node::start(config(223)).await;
    let (_server, client, _) = serve(&node);
    for method in document()["methods"].as_array().expect("a list") {
        let params = method["params"].as_array().expect("a list");
        let required: Vec<bool> = params.iter().map(|param| param["required"] == true).collect();
        assert!(required.is_sorted_by(|a, b| a >= b), "{}: optional parameters come last", method["name"]);
        if !required.first().copied().unwrap_or_default() {
            continue;
        }
        match call(&client, method, &json!({})).await {
            Err(ClientError::Call(error)) => assert_eq!(error.code(), -32602, "{}: {error}", method["name"]),
            other => panic!("{}: {other:?}", method["name"]),
        }
    }
    node.stop().await;
}
