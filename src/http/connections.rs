//! Who is connected: how many in all and from each address, whose caller is known, and who makes
//! room when there are too many.
//!
//! A caller is known from its first request with an accepted token or session on. A trusted
//! proxy is known itself; what it forwards for a stranger counts for that client's address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::life::Life;
use super::rules::{HttpRules, RuleSet};
use super::side::ConnectionSide;

/// One in so many connections is kept for known callers, and as many for strangers.
const SURE: usize = 4;

/// All connections of the server. A handle, cheap to clone.
#[derive(Clone)]
pub(super) struct Connections(Arc<ConnectionsState>);

struct ConnectionsState {
    rules: HttpRules,
    table: Mutex<ConnectionTable>,
    refused_by_address: AtomicU64,
    refused_in_all: AtomicU64,
    strangers_sent_away: AtomicU64,
    callers_sent_away: AtomicU64,
}

/// The connections of this moment, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Connected {
    /// Connections that are open.
    pub open: usize,
    /// Those of known callers.
    pub known: usize,
    /// How many there may be.
    pub limit: usize,
    /// Those that were not let in since the start: too many from one address.
    pub refused_by_address: u64,
    /// Those that were not let in since the start: too many in all.
    pub refused_in_all: u64,
    /// Those of strangers that made room for others since the start.
    pub strangers_sent_away: u64,
    /// Those of known callers that made room for others since the start.
    pub callers_sent_away: u64,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionRefusal {
    /// Too many from this address.
    Address,
    /// Too many in all, and each of them is a known caller who is being answered.
    All,
}

impl ConnectionRefusal {
    /// What is wrong and what helps.
    pub(super) const fn detail(self) -> &'static str {
        match self {
            Self::Address => {
                "This address has too many connections: close some, or ask the operator to raise \
                 max_connections_per_address."
            }
            Self::All => "Too many connections are open. Try again shortly.",
        }
    }
}

#[derive(Default)]
struct ConnectionTable {
    next: u64,
    open: HashMap<u64, OpenConnection>,
    strangers: ConnectionSide,
    known: ConnectionSide,
}

struct OpenConnection {
    life: Arc<Life>,
    /// What it counts for.
    network: IpAddr,
    /// Where it comes from.
    peer: IpAddr,
    known: bool,
}

/// The place of one connection, held as long as this lives.
pub(super) struct ConnectionPlace {
    connections: Connections,
    /// What is known of it.
    pub life: Arc<Life>,
}

impl Connections {
    #[must_use]
    pub(super) fn new(rules: HttpRules) -> Self {
        Self(Arc::new(ConnectionsState {
            rules,
            table: Mutex::default(),
            refused_by_address: AtomicU64::new(0),
            refused_in_all: AtomicU64::new(0),
            strangers_sent_away: AtomicU64::new(0),
            callers_sent_away: AtomicU64::new(0),
        }))
    }

    /// Lets a connection in. At a bound, the address with the most connections loses one.
    pub(super) fn enter(
        &self,
        peer: Option<SocketAddr>,
    ) -> Result<ConnectionPlace, ConnectionRefusal> {
        let rules = self.0.rules.get();
        let address = peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| {
            peer.ip().to_canonical()
        });
        let proxy = rules.trusts(address);
        let network = network(address);
        let mut table = self.table();
        if !proxy && table.from(network) >= rules.clients.connections_per_address {
            return Err(ConnectionRefusal::Address);
        }
        self.make_room(&mut table, &rules, true, proxy)?;
        let number = table.next;
        table.next += 1;
        let life = Arc::new(Life::new(number, proxy));
        table.add(
            number,
            OpenConnection {
                life: Arc::clone(&life),
                network,
                peer: network,
                known: proxy,
            },
        );
        Ok(ConnectionPlace {
            connections: self.clone(),
            life,
        })
    }

    /// Sends somebody away if there is no room for one more. Each side is sure of its part; past
    /// that, strangers go before known callers.
    fn make_room(
        &self,
        table: &mut ConnectionTable,
        rules: &RuleSet,
        entering: bool,
        known: bool,
    ) -> Result<(), ConnectionRefusal> {
        let most = rules.clients.connections;
        let sure = most / SURE;
        let full = entering && table.open.len() >= most;
        let crowd = !known && table.strangers.count >= most - sure;
        if !full && !crowd {
            return Ok(());
        }
        let strangers = || table.strangers.least();
        let callers = || table.known.least();
        let least = if crowd && !full {
            strangers()
        } else if crowd || table.strangers.count > sure {
            strangers().or_else(callers)
        } else {
            callers().or_else(strangers)
        };
        // It no longer counts from now on, so the next one sends another away.
        let open = least.and_then(|number| table.remove(number));
        let open = open.ok_or(ConnectionRefusal::All)?;
        let count = if open.known {
            &self.0.callers_sent_away
        } else {
            &self.0.strangers_sent_away
        };
        count.fetch_add(1, Ordering::Relaxed);
        open.life.send_away();
        Ok(())
    }

    /// Notes that the caller on this connection is known. Only the first time takes the lock.
    pub(super) fn know(&self, life: &Life) {
        if life.is_known() {
            return;
        }
        self.table().shift(life, None, true);
    }

    /// Counts the request that a proxy forwards for the client that makes it, until `put_down`.
    ///
    /// # Errors
    /// That client has too many under way, or there is no room.
    pub(super) fn carry(
        &self,
        life: &Life,
        client: Option<IpAddr>,
        known: bool,
    ) -> Result<(), ConnectionRefusal> {
        let Some(client) = client.filter(|_| life.is_proxy() && !life.is_carried()) else {
            return Ok(());
        };
        let rules = self.0.rules.get();
        let network = network(client);
        let mut table = self.table();
        let peer = table.open.get(&life.number).map(|open| open.peer);
        if peer.is_none_or(|peer| peer == network) {
            // The proxy asks for itself.
            return Ok(());
        }
        if table.from(network) >= rules.clients.connections_per_address {
            return Err(ConnectionRefusal::Address);
        }
        self.make_room(&mut table, &rules, false, known)?;
        table.shift(life, Some(network), known);
        life.set_carried(true);
        Ok(())
    }

    /// The forwarded request is answered: the connection is the proxy's again.
    pub(super) fn put_down(&self, life: &Life) {
        if !life.is_carried() {
            return;
        }
        let mut table = self.table();
        life.set_carried(false);
        let peer = table.open.get(&life.number).map(|open| open.peer);
        table.shift(life, peer, true);
    }

    /// Counts a client that was not let in.
    pub(super) fn refused(&self, why: ConnectionRefusal) {
        let count = match why {
            ConnectionRefusal::Address => &self.0.refused_by_address,
            ConnectionRefusal::All => &self.0.refused_in_all,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// What the metrics show.
    pub(super) fn now(&self) -> Connected {
        let table = self.table();
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Connected {
            open: table.open.len(),
            known: table.known.count,
            limit: self.0.rules.get().clients.connections,
            refused_by_address: read(&self.0.refused_by_address),
            refused_in_all: read(&self.0.refused_in_all),
            strangers_sent_away: read(&self.0.strangers_sent_away),
            callers_sent_away: read(&self.0.callers_sent_away),
        }
    }

    fn table(&self) -> MutexGuard<'_, ConnectionTable> {
        (self.0.table.lock()).unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionTable {
    fn add(&mut self, number: u64, open: OpenConnection) {
        let side = if open.known {
            &mut self.known
        } else {
            &mut self.strangers
        };
        side.add(open.network, number, &open.life);
        self.open.insert(number, open);
    }

    fn remove(&mut self, number: u64) -> Option<OpenConnection> {
        let open = self.open.remove(&number)?;
        let side = if open.known {
            &mut self.known
        } else {
            &mut self.strangers
        };
        side.remove(open.network, number);
        Some(open)
    }

    /// Counts a connection for another network, or on the other side. One that was sent away
    /// no longer counts.
    fn shift(&mut self, life: &Life, network: Option<IpAddr>, known: bool) {
        life.set_known(known);
        if let Some(mut open) = self.remove(life.number) {
            open.network = network.unwrap_or(open.network);
            open.known = known;
            self.add(life.number, open);
        }
    }

    /// How many count for a network.
    fn from(&self, network: IpAddr) -> usize {
        self.strangers.from(network) + self.known.from(network)
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.connections.table().remove(self.life.number);
    }
}

/// What counts as one address: of IPv6 the network that one customer gets.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::http::pipeline::NextPart;

    fn connections(all: &str, one: &str) -> Connections {
        let settings = [
            ("HERALD_MAX_CONNECTIONS", all),
            ("HERALD_MAX_CONNECTIONS_PER_ADDRESS", one),
            ("HERALD_TRUSTED_PROXIES", "10.0.0.0/8"),
        ];
        let settings = settings.iter();
        let settings = settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Connections::new(HttpRules::new(&Config::load(None, settings).unwrap()))
    }

    fn from(connections: &Connections, peer: &str) -> Result<ConnectionPlace, ConnectionRefusal> {
        connections.enter(Some(peer.parse().unwrap()))
    }

    fn many(connections: &Connections, number: usize, peer: &str) -> Vec<ConnectionPlace> {
        let entered = (0..number).map(|_| from(connections, peer).unwrap());
        entered.collect()
    }

    fn sent(places: &[ConnectionPlace]) -> Vec<usize> {
        let away = places.iter().enumerate();
        let away = away.filter(|(_, place)| place.life.is_sent_away());
        away.map(|(number, _)| number).collect()
    }

    #[test]
    fn one_address_gets_so_many_and_a_proxy_more() {
        let connections = connections("100", "2");
        let mut held = Vec::new();
        for peer in ["192.0.2.1:1", "[::ffff:192.0.2.1]:2"] {
            held.push(from(&connections, peer).unwrap());
        }
        assert_eq!(
            from(&connections, "192.0.2.1:3").err(),
            Some(ConnectionRefusal::Address)
        );
        held.push(from(&connections, "192.0.2.2:1").unwrap());
        held.extend(many(&connections, 2, "[2001:db8::1]:1"));
        let same = from(&connections, "[2001:db8::2:2]:1");
        assert_eq!(same.err(), Some(ConnectionRefusal::Address));
        held.extend(many(&connections, 5, "10.1.2.3:1"));
        assert_eq!(connections.now().known, 5);
        drop(held);
        assert!(from(&connections, "192.0.2.1:1").is_ok());
        assert!(connections.table().open.is_empty());
        let table = connections.table();
        assert!(table.strangers.is_empty() && table.known.is_empty());
    }

    #[test]
    fn at_the_bound_the_address_with_the_most_connections_loses() {
        let connections = connections("16", "100");
        let few = many(&connections, 3, "192.0.2.2:1");
        let most = many(&connections, 9, "192.0.2.1:1");
        // One that was served, one that sends a body: the others go first.
        most[0].life.begin(NextPart::Body(0));
        most[0].life.end();
        most[1].life.begin(NextPart::Body(0));
        most[1].life.reading(true);
        let newcomers: Vec<ConnectionPlace> = (3..9)
            .map(|host| from(&connections, &format!("192.0.2.{host}:1")).unwrap())
            .collect();
        assert_eq!(sent(&most), [2, 3, 4, 5, 6, 7]);
        assert!(sent(&few).is_empty() && sent(&newcomers).is_empty());
        let now = connections.now();
        assert_eq!((now.strangers_sent_away, now.callers_sent_away), (6, 0));
    }

    #[test]
    fn of_many_addresses_with_one_connection_each_the_oldest_goes() {
        let connections = connections("8", "100");
        let peer = |host: u64| format!("192.0.2.{}:1", 255 - host * 7 % 250);
        let held: Vec<ConnectionPlace> = (1..=20)
            .map(|host| from(&connections, &peer(host)).unwrap())
            .collect();
        // A quarter of the 8 is kept for known callers.
        assert_eq!(sent(&held), (0..14).collect::<Vec<_>>());
    }

    #[test]
    fn a_part_is_kept_for_known_callers_and_a_part_for_strangers() {
        let connections = connections("16", "100");
        let strangers = many(&connections, 12, "192.0.2.1:1");
        let call = |peer: &str| {
            let place = from(&connections, peer).unwrap();
            connections.know(&place.life);
            place
        };
        let callers: Vec<ConnectionPlace> = (0..12).map(|_| call("192.0.2.2:1")).collect();
        assert_eq!((sent(&strangers).len(), sent(&callers).len()), (8, 0));
        assert_eq!((connections.now().open, connections.now().known), (16, 12));
        // Strangers have no more than their part: known callers make room for each other.
        let _later: Vec<ConnectionPlace> = (0..5).map(|_| call("192.0.2.3:1")).collect();
        assert_eq!((sent(&strangers).len(), sent(&callers).len()), (8, 5));
        assert_eq!((connections.now().open, connections.now().known), (16, 12));
        let _newcomer = from(&connections, "192.0.2.4:1").unwrap();
        assert_eq!((sent(&strangers).len(), sent(&callers).len()), (8, 6));
    }

    #[test]
    fn a_known_caller_that_is_being_answered_stays() {
        let connections = connections("8", "100");
        let mut held = many(&connections, 6, "192.0.2.1:1");
        for busy in &held {
            busy.life.begin(NextPart::Body(0));
        }
        // Nobody knows who they are: they may ask again.
        held.extend(many(&connections, 1, "192.0.2.1:1"));
        assert_eq!(sent(&held), [0]);
        held.remove(0);
        for stranger in &held {
            connections.know(&stranger.life);
        }
        held.extend(many(&connections, 2, "192.0.2.1:1"));
        for busy in &held {
            busy.life.begin(NextPart::Body(0));
            connections.know(&busy.life);
        }
        assert_eq!(
            from(&connections, "192.0.2.2:1").err(),
            Some(ConnectionRefusal::All)
        );
        // Its body is still being read, and nothing was done with it.
        held[2].life.reading(true);
        let _next = from(&connections, "192.0.2.2:1").unwrap();
        assert_eq!(sent(&held), [2]);
    }

    #[test]
    fn what_a_proxy_forwards_counts_for_the_client_until_it_is_answered() {
        let connections = connections("16", "2");
        let address: IpAddr = [192, 0, 2, 1].into();
        let client = Some(address);
        let held = many(&connections, 5, "10.0.0.1:1");
        for place in &held[..2] {
            connections.carry(&place.life, client, false).unwrap();
        }
        let third = connections.carry(&held[2].life, client, false);
        assert_eq!(third.err(), Some(ConnectionRefusal::Address));
        // The proxy itself, and somebody else.
        let own = Some([10, 0, 0, 1].into());
        connections.carry(&held[3].life, own, false).unwrap();
        let other = Some([192, 0, 2, 2].into());
        connections.carry(&held[4].life, other, false).unwrap();
        assert_eq!(connections.now().known, 2);
        connections.know(&held[4].life);
        assert_eq!(connections.now().known, 3);
        connections.put_down(&held[0].life);
        connections.carry(&held[2].life, client, false).unwrap();
        for place in &held {
            connections.put_down(&place.life);
        }
        assert_eq!(connections.now().known, 5);
        // One that comes by itself is not a proxy's.
        let direct = from(&connections, "192.0.2.1:1").unwrap();
        connections.carry(&direct.life, other, false).unwrap();
        assert_eq!(connections.table().strangers.from(address), 1);
    }
}
