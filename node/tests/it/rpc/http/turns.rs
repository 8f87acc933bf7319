//! Clients without the cookie share the calls of a second: the limit holds, it is fair, and an eager client is slowed
//! down before it is refused.

use std::cell::Cell;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use futures::future::join_all;
use futures::{SinkExt as _, StreamExt as _};
use node::clock::rates::Timing as _;
use node::config::cookie::Cookie;
use node::observe::metrics::Metrics;
use node::rpc::CODE_TOO_MANY;
use node::rpc::http::{ANSWER_BYTES_A_CALL, Turn, Turns};
use protocol::time::{Duration, Time};
use serde_json::{Value, json};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use crate::support::rpc::{FakeNode, exchange};
use crate::support::virtual_time::Virtual;

const RATE: u32 = 2_000;
/// A quarter of a second's calls.
const BURST: u64 = 500;
const PATIENCE_S: u64 = 2;
/// A method that does not exist asks the service nothing.
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"nothing","params":[]}"#;

fn turns(clock: &Virtual) -> (Turns<Virtual>, Metrics) {
    let metrics = Metrics::default();
    let patience = std::time::Duration::from_secs(PATIENCE_S);
    (Turns::new(Some(RATE), patience, metrics.rpc.clone(), clock.clone()), metrics)
}

/// Calls in a loop, and counts.
async fn floods(turn: Turn<Virtual>, calls: &Cell<u64>) {
    loop {
        if turn.begin().await.is_ok() {
            calls.set(calls.get() + 1);
        }
    }
}

#[test]
fn a_burst_goes_at_once_and_the_next_call_waits_for_its_turn() {
    let clock = Virtual::default();
    let (turns, metrics) = turns(&clock);
    clock.run(async {
        let turn = turns.join();
        for _ in 0..BURST {
            turn.begin().await.expect("its turn");
        }
        assert_eq!((clock.now(), metrics.rpc.slowed.get()), (Time::ZERO, 0));
        turn.begin().await.expect("its turn");
        assert_eq!((clock.now(), metrics.rpc.slowed.get()), (Time::ZERO + Duration::from_micros(500), 1));
    });
}

#[test]
fn all_connections_that_call_in_a_loop_get_the_rate_together_and_each_the_same() {
    let clock = Virtual::default();
    let (turns, _metrics) = turns(&clock);
    let calls: Vec<_> = (0..100).map(|_| Cell::new(0)).collect();
    let tasks = calls.iter().map(|calls| Box::pin(floods(turns.join(), calls)) as _).collect();
    clock.run_for(Duration::from_secs(10), tasks);
    let (sum, most) = (calls.iter().map(Cell::get).sum::<u64>(), 10 * u64::from(RATE) + BURST);
    assert!((most - 10..=most).contains(&sum), "{sum} calls");
    let (least, largest) = (calls.iter().map(Cell::get).min(), calls.iter().map(Cell::get).max());
    // Of the burst, the first who came had more.
    assert!(
        largest.zip(least).is_some_and(|(largest, least)| largest - least <= BURST),
        "{least:?} to {largest:?}"
    );
}

#[test]
fn a_client_that_asks_seldom_does_not_wait_behind_a_hundred_that_ask_without_a_pause() {
    let clock = Virtual::default();
    let (turns, _metrics) = turns(&clock);
    let (calls, slowest) = (Cell::new(0), Cell::new(Duration::ZERO));
    let patient = async {
        let turn = turns.join();
        for _ in 0..90 {
            // At another moment than that of a call.
            clock.sleep(Duration::from_micros(100_300)).await;
            let asked = clock.now();
            turn.begin().await.expect("its turn");
            slowest.set(slowest.get().max(clock.now().since(asked)));
        }
        assert!(slowest.get() > Duration::ZERO, "there was no crowd");
        std::future::pending::<()>().await;
    };
    let mut tasks: Vec<std::pin::Pin<Box<dyn Future<Output = ()> + '_>>> = vec![Box::pin(patient)];
    for _ in 0..100 {
        tasks.push(Box::pin(floods(turns.join(), &calls)));
    }
    clock.run_for(Duration::from_secs(10), tasks);
    // In the order of arrival it would be 50 ms: a hundred calls.
    assert!(slowest.get() <= Duration::from_millis(2), "{:?}", slowest.get());
}

#[test]
fn further_calls_and_long_answers_are_paid_before_the_answer_leaves() {
    let clock = Virtual::default();
    let (turns, _metrics) = turns(&clock);
    clock.run(async {
        let turn = turns.join();
        turn.begin().await.expect("its turn");
        turn.end(BURST - 1, 0).await;
        assert_eq!(clock.now(), Time::ZERO);
        turn.end(2, 0).await;
        assert_eq!(clock.now(), Time::ZERO + Duration::from_millis(1));
        turn.end(0, 4 * ANSWER_BYTES_A_CALL).await;
        assert_eq!(clock.now(), Time::ZERO + Duration::from_millis(3));
        // More than is ever saved up.
        turn.end(4 * BURST, 0).await;
        assert_eq!(clock.now(), Time::ZERO + Duration::from_millis(1_003));
    });
}

#[test]
fn a_call_whose_turn_does_not_come_in_time_is_refused_and_costs_nothing() {
    let clock = Virtual::default();
    let (rate, patience, metrics) = (10, std::time::Duration::from_secs(PATIENCE_S), Metrics::default());
    let turns = Turns::new(Some(rate), patience, metrics.rpc.clone(), clock.clone());
    let callers: Vec<_> = (0..100).map(|_| turns.join()).collect();
    clock.run(async {
        // So low a rate saves up 16 calls.
        turns.join().end(16, 0).await;
        let answers = join_all(callers.iter().map(Turn::begin)).await;
        assert_eq!(clock.now(), Time::ZERO + Duration::from_secs(PATIENCE_S));
        let refused = answers.iter().filter(|answer| answer.is_err()).count() as u64;
        assert!((79..=80).contains(&refused), "{refused} refused, and there are ten calls a second for 2 s");
        assert_eq!(metrics.rpc.refused.get(), refused);
        let late = answers.into_iter().find_map(Result::err).expect("one was refused");
        assert!(late.to_string().contains("10 calls a second"), "{late}");
        turns.join().begin().await.expect("its turn");
        assert!(clock.now() <= Time::ZERO + Duration::from_millis(PATIENCE_S * 1_000 + 100), "{:?}", clock.now());
    });
}

#[test]
fn without_a_limit_nobody_waits() {
    let clock = Virtual::default();
    let turns = Turns::new(None, std::time::Duration::ZERO, Metrics::default().rpc, clock.clone());
    clock.run(async {
        let turn = turns.join();
        for _ in 0..10 * BURST {
            turn.begin().await.expect("its turn");
            turn.end(1_000, 1 << 30).await;
        }
    });
    assert_eq!(clock.now(), Time::ZERO);
}

/// A listener whose clients have some 16 calls and then one a second, and wait for 1 ms.
fn hurried() -> FakeNode {
    FakeNode::with_calls(1, std::time::Duration::from_millis(1))
}

/// Asks on one connection until it is refused. Returns the answers before that, and the last one.
fn until_refused(fake: &FakeNode) -> (usize, String) {
    let mut stream = BufReader::new(TcpStream::connect(fake.address).expect("it listens"));
    for answered in 0..1_000 {
        let length = CALL.len();
        let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
        write!(stream.get_mut(), "{head}\r\nContent-Length: {length}\r\n\r\n{CALL}").expect("sent");
        let (mut answer, mut length) = (String::new(), 0);
        while !answer.ends_with("\r\n\r\n") {
            let start = answer.len();
            assert!(stream.read_line(&mut answer).expect("an answer") > 0, "it was closed: {answer}");
            if let Some(bytes) = answer[start..].to_lowercase().strip_prefix("content-length: ") {
                length = bytes.trim().parse().expect("a number");
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).expect("a body");
        answer.push_str(&String::from_utf8_lossy(&body));
        if answer.starts_with("HTTP/1.1 429") {
            return (answered, answer);
        }
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    panic!("it was never refused");
}

#[test]
fn a_client_that_is_refused_is_told_why_and_when_to_come_again() {
    let fake = hurried();
    let (answered, refused) = until_refused(&fake);
    assert!(answered >= 16, "{answered} calls were answered, and 16 are saved up");
    assert!(refused.contains("retry-after: 1\r\n"), "{refused}");
    let (_, body) = refused.split_once("\r\n\r\n").expect("a body");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["error"]["code"], CODE_TOO_MANY, "{body}");
    assert_eq!(body["error"]["data"]["retry_after_s"], 1, "{body}");
    assert!(body["error"]["message"].as_str().is_some_and(|text| text.contains("--rpc-calls")), "{body}");
}

fn asks(fake: &FakeNode, cookie: &Cookie) -> String {
    let head = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: {}",
        cookie.to_header()
    );
    exchange(fake.address, &head, CALL)
}

#[test]
fn the_owner_and_health_checks_are_answered_beside_a_flood() {
    let fake = hurried();
    fake.health.beat(Vec::new());
    until_refused(&fake);
    let answer = asks(&fake, &fake.cookie);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = exchange(fake.address, "GET /healthz HTTP/1.1\r\nHost: localhost", "");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_wrong_cookie_is_no_way_around_the_limit() {
    let fake = hurried();
    until_refused(&fake);
    let answer = asks(&fake, &Cookie::generate().expect("random bytes"));
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
}

#[test]
fn each_call_of_a_batch_counts() {
    let fake = hurried();
    let batch = format!("[{}]", vec![CALL; 16].join(","));
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
    let answer = exchange(fake.address, head, &batch);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (answered, _) = until_refused(&fake);
    assert!(answered < 16, "{answered} more calls were answered after a batch of 16");
}

#[tokio::test]
async fn a_websocket_is_told_as_well_with_the_id_of_its_call() {
    let fake = hurried();
    let stream = tokio::net::TcpStream::connect(fake.address).await.expect("it listens");
    let (mut socket, _) = client_async(format!("ws://{}/", fake.address), stream).await.expect("a socket");
    for answered in 0..1_000 {
        let call = json!({ "jsonrpc": "2.0", "id": answered, "method": "nothing", "params": [] });
        socket.send(Message::text(call.to_string())).await.expect("sent");
        let Some(Ok(Message::Text(text))) = socket.next().await else { panic!("no answer") };
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(answer["id"], answered, "{answer}");
        if answer["error"]["code"] == CODE_TOO_MANY {
            return;
        }
    }
    panic!("it was never refused");
}
