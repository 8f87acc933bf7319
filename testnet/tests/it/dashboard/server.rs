//! Who may look at a run and give it orders.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use testnet::dashboard::Dashboard;
use testnet::dashboard::batch::Hello;
use testnet::dashboard::model::Note;
use testnet::dashboard::orders::{Order, Orders};

/// A run of two nodes that write nothing.
fn started() -> (Dashboard, Orders) {
    Dashboard::start(Hello { nodes: 2, ..Hello::default() }, Vec::new(), None).unwrap()
}

/// The host and the path of an address.
fn parts(dashboard: &Dashboard) -> (String, String) {
    let (host, path) = dashboard.address().strip_prefix("http://").unwrap().split_once('/').unwrap();
    (host.to_owned(), format!("/{path}"))
}

fn open(dashboard: &Dashboard, head: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(parts(dashboard).0).unwrap();
    write!(stream, "{head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream
}

fn ask(dashboard: &Dashboard, head: &str, body: &str) -> String {
    let mut answer = String::new();
    open(dashboard, head, body).read_to_string(&mut answer).unwrap();
    answer
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn the_page_is_at_its_own_address_alone() {
    let (dashboard, _orders) = started();
    let (host, path) = parts(&dashboard);
    let get =
        |host: &str, path: &str| status(&ask(&dashboard, &format!("GET {path} HTTP/1.1\r\nhost: {host}"), ""));
    for file in ["", "page.css", "page.js"] {
        assert_eq!(get(&host, &format!("{path}{file}")), 200);
    }
    assert_eq!(get(&host, "/"), 404);
    assert_eq!(get(&host, "/00000000000000000000000000000000/"), 404);
    assert_eq!(get(&host, &format!("{path}other")), 404);
    // A name that somebody has bound to 127.0.0.1.
    assert_eq!(get("rebound.example", &path), 421);
}

#[test]
fn the_page_may_load_nothing_from_elsewhere() {
    let (dashboard, _orders) = started();
    let (host, path) = parts(&dashboard);
    let answer = ask(&dashboard, &format!("GET {path} HTTP/1.1\r\nhost: {host}"), "");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    for policy in ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"] {
        assert!(head.contains(policy), "{head}");
    }
    assert!(!body.contains("http"), "the page names another address");
    let script = ask(&dashboard, &format!("GET {path}page.js HTTP/1.1\r\nhost: {host}"), "");
    assert!(!script.contains("http:") && !script.contains("https:"), "a script names another address");
}

#[test]
fn another_page_can_give_no_orders() {
    let (dashboard, mut orders) = started();
    let (host, path) = parts(&dashboard);
    let order = r#"{"do":"kill","node":1}"#;
    let post = |more: &str| {
        let head = format!("POST {path}order HTTP/1.1\r\nhost: {host}\r\n{more}");
        status(&ask(&dashboard, &head, order))
    };
    assert_eq!(post("content-type: application/json\r\norigin: http://elsewhere.example"), 403);
    assert_eq!(post("content-type: application/json\r\norigin: null"), 403);
    assert_eq!(post("content-type: text/plain"), 415);
    assert!(orders.try_recv().is_err(), "an order came through");
}

#[test]
fn an_order_goes_to_the_run_and_its_answer_comes_back() {
    let (dashboard, mut orders) = started();
    let (host, path) = parts(&dashboard);
    let run = std::thread::spawn(move || {
        let ask = orders.blocking_recv().unwrap();
        assert_eq!(ask.order, Order::Pause { node: 1 });
        ask.answer.send(Err("node 1 does not run; nothing was done".to_owned())).unwrap();
        let ask = orders.blocking_recv().unwrap();
        ask.answer.send(Ok("node 0 is killed".to_owned())).unwrap();
    });
    let head = format!(
        "POST {path}order HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\ncontent-type: application/json"
    );
    let refused = ask(&dashboard, &head, r#"{"do":"pause","node":1}"#);
    assert!(status(&refused) == 409 && refused.ends_with("node 1 does not run; nothing was done"), "{refused}");
    let done = ask(&dashboard, &head, r#"{"do":"kill","node":0}"#);
    assert!(status(&done) == 200 && done.ends_with("node 0 is killed"), "{done}");
    run.join().unwrap();
    let long = format!(r#"{{"do":"kill","node":{}0}}"#, " ".repeat(2_000));
    assert_eq!(status(&ask(&dashboard, &head, &long)), 413);
}

#[test]
fn a_stream_begins_with_everything_and_goes_on() {
    let (dashboard, _orders) = started();
    let (host, path) = parts(&dashboard);
    let stream = open(&dashboard, &format!("GET {path}stream HTTP/1.1\r\nhost: {host}"), "");
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap).filter(|line| line.starts_with("data: "));
    let first = lines.next().unwrap();
    assert!(first.contains(r#""hello":{"#) && first.contains(r#""places":["#), "{first}");
    dashboard.notes().now(Note::Phase("load".to_owned()));
    assert!(lines.any(|line| line.contains(r#""phase":"load""#)), "the phase was not told");
}

#[test]
fn there_are_eight_readers_at_most_and_a_place_becomes_free_again() {
    let (dashboard, _orders) = started();
    let (host, path) = parts(&dashboard);
    let head = format!("GET {path}stream HTTP/1.1\r\nhost: {host}");
    let mut readers: Vec<BufReader<TcpStream>> = (0..8)
        .map(|_| {
            let mut reader = BufReader::new(open(&dashboard, &head, ""));
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            assert_eq!(status(&line), 200);
            reader
        })
        .collect();
    assert_eq!(status(&ask(&dashboard, &head, "")), 503);
    drop(readers.pop());
    // The server notices it with the next batch. Until then it says that there are too many.
    let again = || {
        let mut line = String::new();
        BufReader::new(open(&dashboard, &head, "")).read_line(&mut line).unwrap_or_default();
        line.contains(" 200 ")
    };
    while !again() {}
}

#[test]
fn the_page_ends_with_the_run() {
    let (dashboard, _orders) = started();
    let (host, path) = parts(&dashboard);
    let stream = open(&dashboard, &format!("GET {path}stream HTTP/1.1\r\nhost: {host}"), "");
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok).filter(|line| line.starts_with("data: "));
    lines.next().unwrap();
    drop(dashboard);
    assert!(lines.last().unwrap().contains(r#""over":true"#), "the reader was not told");
    assert!(TcpStream::connect(host).is_err(), "the port is still open");
}
