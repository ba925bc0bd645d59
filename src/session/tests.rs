//! The policy of each lane, and what happens when links come and go.

use super::*;
use crate::protocol::{Value, message::ClientFrame};

const NOW: Micros = 1_000_000;

fn session() -> Session {
    let limits = Limits { reliable_lane_frames: 16, input_lane: 4, message_lane: 4, ..Limits::default() };
    let init = SessionInit {
        id: SessionId(1),
        device: "device".into(),
        debug_hash: false,
        limits: Arc::new(limits),
        metrics: Arc::new(Metrics::default()),
    };
    let session = Session::new(init, NOW);
    session.begin(7);
    session
}

fn attach(session: &Session, delivery: Delivery) -> Link {
    let link = session.attach(TransportKind::Websocket, delivery, ResumeFrom::default(), welcome(), [1; 16], NOW);
    assert_eq!(link.try_next(), Some(Outgoing::Frame(welcome())));
    link
}

/// Attached and answered.
fn online(session: &Session, delivery: Delivery) -> Link {
    let link = attach(session, delivery);
    session.answer(frame(0), 0);
    assert_eq!(link.try_next(), Some(Outgoing::Frame(frame(0))));
    link
}

fn welcome() -> Bytes {
    Bytes::from_static(b"welcome")
}

fn frame(n: u32) -> Bytes {
    Bytes::from(format!("frame {n}"))
}

fn message(number: u32) -> Bytes {
    ClientFrame::Message { epoch: 7, number, call: None, name: "m".into(), data: Value::Nil }.encode()
}

fn drain(session: &Session) -> Drained {
    let mut drained = Drained::default();
    session.drain(&mut drained);
    drained
}

#[test]
fn full_input_lane_drops_oldest() {
    let session = session();
    let link = online(&session, Delivery::Datagram);
    for n in 0..6u8 {
        assert_eq!(link.receive(Bytes::from(vec![2, n]), NOW), Ok(None));
    }
    let drained = drain(&session);
    assert_eq!(drained.inputs.iter().map(|(_, f)| f[1]).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert_eq!(session.shared.metrics.inputs_dropped.get(), 2);
}

#[test]
fn snapshot_lane_keeps_the_newest() {
    let session = session();
    let link = online(&session, Delivery::Datagram);
    session.send_snapshot(frame(1));
    session.send_snapshot(frame(2));
    assert_eq!(link.try_next(), Some(Outgoing::Snapshot(frame(2))));
    assert_eq!(link.try_next(), None);
    assert_eq!(session.shared.metrics.snapshots_replaced.get(), 1);
}

#[test]
fn ordered_links_take_one_snapshot_at_a_time() {
    let session = session();
    let link = online(&session, Delivery::Ordered);
    assert!(drain(&session).takes_snapshot);
    session.send_snapshot(frame(1));
    assert!(!drain(&session).takes_snapshot);
    assert_eq!(link.try_next(), Some(Outgoing::Snapshot(frame(1))));
    assert!(!drain(&session).takes_snapshot, "it has been taken but has not left");
    assert_eq!(link.try_next(), None);
    assert!(drain(&session).takes_snapshot);
}

#[test]
fn full_reliable_lane_closes_the_link_and_keeps_the_seat() {
    let session = session();
    let link = online(&session, Delivery::Ordered);
    for n in 1..=17 {
        session.send(frame);
        assert_eq!(n <= 16, matches!(drain(&session).presence, Presence::Online(_)), "{n}");
    }
    let mut last = None;
    while let Some(outgoing) = link.try_next() {
        last = Some(outgoing);
        if matches!(last, Some(Outgoing::Close(_))) {
            break;
        }
    }
    assert_eq!(last, Some(Outgoing::Close(CloseReason::SlowConsumer)));
    assert_eq!(session.ended(), None);
    link.lost(NOW);
    let link = attach(&session, Delivery::Ordered);
    assert!(session.can_replay(10));
    session.answer(frame(0), 10);
    let got: Vec<_> = std::iter::from_fn(|| link.try_next()).collect();
    assert_eq!(got.len(), 8, "the answer and 11 to 17");
}

#[test]
fn full_reliable_lane_without_a_link_is_emptied() {
    let session = session();
    for _ in 0..17 {
        session.send(frame);
    }
    assert!(!session.can_replay(0) && !session.can_replay(17));
    assert_eq!(session.lost(7, 0), 17, "the resume can tell how many are gone");
}

#[test]
fn resume_resends_what_was_not_received() {
    let session = session();
    let link = online(&session, Delivery::Ordered);
    session.send(frame);
    session.send(frame);
    let _ = link.receive(ClientFrame::Received { epoch: 7, received: 1 }.encode(), NOW);
    let newer = attach(&session, Delivery::Ordered);
    session.send(frame);
    assert_eq!(newer.try_next(), None, "nothing leaves before the answer");
    session.answer(frame(0), 1);
    let got: Vec<_> = std::iter::from_fn(|| newer.try_next()).collect();
    assert_eq!(got, [0, 2, 3].map(|n| Outgoing::Frame(frame(n))));
    assert!(matches!(link.try_next(), Some(Outgoing::Frame(_))), "the older link is told");
    assert_eq!(link.try_next(), Some(Outgoing::Close(CloseReason::Replaced)));
    assert_eq!(link.receive(message(1), NOW), Ok(None));
    assert_eq!(drain(&session).messages, [], "and no longer heard");
}

#[test]
fn repeated_messages_are_dropped_and_gaps_refused() {
    let session = session();
    let link = online(&session, Delivery::Ordered);
    for number in [1, 1, 2, 1] {
        assert_eq!(link.receive(message(number), NOW), Ok(None));
    }
    assert_eq!(drain(&session).messages.len(), 2);
    assert_eq!(link.receive(message(4), NOW), Err(CloseReason::BadFrame));
}

#[test]
fn full_message_lane_closes_the_link_and_loses_nothing() {
    let session = session();
    let link = online(&session, Delivery::Ordered);
    for number in 1..=4 {
        assert_eq!(link.receive(message(number), NOW), Ok(None));
    }
    assert_eq!(link.receive(message(5), NOW), Err(CloseReason::RateLimited));
    assert_eq!(drain(&session).received, 4, "the client sends 5 again");
}

#[test]
fn floods_are_dropped_then_closed() {
    let session = session();
    let link = online(&session, Delivery::Datagram);
    let ack = ClientFrame::Ack { epoch_low: 7, tick: 1 }.encode();
    let results: Vec<_> = (0..1000).map(|_| link.receive(ack.clone(), NOW)).collect();
    assert_eq!(results[399], Ok(None));
    assert_eq!(results[999], Err(CloseReason::RateLimited));
    assert!(session.shared.metrics.frames_rate_limited.get() > 0);
}

#[test]
fn tokens_are_spent_by_the_first_frame_of_their_successor() {
    let session = session();
    let first = session.issue_generation();
    let link = online(&session, Delivery::Ordered);
    link.carries_generation(first);
    let second = session.issue_generation();
    assert!(session.accepts_generation(first));
    link.carries_generation(second);
    let _ = link.receive(ClientFrame::Ping { token: 0 }.encode(), NOW);
    assert!(!session.accepts_generation(first));
    assert!(session.accepts_generation(second));
    assert!(!session.accepts_generation(second + 1));
}

#[test]
fn the_last_handle_of_a_link_detaches_it() {
    let session = session();
    let link = online(&session, Delivery::Ordered);
    let other = link.clone();
    drop(link);
    assert_eq!(session.lost_since(), None);
    drop(other);
    assert_eq!(session.lost_since(), Some(NOW));
}

#[test]
fn a_session_that_ends_twice_is_counted_once() {
    let session = session();
    let link = online(&session, Delivery::Ordered);
    session.end(CloseReason::Kicked, CloseReason::Kicked.text());
    assert_eq!(link.receive(ClientFrame::Bye(CloseReason::Left).encode(), NOW), Ok(None));
    assert_eq!(session.ended(), Some(CloseReason::Kicked));
    assert_eq!(session.shared.metrics.sessions_held.get(), 0);
    assert_eq!(session.shared.metrics.sessions_closed.sum(), 1);
}
