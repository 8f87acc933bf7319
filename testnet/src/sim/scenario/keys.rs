//! The keys of a scenario, found by asking the types themselves, and the key that a short name means.

use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

use super::{AdversaryPlan, FaultPlan, MembersPlan, Scenario};
use crate::workload::Load;

/// The tables of a scenario, and the types that they are read into. The first is the top level of the file.
fn tables() -> [(&'static str, &'static [&'static str]); 5] {
    [
        ("", fields::<Scenario>()),
        ("workload", fields::<Load>()),
        ("faults", fields::<FaultPlan>()),
        ("adversaries", fields::<AdversaryPlan>()),
        ("members", fields::<MembersPlan>()),
    ]
}

/// All keys by their dotted paths, without tables.
pub(super) fn all() -> Vec<String> {
    let tables = tables();
    let is_table = |key: &str| tables.iter().any(|(table, _)| *table == key);
    let path = |table: &str, key: &str| if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
    let keys = tables.iter().flat_map(|(table, keys)| keys.iter().map(|key| path(table, key)));
    keys.filter(|key| !is_table(key)).collect()
}

/// The names of a struct's fields as serde would read them.
fn fields<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // It always ends in an error, because only the names are wanted.
    let _ = T::deserialize(Asked(&mut names));
    names
}

/// Notes the fields that it is asked for.
struct Asked<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("only names are wanted"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
