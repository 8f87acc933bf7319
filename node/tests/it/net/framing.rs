//! Frames: bounds before allocation, one form only, growth with the bytes that have arrived; one encoding for all
//! peers.

use std::sync::Arc;

use node::net::framing::{FrameError, FrameReader, Step, frame_bytes_max, write_frame};
use node::net::lane::encoded::Frames;
use protocol::items::block::{Block, Header};
use protocol::items::hash::{BlockId, ShortId};
use protocol::items::keys::SecretKey;
use protocol::wire::codec::Decode as _;
use protocol::wire::frame::Frame;
use protocol::wire::message::{InvEntry, Lane, Message, TxRef};

fn feed(reader: &mut FrameReader, bytes: &[u8]) -> Result<Vec<Step>, FrameError> {
    let mut input = bytes;
    let mut steps = Vec::new();
    while !input.is_empty() {
        steps.push(reader.feed(&mut input)?);
    }
    Ok(steps)
}

fn prefix(length: u64) -> Vec<u8> {
    unsigned_varint::encode::u64(length, &mut unsigned_varint::encode::u64_buffer()).to_vec()
}

#[test]
fn frames_come_back_whatever_the_pieces() {
    let entry = |n: u8| InvEntry { transaction: TxRef::Short(ShortId([n; 8])), age_ms: u32::from(n) };
    let sent = [
        Frame::Message(Message::Inv((0..200).map(entry).collect())),
        Frame::Message(Message::GetBlock { graft: false, id: BlockId([7; 32]) }),
        Frame::Ack(9),
    ];
    let mut wire = Vec::new();
    let written: Vec<_> = sent.iter().map(|frame| write_frame(frame, &mut wire)).collect();
    for size in [1, 2, 3, 7, 1_000, wire.len()] {
        let mut reader = FrameReader::new(frame_bytes_max(Lane::Control));
        let mut frames = Vec::new();
        for piece in wire.chunks(size) {
            let steps = feed(&mut reader, piece).expect("own frames are good");
            frames.extend(
                steps
                    .into_iter()
                    .filter_map(|step| if let Step::Frame(frame) = step { Some(frame) } else { None }),
            );
        }
        assert_eq!(frames.iter().map(bytes::Bytes::len).collect::<Vec<_>>(), written, "pieces of {size}");
        let decoded: Vec<_> = frames.iter().map(|frame| Frame::from_bytes(frame).expect("decodes")).collect();
        assert_eq!(decoded, sent, "pieces of {size}");
        assert!(!reader.is_inside());
    }
}

#[test]
fn a_length_on_the_bound_is_taken_and_one_past_it_is_not() {
    for lane in [Lane::Control, Lane::Bulk] {
        let max = frame_bytes_max(lane);
        let mut reader = FrameReader::new(max);
        assert_eq!(feed(&mut reader, &prefix(max as u64)), Ok(vec![Step::Begun(max)]));
        let past = max as u64 + 1;
        let mut reader = FrameReader::new(max);
        assert_eq!(feed(&mut reader, &prefix(past)), Err(FrameError::TooLarge { declared: past, max }));
        assert_eq!(reader.allocated(), 0);
    }
}

#[test]
fn a_prefix_has_one_form_and_four_bytes_at_most() {
    for bad in [&[0x81, 0x00][..], &[0x80, 0x00], &[0xff, 0xff, 0xff, 0xff], &prefix(u64::MAX)] {
        let mut reader = FrameReader::new(frame_bytes_max(Lane::Bulk));
        assert_eq!(feed(&mut reader, bad), Err(FrameError::BadPrefix), "{bad:02x?}");
    }
    let mut reader = FrameReader::new(100);
    assert_eq!(feed(&mut reader, &[0]), Err(FrameError::Empty));
}

#[test]
fn a_declared_length_allocates_nothing_and_the_buffer_grows_with_the_bytes() {
    let max = frame_bytes_max(Lane::Bulk);
    let mut reader = FrameReader::new(max);
    feed(&mut reader, &prefix(max as u64)).expect("on the bound");
    assert_eq!(reader.allocated(), 0);
    let piece = vec![1; 16 * 1024];
    let mut sent = 0;
    while sent + piece.len() < max {
        feed(&mut reader, &piece).expect("inside the frame");
        sent += piece.len();
        assert!(reader.allocated() <= (2 * sent).max(64), "{} bytes held for {sent}", reader.allocated());
    }
    let steps = feed(&mut reader, &vec![1; max - sent]).expect("the rest");
    assert!(matches!(steps.as_slice(), [Step::Frame(frame)] if frame.len() == max));
}

fn block(bytes: usize) -> Arc<Block> {
    let key = SecretKey::from_seed(&[1; 32]);
    let header = Header {
        height: 1,
        parent: BlockId([0; 32]),
        producer: key.public(),
        timestamp_ms: 0,
        transactions_root: protocol::items::hash::Hash256([0; 32]),
        count: 1,
    };
    let header = header.sign(&key, &"test".parse().expect("a name"));
    Arc::new(Block { header, transactions: vec![vec![7; bytes].into()] })
}

#[test]
fn a_block_is_encoded_once_for_all_who_still_write_it() {
    let mut frames = Frames::default();
    let block = block(100_000);
    let message = Message::Block(Arc::clone(&block));
    let first = frames.of(&message);
    let mut wire = Vec::new();
    assert_eq!((write_frame(&message, &mut wire), wire.as_slice()), (first.body(), first.bytes()));
    assert!(Arc::ptr_eq(&first, &frames.of(&message)));
    // The same bytes elsewhere are another block for all we know.
    let twin = frames.of(&Message::Block(Arc::new(Block::clone(&block))));
    assert!(!Arc::ptr_eq(&first, &twin) && first.bytes() == twin.bytes());
    let alive = Arc::downgrade(&first);
    drop(first);
    assert!(alive.upgrade().is_none(), "nobody writes it any more");
}
