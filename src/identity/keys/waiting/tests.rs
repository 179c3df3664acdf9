use super::*;

fn enter(room: &WaitingRoom, [pattern, issuer, wide, narrow]: [u64; 4]) -> Result<Place, Crowded> {
    room.enter(Paths { of_pattern: vec![pattern, wide, narrow], of_issuer: vec![issuer, wide, narrow] })
}

fn crowd(room: &WaitingRoom, path: [u64; 4], count: usize) -> Vec<Place> {
    (0..count).filter_map(|_| enter(room, path).ok()).collect()
}

#[tokio::test]
async fn each_issuer_and_each_pattern_has_its_cap() {
    let room = WaitingRoom::default();
    let one = crowd(&room, [1, 1, 1, 1], 1000);
    assert_eq!(one.len(), MAX_OF_ISSUER);
    let pattern: Vec<_> = (2..100).flat_map(|issuer| crowd(&room, [1, issuer, 1, 1], 20)).collect();
    assert_eq!(room.occupied(), MAX_OF_PATTERN);
    let others: Vec<_> = (2..100).flat_map(|pattern| crowd(&room, [pattern, 1000 + pattern, 1, 1], 20)).collect();
    assert_eq!(room.occupied(), MAX);
    assert!(room.refused() > 2000);
    drop((one, pattern, others));
    assert_eq!(room.occupied(), 0);
}

#[tokio::test]
async fn one_client_cannot_keep_the_others_from_waiting() {
    let room = WaitingRoom::default();
    let mut crowd = crowd(&room, [1, 1, 1, 1], MAX_OF_ISSUER);
    let other = enter(&room, [1, 1, 2, 2]).expect("another client");
    let pushed_out = crowd.pop().unwrap().wait_for(std::future::pending()).await;
    assert!(pushed_out.is_err(), "the last of the crowd gave way");
    assert!(enter(&room, [1, 1, 1, 1]).is_err());
    assert!(other.wait_for(std::future::ready(())).await.is_ok());
    assert_eq!(room.occupied(), MAX_OF_ISSUER - 1);
}

#[test]
fn who_invents_issuers_has_no_more_places_for_it() {
    let room = WaitingRoom::default();
    let crowd: Vec<_> = (1..2000).filter_map(|number| enter(&room, [1, number, 1, number]).ok()).collect();
    assert_eq!((crowd.len(), room.occupied()), (MAX_OF_PATTERN, MAX_OF_PATTERN));
    let honest: Vec<_> = (0..100).map(|number| enter(&room, [1, 5000 + number, 2, 1]).expect("in")).collect();
    drop((crowd, honest));
    assert_eq!(room.occupied(), 0);
}
