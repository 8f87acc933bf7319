//! The engine's behaviour, through its public door. One file a behaviour.

mod request_bounds;
mod request_fallback;
mod request_model;
mod request_support;
