//! What is computed from measurements, without messages and timers of its own: logarithms in fixed point, the accrual
//! detector, and coordinates. Deliberately absent: who measures, and what follows.

pub mod coordinates;
pub mod logarithm;
pub mod phi;
