//! Connecting to one of several addresses by RFC 8305 ("Happy Eyeballs"): a silent address costs
//! 250 ms, not the attempt. It knows addresses alone, which its caller has judged.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::TcpStream;

use super::failure::{RequestFailure, io_text};

/// RFC 8305, section 5: after so long without an answer the next address is tried beside the
/// others. One that fails makes room for the next at once.
const DELAY: Duration = Duration::from_millis(250);

/// Connects to the address that accepts first. The other connections are dropped at once. The
/// caller's deadline is the only bound.
///
/// # Errors
/// When every address failed: with all of them, and what the system said.
pub(super) async fn first_that_connects(
    addresses: &[SocketAddr],
) -> Result<TcpStream, RequestFailure> {
    let mut waiting = interleaved(addresses).into_iter();
    let mut trying = FuturesUnordered::new();
    let mut failed = Vec::new();
    loop {
        trying.extend(waiting.next().map(connect));
        let ended = if waiting.len() == 0 {
            trying.next().await
        } else {
            match tokio::time::timeout(DELAY, trying.next()).await {
                Ok(ended) => ended,
                Err(_elapsed) => continue,
            }
        };
        match ended {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(failure)) => failed.push(failure),
            None => return Err(failure_of(&failed)),
        }
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, (SocketAddr, io::Error)> {
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|error| (address, error))?;
    // A request is written at once; waiting for more would only delay it.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// The families by turns, beginning with the one that the resolver put first; within a family in
/// the resolver's order (RFC 8305, section 4).
fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let of = |first: bool| {
        let family = addresses.iter().copied();
        family.filter(move |address| (address.is_ipv6() == first_is_v6) == first)
    };
    let (mut first, mut second) = (of(true), of(false));
    let mut ordered: Vec<SocketAddr> = Vec::with_capacity(addresses.len());
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return ordered;
        }
        for address in pair.into_iter().flatten() {
            if !ordered.contains(&address) {
                ordered.push(address);
            }
        }
    }
}

fn failure_of(failed: &[(SocketAddr, io::Error)]) -> RequestFailure {
    let refused = |(_, error): &(_, io::Error)| error.kind() == io::ErrorKind::ConnectionRefused;
    let own = |(_, error): &(_, io::Error)| is_own(error);
    if !failed.is_empty() && failed.iter().all(refused) {
        let addresses: Vec<String> = failed.iter().map(|(it, _)| it.to_string()).collect();
        return RequestFailure::Refused {
            addresses: addresses.join(" and "),
        };
    }
    if let Some((_, error)) = failed.iter().find(|it| own(it)) {
        return RequestFailure::NoSocket {
            detail: io_text(error),
        };
    }
    let each = |(address, error): &(SocketAddr, _)| format!("{address} ({})", io_text(error));
    let addresses: Vec<String> = failed.iter().map(each).collect();
    RequestFailure::Unreachable {
        addresses: addresses.join(" and "),
    }
}

/// Whether this machine is the reason: no descriptor, no port, no memory for a socket is left.
fn is_own(error: &io::Error) -> bool {
    // ENFILE, EMFILE, ENOBUFS of Linux, which std names no kinds for.
    const NOTHING_LEFT: [i32; 3] = [23, 24, 105];
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error
            .raw_os_error()
            .is_some_and(|code| NOTHING_LEFT.contains(&code))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, TcpListener};
    use std::time::Instant;

    use tokio::net::TcpSocket;

    use super::*;

    fn v4(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 443))
    }

    fn v6(last: u16) -> SocketAddr {
        SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, last], 443))
    }

    fn listening(address: impl Into<std::net::IpAddr>) -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((address.into(), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// An address that drops what connects: a socket whose queue is full and is never emptied.
    struct Silent {
        address: SocketAddr,
        listener: tokio::net::TcpListener,
        filling: Vec<std::net::TcpStream>,
    }

    impl Silent {
        fn new(ip: impl Into<std::net::IpAddr>) -> Self {
            let any = SocketAddr::from((ip.into(), 0));
            let socket = if any.is_ipv6() {
                TcpSocket::new_v6()
            } else {
                TcpSocket::new_v4()
            };
            let socket = socket.unwrap();
            socket.bind(any).unwrap();
            let listener = socket.listen(0).unwrap();
            let address = listener.local_addr().unwrap();
            let within = Duration::from_millis(100);
            let fill = || std::net::TcpStream::connect_timeout(&address, within).ok();
            let filling = std::iter::from_fn(fill).collect();
            Self {
                address,
                listener,
                filling,
            }
        }
    }

    #[test]
    fn families_take_turns_and_the_resolver_s_first_stays_first() {
        let given = [v6(1), v6(2), v6(3), v4(1), v4(2)];
        assert_eq!(interleaved(&given), [v6(1), v4(1), v6(2), v4(2), v6(3)]);
        let given = [v4(1), v4(2), v6(1), v4(1)];
        assert_eq!(interleaved(&given), [v4(1), v6(1), v4(2)]);
        assert_eq!(interleaved(&[]), []);
    }

    #[actix_rt::test]
    async fn a_silent_first_address_costs_250_ms() {
        let silent = Silent::new(Ipv6Addr::LOCALHOST);
        let (_listener, alive) = listening(Ipv4Addr::LOCALHOST);
        let begin = Instant::now();
        let stream = first_that_connects(&[silent.address, alive]).await.unwrap();
        let took = begin.elapsed();
        assert_eq!(stream.peer_addr().unwrap(), alive);
        assert!(stream.nodelay().unwrap());
        assert!(took >= DELAY && took < 4 * DELAY, "{took:?}");
    }

    #[actix_rt::test]
    async fn each_address_has_its_turn_however_many_are_silent() {
        let silent: Vec<Silent> = (0..3).map(|_| Silent::new(Ipv4Addr::LOCALHOST)).collect();
        let (_listener, alive) = listening(Ipv4Addr::LOCALHOST);
        let mut addresses: Vec<SocketAddr> = silent.iter().map(|it| it.address).collect();
        addresses.push(alive);
        let begin = Instant::now();
        let stream = first_that_connects(&addresses).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), alive);
        assert!(begin.elapsed() >= 3 * DELAY);
    }

    #[actix_rt::test]
    async fn an_address_that_refuses_makes_room_for_the_next_at_once() {
        let (gone, refusing) = listening(Ipv4Addr::LOCALHOST);
        drop(gone);
        let (_listener, alive) = listening(Ipv4Addr::LOCALHOST);
        let begin = Instant::now();
        let stream = first_that_connects(&[refusing, alive]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), alive);
        assert!(begin.elapsed() < DELAY, "{:?}", begin.elapsed());
    }

    #[actix_rt::test]
    async fn when_all_fail_each_address_is_named() {
        let (first, one) = listening(Ipv4Addr::LOCALHOST);
        let (second, other) = listening(Ipv4Addr::LOCALHOST);
        drop((first, second));
        let failure = first_that_connects(&[one, other]).await.unwrap_err();
        let text = failure.to_string();
        assert!(matches!(failure, RequestFailure::Refused { .. }), "{text}");
        assert!(text.contains(&format!("{one} and {other}")), "{text}");
        // No socket may connect to it.
        let nowhere = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::BROADCAST, 1));
        let failure = first_that_connects(&[one, nowhere]).await.unwrap_err();
        let text = failure.to_string();
        assert!(
            matches!(failure, RequestFailure::Unreachable { .. }),
            "{text}"
        );
        assert!(text.contains("(connection refused)"), "{text}");
    }

    #[actix_rt::test]
    async fn the_slower_connection_is_dropped_at_once() {
        let silent = Silent::new(Ipv4Addr::LOCALHOST);
        let (_listener, alive) = listening(Ipv4Addr::LOCALHOST);
        let _stream = first_that_connects(&[silent.address, alive]).await.unwrap();
        // Its queue has room again. What still tried to connect would come within a second.
        let mut accepted = 0;
        let accept = || tokio::time::timeout(6 * DELAY, silent.listener.accept());
        while accept().await.is_ok() {
            accepted += 1;
        }
        assert_eq!(accepted, silent.filling.len());
    }

    #[test]
    fn what_this_machine_lacks_is_not_blamed_on_the_target() {
        for code in [23, 24, 99, 105] {
            let failed = [(v4(1), io::Error::from_raw_os_error(code))];
            let failure = failure_of(&failed);
            assert!(
                matches!(failure, RequestFailure::NoSocket { .. }),
                "{failure}"
            );
        }
    }
}
