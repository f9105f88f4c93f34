use tokio::time::{advance, timeout};

use super::*;

const GRACE: Duration = Duration::from_secs(1);

fn room(capacity: usize) -> WaitingRoom {
    WaitingRoom::new(capacity, GRACE)
}

async fn has_vacancy(room: &WaitingRoom) -> bool {
    timeout(Duration::ZERO, room.vacancy()).await.is_ok()
}

fn is_dismissed(place: &Place) -> bool {
    place.dismissed.is_cancelled()
}

#[tokio::test(start_paused = true)]
async fn the_oldest_silent_client_gives_way_once_it_has_had_its_time() {
    let room = room(2);
    let (first, _) = room.enter();
    advance(GRACE / 2).await;
    let (second, crowded) = room.enter();
    assert!(!crowded);
    assert!(!has_vacancy(&room).await);
    let start = Instant::now();
    room.vacancy().await;
    assert_eq!(start.elapsed(), GRACE / 2, "the first has had its time");
    let (third, crowded) = room.enter();
    assert!(crowded);
    assert!(is_dismissed(&first) && !is_dismissed(&second) && !is_dismissed(&third));
    drop(first);
    assert!(!has_vacancy(&room).await, "its place is taken");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_sent_its_packet_keeps_its_place() {
    let room = room(2);
    let (mut first, _) = room.enter();
    let (mut second, _) = room.enter();
    first.keep();
    first.keep();
    advance(2 * GRACE).await;
    let (third, crowded) = room.enter();
    assert!(crowded && is_dismissed(&second) && !is_dismissed(&first));
    // Dismissed in the moment in which its packet has arrived: one more than there are places.
    second.keep();
    drop(third);
    advance(2 * GRACE).await;
    assert!(!has_vacancy(&room).await);
    assert!(!room.dismiss_oldest());
    drop(first);
    assert!(has_vacancy(&room).await);
    drop(second);
    assert_eq!(room.lock().kept, 0);
}

#[tokio::test(start_paused = true)]
async fn a_room_in_which_nobody_is_silent_opens_when_one_leaves() {
    let room = room(1);
    let (mut place, _) = room.enter();
    place.keep();
    let waiting = tokio::spawn({
        let room = room.clone();
        async move { room.vacancy().await }
    });
    advance(100 * GRACE).await;
    assert!(!waiting.is_finished());
    drop(place);
    waiting.await.expect("it opens");
}

/// A stranger for each place that becomes free, for ever: a client that comes among them has its time all the same.
#[tokio::test(start_paused = true)]
async fn renewed_strangers_do_not_push_a_client_out_before_its_time() {
    let room = room(3);
    let mut strangers: Vec<_> = (0..3).map(|_| room.enter()).collect();
    room.vacancy().await;
    let (client, _) = room.enter();
    let start = Instant::now();
    while !is_dismissed(&client) {
        room.vacancy().await;
        strangers.push(room.enter());
        strangers.retain(|(place, _)| !is_dismissed(place));
    }
    assert!(start.elapsed() >= GRACE);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_dismissed_early_for_want_of_descriptors() {
    let room = room(9);
    let (place, _) = room.enter();
    assert!(!room.dismiss_oldest());
    advance(GRACE).await;
    assert!(room.dismiss_oldest() && is_dismissed(&place));
    assert!(!room.dismiss_oldest());
}
