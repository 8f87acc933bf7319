//! An application that runs a node in its own process hears of members, and may take its time.

use std::sync::mpsc::{Receiver, Sender, channel};

use node::config::Config;
use node::config::application::{APPLICATION_EVENTS_MAX, Application, MemberEvents};
use node::rpc::command::Command;
use protocol::gossip::members::{MemberChange, MemberEvent};
use protocol::items::keys::{PublicKey, SecretKey};
use tokio::time::timeout;

use crate::support::harness::{Node, PATIENCE, config};

/// What an application heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Joined(PublicKey),
    Updated(PublicKey),
    Left(PublicKey),
    Lost(u64),
}

/// An application that passes everything on. It may first wait until it is let go on.
struct Listener {
    heard: Sender<Heard>,
    waits: Option<Receiver<()>>,
}

impl Listener {
    fn hear(&self, heard: Heard) {
        if let Some(waits) = &self.waits {
            // It is let go on for good when the sender is gone.
            let _ = waits.recv();
        }
        // The test may be over.
        let _ = self.heard.send(heard);
    }
}

impl MemberEvents for Listener {
    fn joined(&mut self, member: PublicKey) {
        self.hear(Heard::Joined(member));
    }

    fn updated(&mut self, member: PublicKey) {
        self.hear(Heard::Updated(member));
    }

    fn left(&mut self, member: PublicKey) {
        self.hear(Heard::Left(member));
    }

    fn lost(&mut self, changes: u64) {
        self.hear(Heard::Lost(changes));
    }
}

fn key(seed: u8) -> PublicKey {
    SecretKey::from_seed(&[seed; 32]).public()
}

/// Waits for something that an application hears, whatever it hears before.
async fn hears(heard: Receiver<Heard>, wanted: Heard) -> Receiver<Heard> {
    let waited = move || {
        loop {
            let next = heard.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("waited in vain for {wanted:?}"));
            if next == wanted {
                return heard;
            }
        }
    };
    tokio::task::spawn_blocking(waited).await.expect("no panic")
}

#[tokio::test]
async fn an_application_hears_who_comes_and_who_leaves() {
    let (sender, heard) = channel();
    let application = Application::new(Listener { heard: sender, waits: None });
    let hub = Node::start(Config { application: Some(application), ..config(1) }).await;
    let second = Node::start(Config { bootstrap: vec![hub.address()], ..config(2) }).await;
    let heard = hears(heard, Heard::Joined(key(2))).await;
    second.stop().await;
    hears(heard, Heard::Left(key(2))).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_slow_application_holds_up_nothing() {
    let (sender, heard) = channel();
    let (go_on, waits) = channel();
    let application = Application::new(Listener { heard: sender, waits: Some(waits) });
    let hub = Node::start(Config { application: Some(application), ..config(1) }).await;
    let second = Node::start(Config { bootstrap: vec![hub.address()], ..config(2) }).await;
    let both =
        async { while hub.ask(|reply| Command::Members { reply }).await.expect("it takes part").len() < 2 {} };
    timeout(PATIENCE, both).await.expect("the node goes on");
    assert!(heard.try_recv().is_err(), "the application has not taken anything yet");
    second.stop().await;
    hub.stop().await;
    drop(go_on);
    hears(heard, Heard::Joined(key(2))).await;
}

#[test]
fn changes_that_find_no_room_are_counted_and_told_in_their_place() {
    let (sender, heard) = channel();
    let (go_on, waits) = channel();
    let mut telling = Application::new(Listener { heard: sender, waits: Some(waits) }).start().expect("a thread");
    let updated = MemberEvent { member: key(2), change: MemberChange::Updated };
    // One is with the application, at the most. The others wait.
    let more = 7;
    for _ in 0..=APPLICATION_EVENTS_MAX + more {
        telling.tell(updated);
    }
    drop(go_on);
    let first: Vec<_> = (0..APPLICATION_EVENTS_MAX).map(|_| heard.recv_timeout(PATIENCE).expect("told")).collect();
    assert!(first.iter().all(|heard| *heard == Heard::Updated(key(2))));
    telling.tell(MemberEvent { member: key(2), change: MemberChange::Left });
    drop(telling);
    let rest: Vec<_> = heard.iter().collect();
    let updated = rest.iter().filter(|heard| **heard == Heard::Updated(key(2))).count();
    let lost = rest.iter().map(|heard| if let Heard::Lost(changes) = heard { *changes as usize } else { 0 });
    assert_eq!(updated + lost.sum::<usize>(), 1 + more, "none is missing without a word: {rest:?}");
    assert!(matches!(rest[..], [.., Heard::Lost(_), Heard::Left(_)]), "{rest:?}");
}
