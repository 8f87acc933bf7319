//! Numbers in the form in which people read them: grouped digits, tenths, bytes with their unit.

/// A number with a comma before every three digits.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number that counts tenths: below ten with one decimal, above without.
#[must_use]
pub fn tenths(number: u64) -> String {
    match number {
        few @ ..100 => format!("{}.{}", few / 10, few % 10),
        many => grouped(many / 10),
    }
}

/// Bytes in the largest unit of which there is at least one.
#[must_use]
pub fn bytes_text(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_024 => return format!("{bytes} B"),
        1_024..1_048_576 => (1_024.0, "KiB"),
        1_048_576..1_073_741_824 => (1_048_576.0, "MiB"),
        _ => (1_073_741_824.0, "GiB"),
    };
    format!("{:.1} {name}", bytes as f64 / unit)
}
