//! Traces are read while they are written.

use std::io::Write as _;

use node::observe::trace::{Kind, TraceWriter, What};
use protocol::items::hash::ShortId;
use testnet::dashboard::tail::{News, Tail};

fn block(number: u8) -> What {
    What::Submitted { kind: Kind::Block, item: ShortId([number; 8]), bytes: 1 }
}

fn numbers(news: Vec<(usize, News)>) -> Vec<(usize, u8)> {
    let number = |(node, news)| match news {
        News::Record(record) => match record.what {
            What::Submitted { item, .. } => Some((node, item.0[0])),
            _ => None,
        },
        News::Met(_) => None,
    };
    news.into_iter().filter_map(number).collect()
}

#[test]
fn records_of_all_nodes_come_in_the_order_of_time() {
    let dir = tempfile::tempdir().unwrap();
    let paths = [dir.path().join("0"), dir.path().join("1")];
    let mut tail = Tail::new(paths.to_vec());
    assert_eq!(tail.news(u64::MAX), [], "there is no file yet");
    let mut writers = paths.each_ref().map(|path| TraceWriter::create(path, "a peer", "a network").unwrap());
    for (writer, number) in [(0, 1), (1, 2), (0, 3), (1, 4)] {
        writers[writer].write(block(number)).unwrap();
    }
    writers.iter_mut().for_each(|writer| writer.flush().unwrap());
    let news = tail.news(u64::MAX);
    assert_eq!(news.iter().filter(|(_, news)| *news == News::Met("a peer".to_owned())).count(), 2);
    assert_eq!(numbers(news), [(0, 1), (1, 2), (0, 3), (1, 4)]);
    writers[1].write(block(5)).unwrap();
    writers[1].flush().unwrap();
    assert_eq!(numbers(tail.news(u64::MAX)), [(1, 5)]);
}

#[test]
fn records_wait_until_their_time_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0");
    let mut writer = TraceWriter::create(&path, "a peer", "a network").unwrap();
    writer.write(block(1)).unwrap();
    writer.flush().unwrap();
    let mut tail = Tail::new(vec![path]);
    assert_eq!(numbers(tail.news(0)), []);
    assert_eq!(numbers(tail.news(u64::MAX)), [(0, 1)]);
}

#[test]
fn half_a_record_waits_for_its_other_half() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, growing) = (dir.path().join("whole"), dir.path().join("growing"));
    let mut writer = TraceWriter::create(&whole, "a peer", "a network").unwrap();
    (1..=3).for_each(|number| writer.write(block(number)).unwrap());
    writer.flush().unwrap();
    let bytes = std::fs::read(&whole).unwrap();
    let mut file = std::fs::File::create(&growing).unwrap();
    let mut tail = Tail::new(vec![growing]);
    let mut read = Vec::new();
    for byte in bytes {
        file.write_all(&[byte]).unwrap();
        read.extend(numbers(tail.news(u64::MAX)));
    }
    assert_eq!(read, [(0, 1), (0, 2), (0, 3)]);
}
