//! Lanes: they open when both sides agree, credit is given back to the byte, bulk comes after Hello and behind
//! control, and breaches of the wire's rules end the connection.

use node::config::deadlines::Deadlines;
use node::net::handler::{
    FLUSHED_BYTES_MIN, Order, REPORTED_BYTES_MAX, REPORTED_FRAMES_MAX, Report, TURNED_AWAY_MAX,
};
use node::net::reason::CloseReason;
use protocol::items::hash::{BlockId, ShortId};
use protocol::limits::CONTROL_CREDIT_BYTES;
use protocol::time::Duration;
use protocol::wire::codec::Encode as _;
use protocol::wire::message::{Hello, InvEntry, Lane, Message, Tip, TxRef, VERSION};

use crate::support::puppet::Puppet;
use crate::support::raw::Raw;

fn hello() -> Message {
    let network = "test".parse().expect("a name");
    Message::Hello(Hello::new(&network, Tip { height: 0, id: BlockId([0; 32]) }))
}

fn large(bytes: usize) -> Message {
    let body = bytes::Bytes::from(vec![7; 60_000]);
    Message::Transactions { via: None, bodies: vec![body.into(); bytes.div_ceil(60_000)] }
}

/// The reports of `from` until all of `messages` came, and the bytes drained at `to`. A few control bytes are not
/// reported.
async fn exchange(
    to: &mut Puppet,
    from: &mut Puppet,
    messages: Vec<(Lane, Message)>,
) -> (Vec<Message>, [usize; 2]) {
    let wanted = |lane| messages.iter().filter(|m| m.0 == lane).map(|m| m.1.encoded_len()).sum::<usize>();
    let control = Some(wanted(Lane::Control)).filter(|bytes| *bytes >= FLUSHED_BYTES_MIN);
    let wanted = [control.unwrap_or(0), wanted(Lane::Bulk)];
    let count = messages.len();
    messages.into_iter().for_each(|(lane, message)| from.order(Order::Send(vec![(lane, message)])));
    let (mut received, mut drained) = (Vec::new(), [0; 2]);
    while received.len() < count {
        match to.report(from).await {
            Report::Received(message) => received.push(message),
            other => panic!("unexpected {other:?}"),
        }
    }
    while drained != wanted {
        match from.report(to).await {
            Report::Drained(Lane::Control, bytes) => drained[0] += bytes,
            Report::Drained(Lane::Bulk, bytes) => drained[1] += bytes,
            other => panic!("unexpected {other:?} at {drained:?} of {wanted:?}"),
        }
    }
    (received, drained)
}

#[tokio::test]
async fn both_sides_open_and_credit_comes_back_to_the_byte() {
    for quic in [false, true] {
        let (mut one, mut two) = Puppet::open_pair(quic).await;
        for _ in 0..2 {
            let inv = |n: u8| {
                Message::Inv(vec![InvEntry { transaction: TxRef::Short(ShortId([n; 8])), age_ms: 1 }; 3_000])
            };
            let mut messages = vec![(Lane::Control, hello()), (Lane::Bulk, large(2_000_000))];
            messages.extend((0..3).map(|n| (Lane::Control, inv(n))));
            messages.push((Lane::Bulk, large(60_000)));
            let (received, _) = exchange(&mut two, &mut one, messages).await;
            assert_eq!(received.last(), Some(&large(60_000)), "bulk keeps its order");
            assert_eq!(received.iter().position(|m| *m == large(2_000_000)), Some(4), "control goes before bulk");
            std::mem::swap(&mut one, &mut two);
        }
        assert!(one.wire.read() > 2_000_000 && one.wire.written() > 2_000_000, "the wire is counted");
    }
}

/// The header of yamux, and the length and authentication of noise: the additional cost of a write that is
/// flushed.
const WRITE_OVERHEAD: u64 = 12 + 2 + 16;

#[tokio::test]
async fn frames_that_wait_leave_in_one_write() {
    let (mut one, mut two) = Puppet::open_pair(false).await;
    exchange(&mut two, &mut one, vec![(Lane::Control, hello())]).await;
    let before = one.wire.written();
    let messages: Vec<_> =
        (1..=6).map(|n| (Lane::Control, Message::GetBlock { graft: false, id: BlockId([n; 32]) })).collect();
    let framed: usize = messages.iter().map(|(_, message)| 1 + message.encoded_len()).sum();
    exchange(&mut two, &mut one, messages).await;
    assert_eq!(one.wire.written() - before, framed as u64 + WRITE_OVERHEAD);
}

#[tokio::test]
async fn a_large_body_costs_little_more_than_itself() {
    for (bytes, percent) in [(120_000, 104), (1_020_000, 102)] {
        let (mut one, mut two) = Puppet::open_pair(false).await;
        exchange(&mut two, &mut one, vec![(Lane::Control, hello())]).await;
        let before = one.wire.written() + two.wire.written();
        exchange(&mut two, &mut one, vec![(Lane::Bulk, large(bytes))]).await;
        let both = one.wire.written() + two.wire.written() - before;
        assert!(both * 100 < bytes as u64 * percent, "{both} bytes both ways for {bytes}");
    }
}

#[tokio::test]
async fn frames_that_came_together_are_passed_on_together_up_to_a_bound() {
    let small = |n: u8| Message::GetBlock { graft: false, id: BlockId([n; 32]) };
    let larger = |n: u8| Message::Transactions { via: None, bodies: vec![vec![n; 10_000].into()] };
    for (messages, together) in [
        // They leave in one write.
        ((0..40).map(small).collect::<Vec<_>>(), 2..=REPORTED_FRAMES_MAX),
        ((0..8).map(larger).collect(), 1..=REPORTED_BYTES_MAX.div_ceil(10_000)),
    ] {
        let (mut one, mut two) = Puppet::open_pair(false).await;
        one.order(Order::Send(messages.iter().map(|message| (Lane::Control, message.clone())).collect()));
        for message in messages {
            assert!(matches!(two.report(&mut one).await, Report::Received(received) if received == message));
        }
        assert!(together.contains(&two.most_together()), "{} of {together:?}", two.most_together());
    }
}

#[tokio::test]
async fn small_control_frames_are_told_of_together() {
    let (mut one, mut two) = Puppet::open_pair(false).await;
    let small = Message::Transactions { via: None, bodies: vec![vec![1; 100].into()] };
    let bytes = small.encoded_len();
    let count = FLUSHED_BYTES_MIN.div_ceil(bytes);
    for _ in 0..count {
        // Each has been flushed by itself when it comes.
        one.order(Order::Send(vec![(Lane::Control, small.clone())]));
        assert!(matches!(two.report(&mut one).await, Report::Received(_)));
    }
    let told = one.report(&mut two).await;
    assert!(matches!(told, Report::Drained(Lane::Control, drained) if drained == count * bytes), "{told:?}");
}

#[tokio::test]
async fn bulk_is_not_read_before_hello() {
    let (mut one, mut two) = Puppet::open_pair(false).await;
    let first = Message::Transactions { via: None, bodies: vec![vec![1; FLUSHED_BYTES_MIN].into()] };
    let (body, last) = (large(10_000), hello());
    one.order(Order::Send(vec![(Lane::Bulk, body.clone())]));
    one.order(Order::Send(vec![(Lane::Control, first.clone())]));
    assert!(matches!(two.report(&mut one).await, Report::Received(message) if message == first));
    // The control bytes are flushed, and only then does Hello leave: the body was there long before it.
    assert!(matches!(one.report(&mut two).await, Report::Drained(Lane::Control, _)));
    one.order(Order::Send(vec![(Lane::Control, last.clone())]));
    assert!(matches!(two.report(&mut one).await, Report::Received(message) if message == last));
    assert!(matches!(two.report(&mut one).await, Report::Received(message) if message == body));
}

#[tokio::test]
async fn a_declined_peer_is_told_and_may_ask_again() {
    let (mut one, mut two) = Puppet::pair(false).await;
    one.order(Order::Open);
    assert!(matches!(two.report(&mut one).await, Report::SlotWanted));
    two.order(Order::Decline);
    assert!(matches!(one.report(&mut two).await, Report::Failed(CloseReason::Declined)));
    one.order(Order::Open);
    assert!(matches!(two.report(&mut one).await, Report::SlotWanted));
    two.order(Order::Open);
    assert!(matches!(one.report(&mut two).await, Report::Up));
}

#[tokio::test]
async fn a_frame_over_the_lane_s_bound_is_an_offence() {
    let (mut one, mut two) = Puppet::open_pair(false).await;
    one.order(Order::Send(vec![(Lane::Control, large(120_000))]));
    let report = two.report(&mut one).await;
    assert!(
        matches!(report, Report::Failed(CloseReason::FrameTooLarge { lane: Lane::Control, .. })),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_peer_that_is_not_read_keeps_its_bytes_and_an_overrun_ends_it() {
    let (mut one, mut two) = Puppet::open_pair(false).await;
    two.order(Order::Read(false));
    let message = Message::Transactions { via: None, bodies: vec![vec![1; 4_000].into(); 10] };
    // More than the credit, the stream's window and the kernel's buffers hold together.
    let count = CONTROL_CREDIT_BYTES * 40 / message.encoded_len();
    (0..count).for_each(|_| one.order(Order::Send(vec![(Lane::Control, message.clone())])));
    loop {
        match one.report(&mut two).await {
            Report::Drained(Lane::Control, _) => {}
            Report::Failed(reason) => {
                assert_eq!(reason, CloseReason::QueueOverrun);
                break;
            }
            other => panic!("unexpected {other:?}"),
        }
    }
}

/// A deadline that a test can wait for.
const SOON: Duration = Duration::from_millis(200);

/// Sends bulk from the first puppet to the second, or in the other direction. It is read as far as the window
/// allows, and no more.
async fn stall_bulk(from: &mut Puppet, to: &mut Puppet) {
    let messages = [large(60_000), large(200_000)];
    from.order(Order::Send(vec![(Lane::Control, hello())]));
    messages.into_iter().for_each(|message| from.order(Order::Send(vec![(Lane::Bulk, message)])));
    assert!(matches!(to.report(from).await, Report::Received(Message::Hello(_))));
    assert!(matches!(to.report(from).await, Report::Received(Message::Transactions { .. })));
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_bulk_lane_is_given_up_by_the_deadline() {
    let (mut one, mut two) = Puppet::open_pair_with(false, stalls_soon()).await;
    one.order(Order::Read(false));
    two.order(Order::Send(vec![(Lane::Bulk, large(200_000))]));
    assert!(matches!(two.report(&mut one).await, Report::Failed(CloseReason::WriteStalled)));
}

#[tokio::test]
async fn while_we_do_not_read_a_peer_s_acks_its_bulk_lane_has_time() {
    let (mut one, mut two) = Puppet::open_pair_with(false, stalls_soon()).await;
    two.order(Order::Read(false));
    stall_bulk(&mut two, &mut one).await;
    // The same deadline, begun later, ends another connection: so it would have ended this one.
    let later = async {
        let (mut three, mut four) = Puppet::open_pair_with(false, stalls_soon()).await;
        three.order(Order::Read(false));
        four.order(Order::Send(vec![(Lane::Bulk, large(200_000))]));
        four.report(&mut three).await
    };
    tokio::select! {
        report = bulk_report(&mut two, &mut one) => panic!("unexpected {report:?}"),
        report = later => assert!(matches!(report, Report::Failed(CloseReason::WriteStalled)), "{report:?}"),
    }
    two.order(Order::Read(true));
    let expected = large(60_000).encoded_len() + large(200_000).encoded_len();
    let mut drained = 0;
    while drained < expected {
        match bulk_report(&mut two, &mut one).await {
            Report::Drained(Lane::Bulk, bytes) => drained += bytes,
            other => panic!("unexpected {other:?} at {drained} of {expected}"),
        }
    }
}

/// The next report, except those of bytes that leave on the control lane.
async fn bulk_report(of: &mut Puppet, other: &mut Puppet) -> Report {
    loop {
        match of.report(other).await {
            Report::Drained(Lane::Control, _) => {}
            report => return report,
        }
    }
}

fn stalls_soon() -> Deadlines {
    Deadlines { write_stall: SOON, ..Deadlines::default() }
}

#[tokio::test]
async fn lanes_without_a_slot_are_dropped_after_a_while() {
    let network = "test".parse().expect("a name");
    for lane in ["bulk", "control"] {
        let (mut puppet, address) = Puppet::start(&network, false).await;
        puppet.set_deadlines(Deadlines { open: SOON, ..Deadlines::default() });
        let mut raw = Raw::dial(address, puppet.run()).await;
        // The puppet answers nothing, whether it is asked or not.
        let stream = raw.open(&format!("/hearsay/test/{lane}/{VERSION}"), puppet.run()).await;
        raw.left(stream, puppet.run()).await;
    }
}

#[tokio::test]
async fn whoever_asks_for_a_slot_too_often_is_closed() {
    let network = "test".parse().expect("a name");
    let (mut puppet, address) = Puppet::start(&network, false).await;
    let mut raw = Raw::dial(address, puppet.run()).await;
    for _ in 0..TURNED_AWAY_MAX {
        let mut stream = None;
        let asked = async {
            stream =
                Some(raw.open(&format!("/hearsay/test/control/{VERSION}"), std::future::pending::<()>()).await)
        };
        let (_, report) = tokio::join!(asked, puppet.own_report());
        assert!(matches!(report, Report::SlotWanted), "{report:?}");
        puppet.order(Order::Decline);
        raw.left(stream.expect("open"), puppet.run()).await;
    }
    let report = puppet.own_report().await;
    assert!(matches!(report, Report::Failed(CloseReason::AskedTooOften)), "{report:?}");
}
