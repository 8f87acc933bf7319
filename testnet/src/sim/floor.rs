//! Placeholder until the floor lands.
/// Floor.
#[derive(Debug)]
pub struct Floor(pub usize);
impl Floor {
    /// From.
    pub fn from(&self, _origin: usize, _bytes: usize) -> Vec<u64> {
        vec![u64::MAX; self.0]
    }
}
