//! The dashboard: places of nodes, the state that is shown, the reading of traces, the server, films.

mod film;
mod floor;
mod orders;
mod places;
mod server;
mod shown;
mod tail;
