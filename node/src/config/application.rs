//! The place where an application that runs a node in its own process hears what changes about members.
//!
//! It is called on a thread of its own, so it may take its time: it delays neither the network nor the RPC. At most
//! [`APPLICATION_EVENTS_MAX`] changes wait for it. Those that find no room are dropped and counted, and it is told their
//! number as soon as there is room.
//!
//! Deliberately absent: questions. An application asks the node by [`Command`](crate::rpc::command::Command), as the RPC
//! does.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, io, thread};

use protocol::gossip::members::{MemberChange, MemberEvent};
use protocol::items::keys::PublicKey;

pub mod items;

/// Changes that wait for the application.
pub const APPLICATION_EVENTS_MAX: usize = 1_024;

/// Callbacks of an application for changes of members. Each method does nothing by default.
///
/// The whole of a program that runs a node and prints what changes (`node/examples/member_events.rs`):
///
/// ```no_run
#[doc = include_str!("../../examples/member_events.rs")]
/// ```
pub trait MemberEvents: Send {
    /// It is new here.
    fn joined(&mut self, member: PublicKey) {
        let _ = member;
    }

    /// Its record or its entries are new.
    fn updated(&mut self, member: PublicKey) {
        let _ = member;
    }

    /// Somebody says that it does not answer.
    fn suspected(&mut self, member: PublicKey) {
        let _ = member;
    }

    /// It is dead for this node: the suspicion has run out, and it did not answer this node either.
    fn failed(&mut self, member: PublicKey) {
        let _ = member;
    }

    /// It has left by its own word.
    fn left(&mut self, member: PublicKey) {
        let _ = member;
    }

    /// It was suspected, had failed or had left, and is there again.
    fn returned(&mut self, member: PublicKey) {
        let _ = member;
    }

    /// Two machines use its key.
    fn conflict(&mut self, member: PublicKey) {
        let _ = member;
    }

    /// The application was too slow, so this number of changes was dropped here. It should ask for all members again.
    fn lost(&mut self, changes: u64) {
        let _ = changes;
    }
}

/// An application that hears of members.
#[derive(Clone)]
pub struct Application(Arc<Mutex<dyn MemberEvents>>);

impl Application {
    /// An application.
    pub fn new(events: impl MemberEvents + 'static) -> Self {
        Self(Arc::new(Mutex::new(events)))
    }

    /// Starts the thread on which it is called. The thread ends when the way to it is dropped, and everything that
    /// waited is told.
    ///
    /// # Errors
    /// The system's error.
    pub fn start(&self) -> io::Result<Telling> {
        let (waiting, told) = sync_channel(APPLICATION_EVENTS_MAX);
        let application = self.clone();
        let tell = move || {
            while let Ok(told) = told.recv() {
                match told {
                    Told::Change(event) => application.change(event),
                    Told::Lost(changes) => application.lock().lost(changes),
                }
            }
        };
        thread::Builder::new().name("application".to_owned()).spawn(tell)?;
        Ok(Telling { waiting, lost: 0 })
    }

    fn change(&self, event: MemberEvent) {
        let MemberEvent { member, change } = event;
        let mut application = self.lock();
        match change {
            MemberChange::Joined => application.joined(member),
            MemberChange::Updated => application.updated(member),
            MemberChange::Suspected => application.suspected(member),
            MemberChange::Failed => application.failed(member),
            MemberChange::Left => application.left(member),
            MemberChange::Returned => application.returned(member),
            MemberChange::Conflict => application.conflict(member),
            // A change that this version does not know.
            _ => {}
        }
    }

    /// If it panicked once, it is called all the same: only its author knows what that means.
    fn lock(&self) -> MutexGuard<'_, dyn MemberEvents + 'static> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way to an application.
#[derive(Debug)]
pub struct Telling {
    waiting: SyncSender<Told>,
    lost: u64,
}

/// A message to the application's thread.
#[derive(Clone, Copy, Debug)]
enum Told {
    Change(MemberEvent),
    Lost(u64),
}

impl Telling {
    /// Hands a change over, if there is room. Never waits.
    pub fn tell(&mut self, event: MemberEvent) {
        self.tell_lost();
        if self.lost > 0 || self.waiting.try_send(Told::Change(event)).is_err() {
            self.lost = self.lost.saturating_add(1);
        }
    }

    /// Says how many changes were dropped, if there is room again. Never waits.
    pub fn tell_lost(&mut self) {
        if self.lost > 0 && self.waiting.try_send(Told::Lost(self.lost)).is_ok() {
            self.lost = 0;
        }
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Application")
    }
}
