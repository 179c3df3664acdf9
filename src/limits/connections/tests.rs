use super::*;

fn connections(total: usize, per_address: usize) -> Connections {
    let total = NonZeroUsize::new(total).unwrap();
    Connections::new(ConnectionLimits { total, per_address: NonZeroUsize::new(per_address), begun: total })
}

fn admit(connections: &Connections, address: &str) -> Result<Arc<Lease>, Refused> {
    connections.admit(Some(address.parse().unwrap())).map(|(lease, _)| lease)
}

#[test]
fn the_one_that_waited_longest_makes_room() {
    let connections = connections(3, 0);
    let leases = [(); 3].map(|()| admit(&connections, "192.0.2.1").unwrap());
    drop(leases[0].serve());
    let served = leases[1].serve();
    let (_fourth, evicted) = connections.admit(None).unwrap();
    assert!(evicted);
    assert_eq!(leases.each_ref().map(|lease| lease.is_cut()), [false, false, true], "the others were served later");
    let (_fifth, _) = connections.admit(None).unwrap();
    assert_eq!(leases.each_ref().map(|lease| lease.is_cut()), [true, false, true]);
    assert_eq!(connections.open(), 3);
    drop(leases);
    assert_eq!(connections.open(), 3, "one is served, and those that were cut are counted once");
    drop(served);
    assert_eq!(connections.open(), 2);
}

#[tokio::test]
async fn a_connection_that_is_cut_is_woken() {
    let connections = connections(1, 0);
    let lease = admit(&connections, "192.0.2.1").unwrap();
    let waiting = tokio::spawn(std::future::poll_fn(move |context| lease.poll_cut(context)));
    tokio::task::yield_now().await;
    let _new = admit(&connections, "192.0.2.1").unwrap();
    tokio::task::yield_now().await;
    assert!(waiting.is_finished());
}

#[test]
fn those_that_are_served_are_never_cut() {
    let connections = connections(2, 0);
    let leases = [(); 2].map(|()| admit(&connections, "192.0.2.1").unwrap());
    let serving = leases.each_ref().map(Lease::serve);
    let second = leases[0].serve();
    assert_eq!(connections.admit(None).unwrap_err(), Refused::Full);
    drop(serving);
    let _room = admit(&connections, "192.0.2.2").unwrap();
    assert!(leases[1].is_cut() && !leases[0].is_cut(), "the first still has a request");
    drop(second);
    let _room = admit(&connections, "192.0.2.2").unwrap();
    assert_eq!(connections.open(), 2);
}

#[test]
fn an_address_has_its_own_cap_and_others_are_not_cut_for_it() {
    let connections = connections(10, 2);
    let first = [(); 2].map(|()| admit(&connections, "2001:db8::1").unwrap());
    assert_eq!(admit(&connections, "2001:db8::2").unwrap_err(), Refused::Address, "the same /64");
    let other = admit(&connections, "2001:db8:0:1::1").unwrap();
    drop(first);
    let _again = admit(&connections, "2001:db8::2").unwrap();
    assert!(!other.is_cut());
    drop(other);
    assert_eq!(connections.0.state.lock().by_address.len(), 1, "an address without connections is forgotten");
}

#[test]
fn a_cut_that_comes_while_a_request_becomes_whole_is_counted_once() {
    let connections = connections(1, 1);
    let lease = admit(&connections, "192.0.2.1").unwrap();
    let _new = admit(&connections, "192.0.2.2").unwrap();
    let late = lease.serve();
    assert!(lease.poll_cut(&mut Context::from_waker(Waker::noop())).is_ready());
    drop(late);
    drop(lease);
    assert_eq!((connections.open(), connections.0.state.lock().silent.len()), (1, 1));
}

#[test]
fn those_that_have_begun_have_a_cap_of_their_own() {
    let (one, two) = (NonZeroUsize::MIN, NonZeroUsize::new(2).unwrap());
    let total = NonZeroUsize::new(100).unwrap();
    let limits = ConnectionLimits { total, begun: NonZeroUsize::new(4).unwrap(), per_address: None };
    let connections = Connections::new(limits);
    let [silent, light, served, heavy, last] = [(); 5].map(|()| admit(&connections, "192.0.2.1").unwrap());
    assert_eq!([&light, &served].map(|lease| lease.begin(one)), [0, 0]);
    let serving = served.serve();
    assert_eq!(heavy.begin(two), 0, "four are allowed");
    assert_eq!(last.begin(two), 2, "the light one is not enough");
    let cut = [&silent, &light, &served, &heavy, &last].map(|lease| lease.is_cut());
    assert_eq!(cut, [false, true, false, true, false]);
    assert_eq!((connections.open(), connections.0.state.lock().weight), (3, 3));
    assert_eq!(heavy.begin(two), 0, "one that was cut begins no more");
    drop((light, heavy));
    assert_eq!((connections.open(), connections.0.state.lock().weight), (3, 3), "it is counted once");
    drop((serving, silent, served, last));
    assert_eq!((connections.open(), connections.0.state.lock().weight), (0, 0));
}

#[test]
fn among_silent_ones_and_others_the_one_that_waited_longest_goes() {
    let connections = connections(2, 0);
    let [first, second] = [(); 2].map(|()| admit(&connections, "192.0.2.1").unwrap());
    first.begin(NonZeroUsize::MIN);
    let third = admit(&connections, "192.0.2.1").unwrap();
    assert_eq!([&first, &second, &third].map(|lease| lease.is_cut()), [false, true, false], "the silent one");
    let _fourth = admit(&connections, "192.0.2.1").unwrap();
    assert_eq!([&first, &third].map(|lease| lease.is_cut()), [true, false], "the one that had begun");
}
