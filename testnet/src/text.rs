//! Values that are written as one string, the same on the command line and in a file: durations as `30s`, and
//! everything that has `Display` and `FromStr`. Deliberately absent: how any one value is spelled.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;

/// Reads a time as `30s`, `500ms` or `1m 30s`.
///
/// # Errors
/// Says how to write it.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}: write it as 30s, 500ms or 2m"))
}

/// Reads any value from its string.
///
/// # Errors
/// The error of [`FromStr`], with the place in the file.
pub fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    struct Text<T>(PhantomData<T>);

    impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Text(PhantomData))
}

/// A time as a file holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_time(text).map(Self)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// For `#[serde(with = "time")]` on a [`Duration`].
pub mod time {
    use super::{Deserializer, Duration, Serializer, Time};

    /// Writes it as `30s`.
    ///
    /// # Errors
    /// Only the errors of the writer.
    pub fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Time(*time))
    }

    /// Reads it.
    ///
    /// # Errors
    /// Says how to write it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        super::deserialize(deserializer).map(|Time(time)| time)
    }
}

/// For `#[serde(with = "some_time")]` on an `Option<Duration>` that is left out if it is `None`.
pub mod some_time {
    use super::{Deserializer, Duration, Serializer, Time};

    /// Writes it as `30s`.
    ///
    /// # Errors
    /// Only the errors of the writer.
    pub fn serialize<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.collect_str(&Time(*time)),
            None => serializer.serialize_none(),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// Says how to write it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        super::time::deserialize(deserializer).map(Some)
    }
}

/// Lets serde write and read types by their `Display` and `FromStr`.
macro_rules! serde_as_text {
    ($($type:ty),+) => { $(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::text::deserialize(deserializer)
            }
        }
    )+ };
}
pub(crate) use serde_as_text;

serde_as_text!(Time);
